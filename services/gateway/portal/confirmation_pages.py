"""Saying whether one's methods are still right, before the sign-in is complete."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.portal import addresses
from services.gateway.portal.page import Pages
from services.gateway.portal.security_info_pages import ADDRESS as SECURITY
from services.gateway.portal.sign_in_pages import (
    CONFIRM,
    SignInPages,
    flow_of,
    secret_of,
)
from services.gateway.portal.visits import Visits
from services.gateway.registration import Registration
from shared.contracts.refusals import Refusal

_SAID_IN_PLACE = {"cannot-be-put-off", "too-busy", "service-unavailable", "csrf-refused"}


@dataclass(frozen=True)
class ConfirmationPages:
    """The list to look through, and the three answers to it."""

    pages: Pages
    visits: Visits
    registration: Registration
    signing_in: SignInPages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(CONFIRM, self._ask), web.post(CONFIRM, self._answer)]

    async def _ask(self, request: web.Request) -> web.Response:
        return await self.signing_in.ask(
            request, "confirm-security-info", lambda to: self._form(request, to)
        )

    async def _answer(self, request: web.Request) -> web.Response:
        form = await self.visits.unchecked_form(request)
        to, answer = addresses.local(form["next"]), form["answer"]
        act = self.registration.put_off if answer == "later" else self.registration.confirm
        try:
            self.visits.check_anonymous_form(request, form)
            outcome = await act(flow_of(request), self.visits.requests.where(request))
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            return await self._form(request, to, refusal)
        # Who changes something has looked through all of it, and is asked no second time.
        to = SECURITY if answer == "change" else to
        return await self.signing_in.follow(request, outcome, to, secret_of(request))

    async def _form(
        self, request: web.Request, to: str, refusal: Refusal | None = None
    ) -> web.Response:
        return await self.pages.show(
            request,
            "confirm.html",
            address=addresses.with_query(CONFIRM, next=to),
            waiting=await self.registration.to_confirm(flow_of(request)),
            to=to,
            refusal=refusal,
        )
