"""Changing one's password."""

from dataclasses import dataclass

from aiohttp import web
from pydantic import SecretStr

from services.gateway.account import Account
from services.gateway.errors import PasswordChangeUnconfirmed, StepUpRequired
from services.gateway.model import Caller
from services.gateway.portal import addresses
from services.gateway.portal.new_password import shortcomings, wrong
from services.gateway.portal.page import Pages
from services.gateway.portal.receipt_pages import show_receipt
from services.gateway.portal.step_up_pages import to_step_up
from services.gateway.portal.visits import Form, Visitor, Visits
from services.gateway.step_up import StepUps
from shared.contracts.refusals import InvalidRequest, Refusal, Unavailable

_WITHOUT = addresses.with_query(addresses.CHANGE, without="yes")
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
    step_ups: StepUps

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(addresses.CHANGE, self._ask),
            web.post(addresses.CHANGE, self._change),
        ]

    async def _ask(self, request: web.Request) -> web.Response:
        form, visitor = Form(request.query), await self.visits.visitor(request)
        if _is_without(form):
            try:
                await self.step_ups.require_instead_of_password(visitor.caller)
            except StepUpRequired:
                return to_step_up(_WITHOUT)
            except InvalidRequest:
                return addresses.see(addresses.CHANGE)
        return await self._form(request, visitor, form)

    async def _change(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request)
        old = None if _is_without(form) else SecretStr(form["old_password"])
        try:
            await self._look_over(caller, form)
            revoked = await self.account.change_password(
                caller, old=old, new=SecretStr(form["new_password"])
            )
        except StepUpRequired:
            return to_step_up(_WITHOUT)
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            told = await self._told(caller, form, refusal)
            return await self._form(request, await self.visits.visitor(request), form, told)
        return show_receipt(revoked, caller)

    async def _look_over(self, caller: Caller, form: Form) -> None:
        errors = await self._shortcomings(caller, form)
        if not errors:
            return
        if all(error["field"] != "old_password" for error in errors) and not _is_without(form):
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

    async def _form(
        self, request: web.Request, visitor: Visitor, form: Form, refusal: Refusal | None = None
    ) -> web.Response:
        return await self.pages.show(
            request,
            "password.html",
            visitor=visitor,
            address=_WITHOUT if _is_without(form) else addresses.CHANGE,
            person=visitor.known_person,
            without_old=_is_without(form),
            can_be_without=visitor.caller.session.aal > 1,
            refusal=refusal,
        )


def _is_without(form: Form) -> bool:
    """Tell whether a second factor is to stand in for the old password."""
    return form["without"] == "yes"
