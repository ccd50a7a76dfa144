"""Signing in and out."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import get_args

from aiohttp import web
from pydantic import SecretStr

from services.gateway.account import Account
from services.gateway.errors import CsrfRefused, FlowEnded
from services.gateway.model import (
    Action,
    Challenged,
    FlowKey,
    FlowSeconds,
    SignedIn,
    SignInAttempt,
)
from services.gateway.portal import addresses, cookies
from services.gateway.portal.new_password import wrong
from services.gateway.portal.page import Pages
from services.gateway.portal.visits import Form, Visits
from services.gateway.sign_in import Outcome, SignIn
from shared.contracts.credentials import LongestPassword, MostDevices
from shared.contracts.events import Cause
from shared.contracts.refusals import InvalidRequest, Refusal
from shared.user_agents import UserAgent

CAUSES: frozenset[str] = frozenset(get_args(Cause))
ADDRESS = "/sign-in"
CHALLENGE = f"{ADDRESS}/challenge"
FIRST_PASSWORD = f"{ADDRESS}/action"
REGISTER = f"{ADDRESS}/register"
REGISTER_FOR_RESET = f"{ADDRESS}/for-reset"
CONFIRM = f"{ADDRESS}/confirm"
TERMS = f"{ADDRESS}/terms"
_ACTIONS: dict[Action, str] = {
    "change-password": FIRST_PASSWORD,
    "accept-terms": TERMS,
    "register-security-info": REGISTER,
    "register-for-reset": REGISTER_FOR_RESET,
    "confirm-security-info": CONFIRM,
}
LONGEST_USER_ID = 256
_LONGEST_DEVICE_NAME = 100
_LONGEST_DEVICE_KEY = 256
_BETWEEN_DEVICES = "."
"""No key has one."""
# What is said above the form; everything else becomes a page of its own.
SAID_IN_PLACE = {
    "sign-in-refused",
    "sign-in-throttled",
    "passkey-cloned",
    "too-busy",
    "service-unavailable",
    "csrf-refused",
    "invalid-request",
}


def again(to: str, *, why: str | None = None) -> str:
    """Return the address of the sign-in page, from which one gets to another page."""
    known = why if why in CAUSES else None
    return addresses.with_query(ADDRESS, next=None if to == addresses.HOME else to, why=known)


def flow_of(request: web.Request) -> FlowKey:
    """Return the flow that this browser began, or raise `FlowEnded` where it began none."""
    flow, _, secret = request.cookies.get(cookies.FLOW, "").partition(".")
    if not secret:
        raise FlowEnded
    return FlowKey(flow, client_of(secret))


def secret_of(request: web.Request) -> str:
    """Return what ties the flow to this browser."""
    return request.cookies.get(cookies.FLOW, "").rpartition(".")[2]


def to_action(action: Action, to: str) -> str:
    """Return the address where one does what a sign-in waits for."""
    return addresses.with_query(_ACTIONS[action], next=to)


def to_challenge(to: str) -> str:
    """Return the address where one answers a challenge; whose sign-in has none is led on."""
    return addresses.with_query(CHALLENGE, next=to)


def client_of(secret: str) -> str:
    """Return what ties a flow to the browser that keeps this secret in its cookie."""
    return f"browser {secret}"


def device_keys(request: web.Request) -> tuple[str, ...]:
    """Return the keys of this browser's devices, one for each user who signed in here."""
    keys = request.cookies.get(cookies.DEVICE, "").split(_BETWEEN_DEVICES)
    fit = (each for each in keys if 0 < len(each) <= _LONGEST_DEVICE_KEY)
    return tuple(dict.fromkeys(fit))[:MostDevices]


def device_name(user_agent: str) -> str | None:
    """Return what a new device is called."""
    return UserAgent.parse(user_agent).label[:_LONGEST_DEVICE_NAME] or None


@dataclass(frozen=True)
class SignInPages:
    """The sign-in form, and what follows from it."""

    pages: Pages
    visits: Visits
    sign_in: SignIn
    account: Account

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self._ask),
            web.post(ADDRESS, self.visits.taking(self._begin, self._again, SAID_IN_PLACE)),
            web.post("/sign-out", self._sign_out),
            web.get("/signed-out", self._signed_out),
        ]

    async def _ask(self, request: web.Request) -> web.Response:
        to = addresses.local(request.query.get("next"))
        if await self.visits.visitor_if_any(request) is not None:
            return addresses.see(to)
        response = await self.form(request, to, why=request.query.get("why"))
        if cookies.SESSION in request.cookies:
            cookies.forget(response, cookies.SESSION)
        return response

    async def _begin(self, request: web.Request, form: Form) -> web.Response:
        secret = secrets.token_urlsafe(16)
        outcome = await self.sign_in.begin(self._attempt(request, form, secret))
        return await self.follow(request, outcome, addresses.local(form["next"]), secret)

    async def _again(self, request: web.Request, form: Form, refusal: Refusal) -> web.Response:
        to = addresses.local(form["next"])
        return await self.form(request, to, user_id=form["user_id"], refusal=refusal)

    def _attempt(self, request: web.Request, form: Form, secret: str) -> SignInAttempt:
        longest = {"user_id": LONGEST_USER_ID, "password": LongestPassword}
        unfit = [name for name, most in longest.items() if not 0 < len(form[name]) <= most]
        errors = [wrong(name, "too-long" if form[name] else "missing") for name in unfit]
        if errors:
            raise InvalidRequest(errors=errors)
        where = self.visits.requests.where(request)
        return SignInAttempt(
            user_id=form["user_id"],
            password=SecretStr(form["password"]),
            where=where,
            client=client_of(secret),
            device_keys=device_keys(request),
            device_name=device_name(where.user_agent),
            language=self.visits.requests.language(request),
        )

    async def form(
        self,
        request: web.Request,
        to: str,
        *,
        why: str | None = None,
        user_id: str = "",
        refusal: Refusal | None = None,
        by_passkey: bool = False,
    ) -> web.Response:
        """Return the page, with what was refused said above the form."""
        return await self.pages.show(
            request,
            "sign_in.html",
            address=again(to, why=why),
            to=to,
            why=why if why in CAUSES else None,
            user_id=user_id,
            refusal=refusal,
            by_passkey=by_passkey,
            meanwhile=isinstance(refusal, CsrfRefused) and cookies.SESSION in request.cookies,
        )

    async def ask(
        self, request: web.Request, action: Action, form: Callable[[str], Awaitable[web.Response]]
    ) -> web.Response:
        """Return the form for what a sign-in waits for, or the way to where it is."""
        if cookies.FLOW not in request.cookies:
            return addresses.see(ADDRESS)
        to = addresses.local(request.query.get("next"))
        waits_for = await self.sign_in.action(flow_of(request))
        if waits_for != action:
            # It was done in another tab, perhaps, and the sign-in waits for something else now.
            return addresses.see(to_action(waits_for, to))
        return await form(to)

    async def follow(
        self, request: web.Request, outcome: Outcome, to: str, secret: str
    ) -> web.Response:
        """Return the answer to a step of a sign-in: the next step, or the portal.

        The secret is what ties the flow to this browser.
        """
        if isinstance(outcome, SignedIn):
            return await self.enter(request, outcome, to)
        if isinstance(outcome, Challenged):
            response = addresses.see(to_challenge(to))
        else:
            response = addresses.see(to_action(outcome.action, to))
        cookies.keep(response, cookies.FLOW, f"{outcome.flow}.{secret}", seconds=FlowSeconds)
        return response

    async def enter(self, request: web.Request, signed_in: SignedIn, to: str) -> web.Response:
        """Return the answer to a complete sign-in; each session has a cookie of its own."""
        await self.visits.leave(request)
        response = addresses.see(to)
        self.pages.keep_session(response, signed_in.token, signed_in.expires_at)
        if signed_in.device.key is not None:
            # Those of others stay: theirs may be trusted, or disabled.
            keys = (signed_in.device.key, *device_keys(request))[:MostDevices]
            kept = _BETWEEN_DEVICES.join(keys)
            cookies.keep(response, cookies.DEVICE, kept, seconds=cookies.DEVICE_SECONDS)
        for name in (cookies.CSRF, cookies.FLOW, cookies.RECEIPT):
            cookies.forget(response, name)
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        try:
            caller, _ = await self.visits.sent_form(request, before_terms=True)
            await self.account.sign_out(caller)
        except CsrfRefused:
            raise
        except Refusal as refusal:
            # Who is signed out already has what they wanted.
            if refusal.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
                raise
        response = addresses.see("/signed-out")
        cookies.forget(response, cookies.SESSION)
        return response

    async def _signed_out(self, request: web.Request) -> web.Response:
        return await self.pages.show(request, "signed_out.html")
