"""Setting up a first second factor, before the sign-in is complete."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.gateway.portal import addresses
from services.gateway.portal.answers import read_code
from services.gateway.portal.page import Pages
from services.gateway.portal.security_info_pages import read_label
from services.gateway.portal.sign_in_pages import (
    REGISTER,
    SignInPages,
    flow_of,
    secret_of,
)
from services.gateway.portal.visits import Form, Visits
from services.gateway.qr import qr_code
from services.gateway.registration import Registration
from shared.contracts.methods import AuthenticatorSetup, LongestLabel
from shared.contracts.refusals import Refusal

# The setup is over, or never began: it begins again.
_BEGINS_AGAIN = {"setup-ended", "too-many-authenticators", "not-allowed-by-policy"}
_SAID_IN_PLACE = {
    *_BEGINS_AGAIN,
    "cannot-be-put-off",
    "code-refused",
    "code-used",
    "sign-in-throttled",
    "invalid-request",
    "too-busy",
    "service-unavailable",
    "csrf-refused",
}


@dataclass(frozen=True)
class RegistrationPages:
    """The form that begins it or puts it off, and the one for the code that shows that it works."""

    pages: Pages
    visits: Visits
    registration: Registration
    signing_in: SignInPages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        taking = self.visits.taking
        return [
            web.get(REGISTER, self._ask),
            web.post(REGISTER, taking(self._begin, self._first, _SAID_IN_PLACE)),
            web.post(f"{REGISTER}/prove", taking(self._prove, self._again, _SAID_IN_PLACE)),
            web.post(f"{REGISTER}/skip", taking(self._put_off, self._first, _SAID_IN_PLACE)),
        ]

    async def _ask(self, request: web.Request) -> web.Response:
        return await self.signing_in.ask(
            request, "register-security-info", lambda to: self._first(request, Form({"next": to}))
        )

    async def _begin(self, request: web.Request, form: Form) -> web.Response:
        setup = await self.registration.begin(flow_of(request), read_label(form))
        return await self._second(request, form, setup.id, setup)

    async def _prove(self, request: web.Request, form: Form) -> web.Response:
        code, where = read_code(form), self.visits.requests.where(request)
        outcome = await self.registration.prove(flow_of(request), form["id"], code, where)
        to = addresses.local(form["next"])
        return await self.signing_in.follow(request, outcome, to, secret_of(request))

    async def _again(self, request: web.Request, form: Form, refusal: Refusal) -> web.Response:
        if refusal.type in _BEGINS_AGAIN:
            return await self._first(request, form, refusal)
        return await self._second(request, form, form["id"], None, refusal)

    async def _put_off(self, request: web.Request, form: Form) -> web.Response:
        where = self.visits.requests.where(request)
        outcome = await self.registration.put_off(flow_of(request), where)
        to = addresses.local(form["next"])
        return await self.signing_in.follow(request, outcome, to, secret_of(request))

    async def _first(
        self, request: web.Request, form: Form, refusal: Refusal | None = None
    ) -> web.Response:
        flow = await self.registration.to_register(flow_of(request))
        return await self._show(
            request,
            "register.html",
            form,
            refusal,
            label=form["label"],
            longest_label=LongestLabel,
            skip_until=flow.skip_until,
        )

    async def _second(
        self,
        request: web.Request,
        form: Form,
        method_id: str,
        setup: AuthenticatorSetup | None,
        refusal: Refusal | None = None,
    ) -> web.Response:
        return await self._show(
            request,
            "register_code.html",
            form,
            refusal,
            method_id=method_id,
            # It is shown once; who mistyped a code has it in the app by now.
            secret=setup.secret.get_secret_value() if setup else None,
            qr=qr_code(setup.otpauth_uri.get_secret_value()) if setup else None,
        )

    async def _show(
        self,
        request: web.Request,
        template: str,
        form: Form,
        refusal: Refusal | None,
        **content: Any,
    ) -> web.Response:
        to = addresses.local(form["next"])
        return await self.pages.show(
            request,
            template,
            address=addresses.with_query(REGISTER, next=to),
            to=to,
            refusal=refusal,
            **content,
        )
