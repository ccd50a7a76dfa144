"""Who visits a page, and what they send with its form."""

import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import web

from services.gateway.account import Account
from services.gateway.errors import CsrfRefused, SessionRequired, UnsupportedMediaType
from services.gateway.model import Caller
from services.gateway.portal import cookies, uploads
from services.gateway.portal_access import Opening
from services.gateway.requests import Requests
from shared.contracts.profile import Person
from shared.contracts.refusals import MalformedBody, Refusal, Unavailable

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 40
_CSRF_COOKIE = re.compile(r"[\w-]{43}", re.ASCII)


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in. `csrf` goes into the forms they are shown, `opening` says which.

    `person` is not there while the profile service is away: whoever is signed in can see their
    sessions and sign out all the same.
    """

    caller: Caller
    person: Person | None
    csrf: str
    opening: Opening

    @property
    def known_person(self) -> Person:
        """Who it is, or raise `service-unavailable` where a page is nothing without."""
        if self.person is None:
            raise Unavailable
        return self.person


@dataclass(frozen=True)
class Form:
    """The fields of a form that was sent; one that is missing is empty. `files` are by field."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")


Handler = Callable[[web.Request], Awaitable[web.Response]]
Act = Callable[[web.Request, Form], Awaitable[web.Response]]
ShowAgain = Callable[[web.Request, Form, Refusal], Awaitable[web.Response]]


@dataclass(frozen=True)
class Visits:
    """Tell visitors by their cookie, and take forms only from our own pages."""

    requests: Requests
    account: Account

    async def visitor(self, request: web.Request, *, before_terms: bool = False) -> Visitor:
        """Return who visits, or raise `session-required` or `session-revoked`.

        Whoever has to accept terms first sees only what is there `before_terms`, which else raises
        `terms-required`.
        """
        caller, opening = await self._admitted(request, before_terms=before_terms)
        return await self._visitor(caller, opening)

    async def known(self, request: web.Request) -> Visitor:
        """Return who visits, for a page that says why something else is not open to them."""
        caller = await self._caller(request)
        return await self._visitor(caller, await self.requests.opening(caller))

    async def visitor_if_any(self, request: web.Request) -> Visitor | None:
        """Return who visits, or None where nobody is signed in."""
        try:
            return await self.visitor(request)
        except Refusal as refusal:
            if refusal.status == HTTPStatus.UNAUTHORIZED:
                return None
            raise

    async def sent_form(
        self, request: web.Request, *, before_terms: bool = False
    ) -> tuple[Caller, Form]:
        """Return a form with who sent it, or raise unless it was on a page of theirs."""
        caller, _ = await self._admitted(request, before_terms=before_terms)
        form = await _read(request)
        self._check(caller.token, form["csrf"])
        return caller, form

    def taking(self, act: Act, show_again: ShowAgain, said_in_place: Collection[str]) -> Handler:
        """Return the handler of a form that this browser was sent before anybody signed in.

        It is shown again with what was refused, if that is to be `said_in_place`; every other
        refusal becomes a page of its own.
        """

        async def handle(request: web.Request) -> web.Response:
            form = await _read(request)
            try:
                self._check(request.cookies.get(cookies.CSRF, ""), form["csrf"])
                return await act(request, form)
            except Refusal as refusal:
                if refusal.type not in said_in_place:
                    raise
                return await show_again(request, form, refusal)

        return handle

    def check_anonymous_script(self, request: web.Request) -> None:
        """Raise unless a script of the page that this browser was sent makes the request."""
        self._check(request.cookies.get(cookies.CSRF, ""), request.headers.get("X-CSRF-Token", ""))

    def anonymous_csrf(self, request: web.Request) -> tuple[str, str]:
        """Return the cookie and the token for a form of somebody who is not signed in."""
        cookie = request.cookies.get(cookies.CSRF, "")
        if not _CSRF_COOKIE.fullmatch(cookie):
            cookie = secrets.token_urlsafe(32)
        return cookie, self.requests.csrf_token(cookie)

    async def leave(self, request: web.Request) -> None:
        """End the session that this browser had, if any, as another one takes its place.

        Whoever signs in is not kept waiting for what cannot be ended now: it runs out by itself.
        """
        cookie = request.cookies.get(cookies.SESSION)
        if cookie is None:
            return
        where = self.requests.where(request)
        with suppress(Refusal):
            replaced = await self.requests.acceptance.accept(cookie, where, renew=False)
            await self.account.sign_out(replaced)

    async def _admitted(
        self, request: web.Request, *, before_terms: bool
    ) -> tuple[Caller, Opening]:
        caller = await self._caller(request)
        return caller, await self.requests.admit(request, caller, before_terms=before_terms)

    async def _visitor(self, caller: Caller, opening: Opening) -> Visitor:
        csrf = self.requests.csrf_token(caller.token)
        return Visitor(caller, await self._person(caller), csrf, opening)

    async def _caller(self, request: web.Request) -> Caller:
        cookie = request.cookies.get(cookies.SESSION)
        if cookie is None:
            raise SessionRequired
        return await self.requests.acceptance.accept(cookie, self.requests.where(request))

    async def _person(self, caller: Caller) -> Person | None:
        try:
            return await self.account.person(caller)
        except Refusal as refusal:
            if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            return None

    def _check(self, cookie: str, token: str) -> None:
        if not cookie:
            raise CsrfRefused
        self.requests.check_csrf(cookie, token)


async def _read(request: web.Request) -> Form:
    if request.content_type == uploads.TYPE:
        return Form(*await uploads.read(request, _MOST_FIELDS))
    if request.content_type != _FORM:
        raise UnsupportedMediaType
    content = await request.read()
    try:
        # Read as UTF-8, which is what our pages are, whatever else the request may claim.
        pairs = parse_qsl(
            content.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise MalformedBody from error
    return Form(dict(pairs))
