"""The headers that every answer carries."""

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from shared.telemetry import request_id

_POLICY = "Content-Security-Policy"
_YEAR_SECONDS = 365 * 24 * 3600
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
FRAMING = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'; object-src 'self'"
"""The policy of a page that shows a file of ours within it."""
ON_FILES = {
    _POLICY: (
        "default-src 'none'; sandbox; form-action 'none'; frame-ancestors 'self'; base-uri 'none'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}
"""For files that somebody brought along: whatever is in them, it is of no origin and runs nothing
(OWASP, File Upload)."""
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Which software answers is nobody's business.
    "Server": "account-portal",
}
_ON_PAGES = {
    _POLICY: CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


REQUEST_ID = web.RequestKey("REQUEST_ID", str)

Dress = Callable[[web.BaseRequest, web.StreamResponse], None]
Prepare = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


@web.middleware
async def identified(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id of our own, by which its log lines are found."""
    request_id.set(_id_of(request))
    return await handler(request)


def _id_of(request: web.BaseRequest) -> str:
    # What the HTTP server refuses by itself has passed no middleware and has no id yet.
    if REQUEST_ID not in request:
        request[REQUEST_ID] = secrets.token_hex(12)
    return request[REQUEST_ID]


def dressed(public_url: str) -> Dress:
    """Return what sets security headers and the request's id on an answer.

    What is personal is not stored by anybody on the way: that is everything but static
    files, which say for themselves how long they may be kept.
    """
    always = dict(_ALWAYS)
    if public_url.startswith("https:"):
        always["Strict-Transport-Security"] = f"max-age={_YEAR_SECONDS}; includeSubDomains"

    def dress(request: web.BaseRequest, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.update(always)
        headers["X-Request-Id"] = _id_of(request)
        headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        if response.content_type == "text/html":
            frames = headers.get(_POLICY) == FRAMING
            headers.update(_ON_PAGES | {_POLICY: FRAMING} if frames else _ON_PAGES)

    return dress


def guarded(public_url: str) -> Prepare:
    """Return what dresses every answer of an application before it is sent, streams too."""
    dress = dressed(public_url)

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        dress(request, response)

    return prepare
