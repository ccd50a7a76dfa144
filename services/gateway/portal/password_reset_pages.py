"""Getting a new password without the old one."""

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web
from pydantic import SecretStr

from services.gateway.errors import ResetEnded
from services.gateway.model import FlowKey
from services.gateway.password_reset import PasswordReset
from services.gateway.portal import addresses, cookies
from services.gateway.portal.answers import read_code
from services.gateway.portal.new_password import read_password, shortcomings, wrong
from services.gateway.portal.page import Pages
from services.gateway.portal.receipt_pages import keep_receipt, kept_receipt
from services.gateway.portal.sign_in_pages import LONGEST_USER_ID, client_of
from services.gateway.portal.visits import Form, Handler, Visits
from shared.contracts.questions import LongestTyped
from shared.contracts.refusals import InvalidRequest, Refusal
from shared.contracts.resets import ResetSeconds

ADDRESS = "/password-reset"
STEP = f"{ADDRESS}/step"
# What is said on the page that the reset is at; everything else becomes a page of its own.
_SAID_IN_PLACE = {
    "code-refused",
    "code-used",
    "code-not-sent",
    "csrf-refused",
    "invalid-request",
    "not-found",
    "password-change-unconfirmed",
    "password-refused",
    "reset-out-of-order",
    "service-unavailable",
    "too-busy",
    "too-many-codes",
}
_Act = Callable[[web.Request, FlowKey, Form], Awaitable[web.Response]]


@dataclass(frozen=True)
class PasswordResetPages:
    """The page that asks for the user ID, and the one that shows where the reset is."""

    pages: Pages
    visits: Visits
    reset: PasswordReset

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self._ask),
            web.post(ADDRESS, self.visits.taking(self._begin, self._begin_again, _SAID_IN_PLACE)),
            web.get(STEP, self._step),
            web.post(f"{ADDRESS}/method", self._taking(self._choose)),
            web.post(f"{ADDRESS}/answer", self._taking(self._answer)),
            web.post(f"{ADDRESS}/password", self._taking(self._finish)),
            web.post(f"{ADDRESS}/check", self._check),
            web.post(f"{ADDRESS}/contact", self._taking(self._contact)),
        ]

    def _taking(self, act: _Act) -> Handler:
        """Return the handler of a step: what is refused is said where the reset is."""

        async def take(request: web.Request, form: Form) -> web.Response:
            return await act(request, _key(request), form)

        async def again(request: web.Request, _form: Form, refusal: Refusal) -> web.Response:
            return await self._shown(request, refusal)

        return self.visits.taking(take, again, _SAID_IN_PLACE)

    async def _ask(self, request: web.Request) -> web.Response:
        return await self._form(request)

    async def _begin(self, request: web.Request, form: Form) -> web.Response:
        user_id, secret = form["user_id"], secrets.token_urlsafe(16)
        if not 0 < len(user_id) <= LONGEST_USER_ID:
            raise InvalidRequest(errors=[wrong("user_id", "too-long" if user_id else "missing")])
        address = self.visits.requests.where(request).address
        key = await self.reset.begin(user_id, client_of(secret), address)
        response = addresses.see(STEP)
        cookies.keep(response, cookies.RESET, f"{key.id}.{secret}", seconds=ResetSeconds)
        return response

    async def _begin_again(
        self, request: web.Request, form: Form, refusal: Refusal
    ) -> web.Response:
        return await self._form(request, form["user_id"], refusal)

    async def _step(self, request: web.Request) -> web.Response:
        if cookies.RESET not in request.cookies:
            return addresses.see(ADDRESS)
        return await self._shown(request)

    async def _choose(self, request: web.Request, key: FlowKey, form: Form) -> web.Response:
        language = self.visits.requests.language(request)
        await self.reset.choose(key, form["method"], language)
        again = "again" if form["sent"] == "again" else None
        return addresses.see(addresses.with_query(STEP, sent=again))

    async def _answer(self, request: web.Request, key: FlowKey, form: Form) -> web.Response:
        address = self.visits.requests.where(request).address
        questions = (await self.reset.state(key)).questions
        shown = _answers(form, questions) if questions else read_code(form)
        await self.reset.answer(key, shown, address)
        return addresses.see(STEP)

    async def _finish(self, _request: web.Request, key: FlowKey, form: Form) -> web.Response:
        password = SecretStr(form["new_password"])
        errors = await shortcomings(form, lambda: self.reset.check_password(key, password))
        if errors:
            raise InvalidRequest(errors=errors)
        revoked = await self.reset.finish(key, password)
        response = addresses.see(STEP)
        keep_receipt(response, revoked)
        return response

    async def _contact(self, request: web.Request, key: FlowKey, _form: Form) -> web.Response:
        await self.reset.ask_helpdesk(key, self.visits.requests.where(request).address)
        return addresses.see(addresses.with_query(STEP, asked="yes"))

    async def _check(self, request: web.Request) -> web.Response:
        self.visits.check_anonymous_script(request)
        password = await read_password(request)
        report = await self.reset.check_password(_key(request), password)
        return web.json_response(text=report.model_dump_json())

    async def _form(
        self, request: web.Request, user_id: str = "", refusal: Refusal | None = None
    ) -> web.Response:
        return await self.pages.show(
            request, "password_reset.html", address=ADDRESS, user_id=user_id, refusal=refusal
        )

    async def _shown(self, request: web.Request, refusal: Refusal | None = None) -> web.Response:
        key = _key(request)
        state = await self.reset.state(key)
        is_last = state.state == "new-password"
        return await self.pages.show(
            request,
            f"password_reset_{state.state.replace('-', '_')}.html",
            address=STEP,
            state=state,
            asked=next((each for each in state.methods if each.id == state.asked), None),
            person=await self.reset.person(key) if is_last else None,
            again=request.query.get("sent") == "again",
            receipt=kept_receipt(request),
            helpdesk_asked=request.query.get("asked") == "yes",
            refusal=refusal,
        )


def _answers(form: Form, questions: Sequence[str]) -> SecretStr:
    """Return the answers in the order in which the page asks, by question."""
    fields = [f"answer-{number}" for number in range(1, len(questions) + 1)]
    lengths = {field: len(form[field].strip()) for field in fields}
    errors = [
        wrong(field, "too-long" if length else "missing")
        for field, length in lengths.items()
        if not 0 < length <= LongestTyped
    ]
    if errors:
        raise InvalidRequest(errors=errors)
    answers = {question: form[field] for field, question in zip(fields, questions, strict=True)}
    return SecretStr(json.dumps(answers))


def _key(request: web.Request) -> FlowKey:
    """Return the reset that this browser began, or raise `ResetEnded` where it began none."""
    flow, _, secret = request.cookies.get(cookies.RESET, "").partition(".")
    if not secret:
        raise ResetEnded
    return FlowKey(flow, client_of(secret))
