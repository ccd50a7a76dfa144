"""The second factor of a sign-in."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.errors import FlowOutOfOrder
from services.gateway.portal import addresses, cookies
from services.gateway.portal.answers import SAID_OF_METHODS, read_answer
from services.gateway.portal.page import Pages
from services.gateway.portal.sign_in_pages import ADDRESS as SIGN_IN
from services.gateway.portal.sign_in_pages import (
    CHALLENGE,
    SignInPages,
    flow_of,
    secret_of,
    to_action,
)
from services.gateway.portal.visits import Form, Visits
from services.gateway.sign_in import SignIn
from shared.contracts.refusals import Refusal

_SAID_OF_ANSWER = {*SAID_OF_METHODS, "csrf-refused"}


@dataclass(frozen=True)
class ChallengePages:
    """The form for a code, and the way to another method."""

    pages: Pages
    visits: Visits
    sign_in: SignIn
    signing_in: SignInPages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(CHALLENGE, self._ask),
            web.post(CHALLENGE, self.visits.taking(self._answer, self._form, _SAID_OF_ANSWER)),
            web.post(
                f"{CHALLENGE}/method",
                self.visits.taking(self._choose, self._form, SAID_OF_METHODS),
            ),
        ]

    async def _ask(self, request: web.Request) -> web.Response:
        if cookies.FLOW not in request.cookies:
            return addresses.see(SIGN_IN)
        to = addresses.local(request.query.get("next"))
        try:
            return await self._form(request, Form({"next": to}))
        except FlowOutOfOrder:
            # It was answered in another tab, perhaps, and waits for something else now.
            action = await self.sign_in.action(flow_of(request))
        return addresses.see(to_action(action, to))

    async def _answer(self, request: web.Request, form: Form) -> web.Response:
        answer, where = read_answer(form), self.visits.requests.where(request)
        outcome = await self.sign_in.answer(
            flow_of(request), answer, where, trust_device=_wants_trust(form)
        )
        to = addresses.local(form["next"])
        return await self.signing_in.follow(request, outcome, to, secret_of(request))

    async def _choose(self, request: web.Request, form: Form) -> web.Response:
        await self.sign_in.choose_method(flow_of(request), form["method"])
        to, again = addresses.local(form["next"]), form["sent"] == "again"
        return addresses.see(
            addresses.with_query(CHALLENGE, next=to, sent="again" if again else None)
        )

    async def _form(
        self, request: web.Request, form: Form, refusal: Refusal | None = None
    ) -> web.Response:
        to = addresses.local(form["next"])
        return await self.pages.show(
            request,
            "challenge.html",
            address=addresses.with_query(CHALLENGE, next=to),
            waiting=await self.sign_in.challenge(flow_of(request)),
            to=to,
            again=request.query.get("sent") == "again",
            trust=_wants_trust(form),
            refusal=refusal,
        )


def _wants_trust(form: Form) -> bool:
    return form["trust_device"] == "yes"
