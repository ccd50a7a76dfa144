"""Passkeys: making one, and signing in with one alone."""

import secrets
from dataclasses import dataclass

from aiohttp import web
from pydantic import SecretStr

from services.gateway.model import Caller, FlowSeconds, PasskeyAttempt
from services.gateway.portal import addresses, cookies
from services.gateway.portal.answers import read_answer
from services.gateway.portal.security_info_pages import ADDRESS as SECURITY
from services.gateway.portal.security_info_pages import SecurityInfoPages, read_label
from services.gateway.portal.sign_in_pages import ADDRESS as SIGN_IN
from services.gateway.portal.sign_in_pages import (
    SAID_IN_PLACE,
    SignInPages,
    client_of,
    device_keys,
    device_name,
    flow_of,
    secret_of,
)
from services.gateway.portal.visits import Form
from services.gateway.sign_in import SignIn
from shared.contracts.refusals import Refusal

LABEL = "passkey-label"
"""The field for the name, beside which the page has another one."""


@dataclass(frozen=True)
class PasskeyPages:
    """The page that makes a passkey, and what the button on the sign-in page asks for."""

    signing_in: SignInPages
    security: SecurityInfoPages

    @property
    def sign_in(self) -> SignIn:
        """The flow that both faces call."""
        return self.signing_in.sign_in

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post(f"{SECURITY}/passkeys", self.security.taking(self._begin)),
            web.post(f"{SECURITY}/passkeys/prove", self.security.taking(self._prove)),
            web.post(f"{SIGN_IN}/passkey/options", self._options),
            web.post(
                f"{SIGN_IN}/passkey",
                self.signing_in.visits.taking(self._enter, self._again, SAID_IN_PLACE),
            ),
        ]

    async def _begin(self, request: web.Request, caller: Caller, form: Form) -> web.Response:
        label = read_label(form, field=LABEL)
        setup = await self.security.security_info.enroll_passkey(
            caller, label=label, instead_of=form["instead_of"] or None
        )
        return await self.security.pages.show(
            request,
            "passkey_setup.html",
            visitor=await self.security.visits.visitor(request),
            address=SECURITY,
            setup=setup,
        )

    async def _prove(self, _request: web.Request, caller: Caller, form: Form) -> web.Response:
        await self.security.security_info.prove(caller, form["id"], read_answer(form))
        return addresses.see(addresses.with_query(SECURITY, done="added"))

    async def _options(self, request: web.Request) -> web.Response:
        self.signing_in.visits.check_anonymous_script(request)
        secret = secrets.token_urlsafe(16)
        flow, options = await self.sign_in.passkey_options(client_of(secret))
        response = web.json_response(text=options)
        cookies.keep(response, cookies.FLOW, f"{flow}.{secret}", seconds=FlowSeconds)
        return response

    async def _enter(self, request: web.Request, form: Form) -> web.Response:
        outcome = await self.sign_in.with_passkey(self._attempt(request, read_answer(form)))
        to = addresses.local(form["next"])
        return await self.signing_in.follow(request, outcome, to, secret_of(request))

    async def _again(self, request: web.Request, form: Form, refusal: Refusal) -> web.Response:
        to = addresses.local(form["next"])
        return await self.signing_in.form(request, to, refusal=refusal, by_passkey=True)

    def _attempt(self, request: web.Request, answer: SecretStr) -> PasskeyAttempt:
        where = self.signing_in.visits.requests.where(request)
        return PasskeyAttempt(
            key=flow_of(request),
            answer=answer,
            where=where,
            device_keys=device_keys(request),
            device_name=device_name(where.user_agent),
            language=self.signing_in.visits.requests.language(request),
        )
