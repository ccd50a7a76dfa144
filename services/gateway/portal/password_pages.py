"""Changing one's password."""

from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from pydantic import SecretStr

from services.gateway.account import Account
from services.gateway.errors import PasswordChangeUnconfirmed
from services.gateway.model import Caller
from services.gateway.portal.new_password import shortcomings, wrong
from services.gateway.portal.page import Pages
from services.gateway.portal.receipt_pages import show_receipt
from services.gateway.portal.visits import Form, Visits
from services.gateway.rendering import headers_of
from shared.contracts.refusals import InvalidRequest, Refusal, Unavailable

ADDRESS = "/password"
_SAID_IN_PLACE = {
    "wrong-password",
    "password-refused",
    "password-changed-meanwhile",
    "sign-in-throttled",
    "invalid-request",
    "too-busy",
    "service-unavailable",
    "password-change-unconfirmed",
}


@dataclass(frozen=True)
class PasswordPages:
    """The form that takes the old password and the new one."""

    pages: Pages
    visits: Visits
    account: Account

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(ADDRESS, self._ask), web.post(ADDRESS, self._change)]

    async def _ask(self, request: web.Request) -> web.Response:
        return await self._form(request)

    async def _change(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request)
        old, new = SecretStr(form["old_password"]), SecretStr(form["new_password"])
        try:
            await self._look_over(caller, form)
            revoked = await self.account.change_password(caller, old=old, new=new)
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            return await self._form(request, await self._told(caller, form, refusal))
        return show_receipt(revoked, caller)

    async def _look_over(self, caller: Caller, form: Form) -> None:
        errors = await self._shortcomings(caller, form)
        if not errors:
            return
        if all(error["field"] != "old_password" for error in errors):
            await self._verify(caller, SecretStr(form["old_password"]))
            if form["new_password"] == form["old_password"]:
                errors = [wrong("new_password", "same-as-current"), *errors]
        raise InvalidRequest(errors=errors)

    async def _verify(self, caller: Caller, password: SecretStr) -> None:
        # A change to the same password is always refused, but not before the old one was
        # verified. So a guess counts, and is told, as in a change and in no other way.
        try:
            await self.account.change_password(caller, old=password, new=password)
        except PasswordChangeUnconfirmed as lost:
            raise Unavailable from lost
        except Refusal as refusal:
            if refusal.type != "password-refused":
                raise

    async def _told(self, caller: Caller, form: Form, refusal: Refusal) -> Refusal:
        if refusal.type not in {"wrong-password", "sign-in-throttled"}:
            return refusal
        is_wrong = refusal.type == "wrong-password"
        others = await self._shortcomings(caller, form, anyway=is_wrong)
        refusal.errors = (*([wrong("old_password", "wrong")] if is_wrong else []), *others)
        return refusal

    async def _shortcomings(
        self, caller: Caller, form: Form, *, anyway: bool = False
    ) -> list[dict[str, str]]:
        new = SecretStr(form["new_password"])
        return await shortcomings(
            form, lambda: self.account.check_password(caller, new), anyway=anyway
        )

    async def _form(self, request: web.Request, refusal: Refusal | None = None) -> web.Response:
        visitor = await self.visits.visitor(request)
        return await self.pages.show(
            request,
            "password.html",
            visitor=visitor,
            person=visitor.known_person,
            status=refusal.status if refusal else HTTPStatus.OK,
            headers=headers_of(refusal) if refusal else None,
            refusal=refusal,
            errors=refusal.errors if refusal else (),
        )
