"""The cookies of the pages: what each is called and how it is set."""

from aiohttp import web

from services.gateway.requests import DEVICE_COOKIE, SESSION_COOKIE

SESSION = SESSION_COOKIE
DEVICE = DEVICE_COOKIE
# Ties the forms of somebody who is not signed in to the browser they were sent to.
CSRF = "__Host-csrf"
FLOW = "__Host-flow"
RESET = "__Host-reset"
# A receipt's id and token, so that who was just signed out can still read it.
RECEIPT = "__Host-receipt"
# The name that `Requests.language` reads.
LANGUAGE = "language"

DEVICE_SECONDS = 400 * 24 * 3600
"""As long as browsers keep any cookie (RFC 6265bis, 5.5)."""
LANGUAGE_SECONDS = DEVICE_SECONDS
RECEIPT_SECONDS = 600


def keep(response: web.Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set a cookie that scripts cannot read; without `seconds` it ends with the browser."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="Lax"
    )


def forget(response: web.Response, name: str) -> None:
    """Delete a cookie. One with the prefix `__Host-` is only deleted the way it was set."""
    response.del_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")
