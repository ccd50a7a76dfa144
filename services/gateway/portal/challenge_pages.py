"""The second factor of a sign-in."""

from dataclasses import dataclass

from aiohttp import web
from pydantic import SecretStr

from services.gateway.errors import FlowEnded
from services.gateway.portal import addresses, cookies
from services.gateway.portal.new_password import wrong
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
from shared.contracts.methods import LongestAnswer, LongestCode
from shared.contracts.refusals import InvalidRequest, Refusal

_SAID_IN_PLACE = {
    "code-refused",
    "code-used",
    "not-allowed-by-policy",
    "passkey-refused",
    "passkey-cloned",
    "sign-in-throttled",
    "too-many-codes",
    "code-not-sent",
    "invalid-request",
    "too-busy",
    "service-unavailable",
    "csrf-refused",
}


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
            web.post(CHALLENGE, self._answer),
            web.post(f"{CHALLENGE}/method", self._choose),
        ]

    async def _ask(self, request: web.Request) -> web.Response:
        if cookies.FLOW not in request.cookies:
            return addresses.see(SIGN_IN)
        to = addresses.local(request.query.get("next"))
        try:
            return await self._form(request, to)
        except FlowEnded:
            # It was answered in another tab, perhaps, and waits for something else now.
            action = await self.sign_in.action(flow_of(request))
        return addresses.see(to_action(action, to))

    async def _answer(self, request: web.Request) -> web.Response:
        form = await self.visits.unchecked_form(request)
        to = addresses.local(form["next"])
        try:
            self.visits.check_anonymous_form(request, form)
            answer, where = read_answer(form), self.visits.requests.where(request)
            outcome = await self.sign_in.answer(
                flow_of(request), answer, where, trust_device=form["trust_device"] == "yes"
            )
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            return await self._form(request, to, refusal, trust=form["trust_device"] == "yes")
        return await self.signing_in.follow(request, outcome, to, secret_of(request))

    async def _choose(self, request: web.Request) -> web.Response:
        form = await self.visits.unchecked_form(request)
        self.visits.check_anonymous_form(request, form)
        to = addresses.local(form["next"])
        try:
            await self.sign_in.choose_method(flow_of(request), form["method"])
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            return await self._form(request, to, refusal)
        again = form["sent"] == "again"
        return addresses.see(
            addresses.with_query(CHALLENGE, next=to, sent="again" if again else None)
        )

    async def _form(
        self,
        request: web.Request,
        to: str,
        refusal: Refusal | None = None,
        *,
        trust: bool = False,
    ) -> web.Response:
        return await self.pages.show(
            request,
            "challenge.html",
            address=addresses.with_query(CHALLENGE, next=to),
            waiting=await self.sign_in.challenge(flow_of(request)),
            to=to,
            again=request.query.get("sent") == "again",
            trust=trust,
            refusal=refusal,
        )


def read_code(form: Form) -> SecretStr:
    """Return the code that was typed, or raise where it cannot be one."""
    if not 0 < len(form["code"]) <= LongestCode:
        raise InvalidRequest(errors=[wrong("code", "too-long" if form["code"] else "missing")])
    return SecretStr(form["code"])


def read_answer(form: Form) -> SecretStr:
    """Return what a script says for a passkey, or else the code that was typed."""
    if not form["passkey"]:
        return read_code(form)
    if len(form["passkey"]) > LongestAnswer:
        raise InvalidRequest(errors=[wrong("code", "too-long")])
    return SecretStr(form["passkey"])
