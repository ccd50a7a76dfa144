"""Addresses inside the portal, to send a browser to."""

import re
from urllib.parse import quote

from aiohttp import web

HOME = "/"
CHANGE = "/password"
LEAVE = "/organizations/leave/"
# The pages by name, since what no browser may read as another site's address, and no header
# as its end, is easier told by what it is than by what it is not.
_INSIDE = (
    r"/|/password|/sessions|/activity(?:/not-me/[\w-]{1,64})?|/devices(?:/disable/[\w-]{1,64})?"
    r"|/personal-data|/sign-out-everywhere|/receipts(?:/[\w-]{1,64})?"
    r"|/security(?:/questions|/remove/[\w-]{1,64})?"
    r"|/organizations(?:/leave/[\w-]{1,64})?"
    r"|/terms(?:/[\w-]{1,64}(?:/decline|/file)?)?|/admin(?:/[\w-]{1,64}){0,3}"
)
_OUTSIDE = (
    r"/re-authenticate"
    r"|/sign-in(?:/action|/challenge|/register|/for-reset|/confirm|/terms(?:/file)?)?|/signed-out"
    r"|/password-reset(?:/step)?"
    r"|/problems/[\w-]+"
)
_QUERY = r"(?:\?[!-~]*)?"
_FOR_THE_SIGNED_IN = re.compile(f"(?:{_INSIDE}){_QUERY}", re.ASCII)
_FOR_ANYBODY = re.compile(f"(?:{_INSIDE}|{_OUTSIDE}){_QUERY}", re.ASCII)
_LONGEST = 512


def local(address: str | None) -> str:
    """Return the address if it is a page to be at once signed in, else that of the first page."""
    return _if_it_is(_FOR_THE_SIGNED_IN, address)


def readable(address: str | None) -> str:
    """Return the address if it is a page that anybody can read again, else that of the first."""
    return _if_it_is(_FOR_ANYBODY, address)


def _if_it_is(known: re.Pattern[str], address: str | None) -> str:
    if address and len(address) <= _LONGEST and known.fullmatch(address):
        return address
    return HOME


def see(address: str) -> web.Response:
    """Return the answer that sends the browser on to read another page (RFC 9110, 15.4.4)."""
    return web.Response(status=web.HTTPSeeOther.status_code, headers={"Location": address})


def with_query(address: str, **query: str | None) -> str:
    """Return an address with the values that are there in its query."""
    parts = [f"{name}={quote(value, safe='/')}" for name, value in query.items() if value]
    return f"{address}?{'&'.join(parts)}" if parts else address


def read_again(request: web.Request) -> str:
    """Return where the page behind a request is read; most forms are sent to their own address.

    The language that was asked for is left out, as it would win over the one chosen since.
    """
    resource = request.match_info.route.resource
    methods = {route.method for route in resource} if resource is not None else set()
    if "GET" not in methods | {request.method}:
        return HOME
    return readable(str(request.rel_url.without_query_params("lang")))
