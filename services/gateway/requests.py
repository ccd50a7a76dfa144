"""What is read off a request first: from where it comes, by whom, in what language."""

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web
from pydantic import SecretStr

from services.gateway.acceptance import Acceptance
from services.gateway.administration import Administration
from services.gateway.admission import Admission
from services.gateway.errors import (
    CsrfRefused,
    ServerRefused,
    ServersNotAllowed,
    SessionRequired,
)
from services.gateway.model import Caller
from services.gateway.portal_access import Opening
from services.gateway.sealing import Sealer
from shared.contracts.profile import Person
from shared.contracts.sessions import Where
from shared.texts import Catalogues

SESSION_COOKIE = "__Host-session"
DEVICE_COOKIE = "__Host-device"
CSRF_HEADER = "X-CSRF-Token"
IF_MATCH = "If-Match"
RECEIPT_HEADER = "Receipt-Token"
_LONGEST_USER_AGENT = 512
_LONGEST_TAG = 35
_MOST_LANGUAGES = 10
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Requests:
    """Read requests the one way they are to be read."""

    acceptance: Acceptance
    administration: Administration
    sealer: Sealer
    catalogues: Catalogues
    trusted_proxies: Sequence[IPv4Network | IPv6Network]
    servers: Mapping[str, SecretStr] = field(default_factory=dict)
    admission: Admission | None = None

    def where(self, request: web.Request) -> Where:
        """Return from where a request comes; only trusted proxies are believed about others."""
        user_agent = request.headers.get("User-Agent", "")[:_LONGEST_USER_AGENT]
        return Where(address=_readable(self._address(request)), user_agent=_readable(user_agent))

    async def caller(
        self, request: web.Request, *, renew: bool = True, before_terms: bool = False
    ) -> Caller:
        """Return who sends a request, by bearer token or cookie, or raise.

        Nobody gets further than their organization lets them, and whoever has to accept terms
        first no further than what may be called `before_terms`.
        """
        caller = await self._shown(request, renew=renew)
        await self.admit(request, caller, before_terms=before_terms)
        return caller

    async def admit(
        self, request: web.Request, caller: Caller, *, before_terms: bool = False
    ) -> Opening:
        """Return what of the portal is open to a caller, or raise where this request is not."""
        if self.admission is None:
            return Opening()
        return await self.admission.admit(
            caller, request.path, self.languages(request), before_terms=before_terms
        )

    async def opening(self, caller: Caller) -> Opening:
        """Return what of the portal is open to a caller."""
        return Opening() if self.admission is None else await self.admission.portal.opening(caller)

    async def _shown(self, request: web.Request, *, renew: bool) -> Caller:
        """Return whose session a request shows.

        A cookie is sent by the browser whoever made the page, so with it an unsafe request
        must carry the page's CSRF token too.
        """
        where = self.where(request)
        bearer = bearer_token(request)
        if bearer is not None:
            return await self.acceptance.accept(bearer, where, renew=renew)
        cookie = request.cookies.get(SESSION_COOKIE)
        if cookie is None:
            raise SessionRequired
        if request.method in _UNSAFE:
            self.check_csrf(cookie, request.headers.get(CSRF_HEADER, ""))
        return await self.acceptance.accept(cookie, where, renew=renew)

    async def admin(self, request: web.Request) -> tuple[Caller, Person]:
        """Return the admin who sends a request and showed a factor a moment ago, or raise."""
        caller = await self.caller(request)
        return caller, await self.administration.acting_admin(caller)

    def check_server(self, request: web.Request) -> None:
        """Raise unless a request comes from another server that is known here (RFC 7617)."""
        if not self.servers:
            raise ServersNotAllowed
        name, secret = _name_and_secret(request)
        known = self.servers.get(name)
        expected = known.get_secret_value() if known is not None else ""
        if not same(expected, secret) or known is None:
            raise ServerRefused

    def csrf_token(self, cookie: str) -> str:
        """Return the token that goes with a cookie; it follows from the cookie and our secret."""
        return self.sealer.name("csrf", cookie.encode("utf-8", "surrogateescape"))

    def check_csrf(self, cookie: str, token: str) -> None:
        """Raise unless the token goes with the cookie."""
        if not same(self.csrf_token(cookie), token):
            raise CsrfRefused

    def language(self, request: web.BaseRequest) -> str:
        """Return the best of our languages for a request: chosen, else the browser's."""
        chosen = request.cookies.get("language") or request.query.get("lang")
        if chosen:
            return self.catalogues.nearest(chosen)
        for tag in accepted_languages(request.headers.get("Accept-Language", "")):
            if self.catalogues.nearest(tag) == tag.split("-")[0].lower():
                return self.catalogues.nearest(tag)
        return self.catalogues.nearest(None)

    def languages(self, request: web.BaseRequest) -> tuple[str, ...]:
        """Return what somebody reads, ours or not, best first: chosen, else the browser's."""
        chosen = request.cookies.get("language") or request.query.get("lang")
        wanted = accepted_languages(request.headers.get("Accept-Language", ""))
        tags = [chosen, *wanted] if chosen else wanted
        return tuple(each[:_LONGEST_TAG] for each in tags[:_MOST_LANGUAGES])

    def _address(self, request: web.Request) -> str:
        address = request.remote or "unknown"
        if not self.trusted_proxies:
            return address
        # A proxy may add to the header's line or add a line, which is the same (RFC 9110, 5.3).
        claimed = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        # From right to left: each proxy appended who it was called by, and the first one
        # that is not ours is the client.
        for hop in [*reversed(claimed), ""]:
            if not hop.strip() or not self._is_trusted(address):
                break
            address = hop.strip()
        return address[:64]

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.trusted_proxies)


def same(expected: str, given: str) -> bool:
    """Compare without telling by the time it takes how much was right."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))


def _readable(header: str) -> str:
    # Bytes that are no UTF-8 arrive as surrogates, which no JSON can carry.
    return header.encode("utf-8", "replace").decode()


def _name_and_secret(request: web.Request) -> tuple[str, str]:
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    try:
        name, colon, secret = base64.b64decode(shown, validate=True).decode().partition(":")
    except ValueError as error:
        raise ServerRefused from error
    if scheme.lower() != "basic" or not colon:
        raise ServerRefused
    return name, secret


def bearer_token(request: web.Request) -> str | None:
    """Return the token of an Authorization header; None where there is no such header."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def accepted_languages(header: str) -> list[str]:
    """Return the language tags of an Accept-Language header, the most wanted first (RFC 9110)."""
    weighted = []
    for part in header.split(","):
        tag, _, quality = part.partition(";")
        try:
            weight = float(quality.strip().lower().removeprefix("q=") or 1.0)
        except ValueError:
            weight = 0.0
        if tag.strip() and weight > 0:
            weighted.append((weight, tag.strip()))
    return [tag for _, tag in sorted(weighted, key=lambda each: -each[0])]
