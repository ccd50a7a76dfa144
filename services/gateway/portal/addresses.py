"""Addresses inside the portal, to send a browser to."""

import re
from urllib.parse import quote

from aiohttp import web

HOME = "/"
# A path of our own: no scheme, no host, no backslash that a browser would read as a slash,
# and nothing that has to be escaped in a header.
_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]*", re.ASCII)
_LONGEST = 512


def local(address: str | None, otherwise: str = HOME) -> str:
    """Return the address if it is one of ours, so that no link can send people elsewhere."""
    if address and len(address) <= _LONGEST and _LOCAL.fullmatch(address):
        return address
    return otherwise


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
    return local(str(request.rel_url.without_query_params("lang")))
