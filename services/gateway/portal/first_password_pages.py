"""Choosing one's own password in place of a temporary one, before the sign-in is complete."""

from dataclasses import dataclass

from aiohttp import web
from pydantic import SecretStr

from services.gateway.portal import addresses
from services.gateway.portal.new_password import read_password, shortcomings
from services.gateway.portal.page import Pages
from services.gateway.portal.sign_in_pages import (
    FIRST_PASSWORD,
    SignInPages,
    flow_of,
    secret_of,
)
from services.gateway.portal.visits import Form, Visits
from services.gateway.sign_in import SignIn
from shared.contracts.refusals import InvalidRequest, Refusal

ADDRESS = FIRST_PASSWORD
_SAID_IN_PLACE = {
    "password-refused",
    "invalid-request",
    "too-busy",
    "service-unavailable",
    "password-change-unconfirmed",
    "csrf-refused",
}


@dataclass(frozen=True)
class FirstPasswordPages:
    """The form for the first password of one's own."""

    pages: Pages
    visits: Visits
    sign_in: SignIn
    signing_in: SignInPages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self._ask),
            web.post(ADDRESS, self.visits.taking(self._choose, self._form, _SAID_IN_PLACE)),
            web.post(f"{ADDRESS}/check", self._check),
        ]

    async def _ask(self, request: web.Request) -> web.Response:
        return await self.signing_in.ask(
            request, "change-password", lambda to: self._form(request, Form({"next": to}))
        )

    async def _choose(self, request: web.Request, form: Form) -> web.Response:
        flow, password = flow_of(request), SecretStr(form["new_password"])
        wrong = await shortcomings(form, lambda: self.sign_in.check_password(flow, password))
        if wrong:
            raise InvalidRequest(errors=wrong)
        where = self.visits.requests.where(request)
        outcome = await self.sign_in.replace_temporary_password(flow, password, where)
        to = addresses.local(form["next"])
        return await self.signing_in.follow(request, outcome, to, secret_of(request))

    async def _check(self, request: web.Request) -> web.Response:
        self.visits.check_anonymous_script(request)
        password = await read_password(request)
        report = await self.sign_in.check_password(flow_of(request), password)
        return web.json_response(text=report.model_dump_json())

    async def _form(
        self, request: web.Request, form: Form, refusal: Refusal | None = None
    ) -> web.Response:
        to = addresses.local(form["next"])
        flow = await self.sign_in.flow(flow_of(request), "change-password")
        return await self.pages.show(
            request,
            "first_password.html",
            address=addresses.with_query(ADDRESS, next=to),
            person=await self.sign_in.person(flow),
            to=to,
            refusal=refusal,
        )
