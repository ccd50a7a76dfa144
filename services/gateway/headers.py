"""The headers that every answer carries."""

import secrets

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from shared.telemetry import request_id

_YEAR_SECONDS = 365 * 24 * 3600
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Which software answers is nobody's business.
    "Server": "account-portal",
}
_ON_PAGES = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def guarded(public_url: str) -> Middleware:
    """Return the middleware that sets security headers and the request's id.

    What is personal is not stored by anybody on the way: that is everything but static
    files, which say for themselves how long they may be kept.
    """
    always = dict(_ALWAYS)
    if public_url.startswith("https:"):
        always["Strict-Transport-Security"] = f"max-age={_YEAR_SECONDS}; includeSubDomains"

    async def dress(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.update(always)
        headers["X-Request-Id"] = request["id"]
        headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        if response.content_type == "text/html":
            headers.update(_ON_PAGES)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        request["id"] = secrets.token_hex(12)
        request_id.set(request["id"])
        response = await handler(request)
        if not response.prepared:
            await dress(request, response)
        return response

    return guard
