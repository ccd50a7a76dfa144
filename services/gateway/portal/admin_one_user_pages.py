"""One user: what is known of them, and what an admin does to their account."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from services.gateway.policy import Policies
from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import Admins, Sent
from services.gateway.portal.admin_user_pages import ADDRESS, page_of
from services.gateway.portal.visits import Form, Visitor
from services.gateway.users import KnownUser, Users
from shared.contracts.profile import Person
from shared.contracts.refusals import NotFound

_DONE = {"added", "changed", "sign-out", "disable", "enable", "require-security-info"}
_SAID_IN_PLACE = {"last-admin", "too-busy", "service-unavailable"}
Do = Callable[[Person, str], Awaitable[object]]


@dataclass(frozen=True)
class AdminOneUserPages:
    """The page of a user, and a question before whatever is done to them."""

    admins: Admins
    users: Users
    policies: Policies

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        one = f"{ADDRESS}/{{id}}"
        return [
            web.get(one, self.admins.reading(self._show)),
            *self.admins.form(f"{one}/{{action}}", self._question, self._act, _SAID_IN_PLACE),
        ]

    def _actions(self, known: KnownUser) -> dict[str, Do]:
        """Return what may be done to somebody, by the name that it has in the API."""
        actions: dict[str, Do] = {
            "temporary-password": self._set_temporary_password,
            "sign-out": self.users.sign_out,
            "require-security-info": self.policies.require_security_info,
        }
        if known.account.disabled:
            return actions | {"enable": self.users.enable, "delete": self.users.delete}
        return actions | {"disable": self.users.disable, "delete": self.users.delete}

    async def _set_temporary_password(self, admin: Person, sub: str) -> str:
        given = await self.users.set_temporary_password(admin, sub, None)
        return given.password.get_secret_value() if given.password is not None else ""

    async def _show(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        known = await self.users.read(admin, request.match_info["id"])
        done = request.query.get("done")
        return await self.admins.pages.show(
            request,
            "admin_user.html",
            visitor=visitor,
            known=known,
            user=known.user,
            actions=self._actions(known),
            done=done if done in _DONE else None,
        )

    async def _question(
        self, request: web.Request, visitor: Visitor, admin: Person, sent: Sent
    ) -> web.Response:
        known, action = await self._known(request, admin)
        return await self.admins.pages.show(
            request,
            "admin_user_action.html",
            visitor=visitor,
            user=known.user,
            action=action,
            refusal=sent.refusal,
        )

    async def _act(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        known, action = await self._known(request, admin)
        sub = known.user.sub
        if form["answer"] != "yes":
            return addresses.see(page_of(sub))
        done = await self._actions(known)[action](admin, sub)
        if action == "temporary-password":
            return await self._password(request, known, str(done))
        if action == "delete":
            return addresses.see(addresses.with_query(ADDRESS, done="deleted"))
        return addresses.see(addresses.with_query(page_of(sub), done=action))

    async def _password(
        self, request: web.Request, known: KnownUser, password: str
    ) -> web.Response:
        return await self.admins.pages.show(
            request,
            "admin_user_password.html",
            visitor=await self.admins.visits.visitor(request),
            address=page_of(known.user.sub),
            user=known.user,
            password=password,
        )

    async def _known(self, request: web.Request, admin: Person) -> tuple[KnownUser, str]:
        """Return who it is about and what is to be done, or raise where that is no such thing."""
        known = await self.users.read(admin, request.match_info["id"])
        action = request.match_info["action"]
        if action not in self._actions(known):
            raise NotFound
        return known, action
