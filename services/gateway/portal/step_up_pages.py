"""Showing again who one is, before something that matters."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from pydantic import SecretStr

from services.gateway.model import Caller
from services.gateway.portal import addresses
from services.gateway.portal.answers import SAID_OF_METHODS, read_answer
from services.gateway.portal.new_password import wrong
from services.gateway.portal.page import Pages
from services.gateway.portal.visits import Form, Handler, Visits
from services.gateway.step_up import StepUps
from shared.contracts.credentials import LongestPassword
from shared.contracts.methods import Method
from shared.contracts.refusals import InvalidRequest, Refusal
from shared.contracts.sessions import Purpose

ADDRESS = "/re-authenticate"
_ADMIN = "/admin"
_SAID_IN_PLACE = {*SAID_OF_METHODS, "wrong-password"}
_Act = Callable[[web.Request, Caller, Form], Awaitable[web.Response]]


def to_step_up(to: str) -> web.Response:
    """Return the answer that asks somebody again who they are, and then leads where they were."""
    return addresses.see(addresses.with_query(ADDRESS, next=to))


async def stepped_up(
    request: web.Request, act: Callable[[], Awaitable[web.Response]]
) -> web.Response:
    """Act, or ask first who it is."""
    try:
        return await act()
    except Refusal as refusal:
        if refusal.type != "step-up-required":
            raise
        return to_step_up(addresses.read_again(request))


@dataclass(frozen=True)
class StepUpPages:
    """The form for the password, or for a code where a second factor is asked for."""

    pages: Pages
    visits: Visits
    step_ups: StepUps

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self._ask),
            web.post(ADDRESS, self._taking(self._show)),
            web.post(f"{ADDRESS}/send", self._taking(self._send)),
        ]

    def _taking(self, act: _Act) -> Handler:
        """Return the handler of a form: what is refused is said above it."""

        async def handle(request: web.Request) -> web.Response:
            caller, form = await self.visits.sent_form(request)
            try:
                return await act(request, caller, form)
            except Refusal as refusal:
                if refusal.type not in _SAID_IN_PLACE:
                    raise
                return await self._form(request, form, refusal)

        return handle

    async def _ask(self, request: web.Request) -> web.Response:
        return await self._form(request, Form(request.query))

    async def _show(self, _request: web.Request, caller: Caller, form: Form) -> web.Response:
        await self._shown(caller, form)
        return addresses.see(addresses.local(form["next"]))

    async def _send(self, request: web.Request, caller: Caller, form: Form) -> web.Response:
        language = self.pages.language(request, await self.visits.visitor(request))
        await self.step_ups.begin(caller, form["method"], language)
        to = addresses.local(form["next"])
        return addresses.see(
            addresses.with_query(ADDRESS, next=to, method=form["method"], sent="again")
        )

    async def _shown(self, caller: Caller, form: Form) -> None:
        purpose, organization = _purpose_of(form), _organization_of(form)
        if form["method"]:
            answer = read_answer(form)
            await self.step_ups.by_method(caller, form["method"], answer, purpose, organization)
            return
        if not 0 < len(form["password"]) <= LongestPassword:
            reason = "too-long" if form["password"] else "missing"
            raise InvalidRequest(errors=[wrong("password", reason)])
        password = SecretStr(form["password"])
        await self.step_ups.by_password(caller, password, purpose, organization)

    async def _form(
        self, request: web.Request, form: Form, refusal: Refusal | None = None
    ) -> web.Response:
        visitor = await self.visits.visitor(request)
        methods = await self.step_ups.usable(visitor.caller)
        chosen = next((each for each in methods if each.id == form["method"]), None)
        asked, to = chosen or _first(methods), addresses.local(form["next"])
        return await self.pages.show(
            request,
            "re_authenticate.html",
            visitor=visitor,
            address=addresses.with_query(ADDRESS, next=to, method=form["method"] or None),
            asked=asked,
            options=await self._options(request, visitor.caller, asked),
            methods=methods,
            to=to,
            organization=_organization_of(form),
            again=request.query.get("sent") == "again",
            refusal=refusal,
        )

    async def _options(
        self, request: web.Request, caller: Caller, asked: Method | None
    ) -> str | None:
        if asked is None or asked.kind != "passkey":
            return None
        language = self.visits.requests.language(request)
        return (await self.step_ups.begin(caller, asked.id, language)).options


def _purpose_of(form: Form) -> Purpose:
    path = _path(form)
    if path == _ADMIN or path.startswith(f"{_ADMIN}/"):
        return "administration"
    if _organization_of(form) is not None:
        return "organization"
    return "password" if path == addresses.CHANGE else "security-info"


def _organization_of(form: Form) -> str | None:
    """Return the organization that somebody is on the way to leave, if they are."""
    path = _path(form)
    return path.removeprefix(addresses.LEAVE) if path.startswith(addresses.LEAVE) else None


def _path(form: Form) -> str:
    return addresses.local(form["next"]).partition("?")[0]


def _first(methods: tuple[Method, ...]) -> Method | None:
    factors = [each for each in methods if each.kind != "recovery-codes"]
    return next((each for each in factors if each.default), next(iter(factors), None))
