"""Where the pages send a browser, whatever a link says."""

from urllib.parse import urljoin, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.portal.addresses import HOME, local, read_again, with_query
from services.gateway.portal.profile_pages import initials


@pytest.mark.parametrize(
    "address", ["/", "/sessions", "/receipts/a-B_9?x=1&y=%2F", "/sessions?ended"]
)
def test_an_address_of_ours_is_followed(address: str) -> None:
    assert local(address) == address


@pytest.mark.parametrize(
    "address",
    [
        None, "", "sessions", "//evil.example", "/\\evil.example", "\\/evil.example", "/a\\b",
        "https://evil.example", "javascript:alert(1)", "/\r\nSet-Cookie: a=b", "/\t/evil.example",
        " /sessions", "/ä", "/" + "a" * 600,
    ],
)  # fmt: skip
def test_any_other_is_not(address: str | None) -> None:
    assert local(address) == HOME


@given(st.text(alphabet="/\\:.@?#%abev \t\r\n", max_size=20))
def test_what_is_followed_never_leaves_the_site(address: str) -> None:
    there = urlsplit(urljoin("https://portal.example/sign-in", local(address)))
    assert (there.scheme, there.netloc) == ("https", "portal.example")


def test_only_values_that_are_there_stand_in_a_query() -> None:
    assert with_query("/sign-in") == "/sign-in"
    assert with_query("/sign-in", next=None, why="expired") == "/sign-in?why=expired"
    assert with_query("/sign-in", next="/a?b=c&d") == "/sign-in?next=/a%3Fb%3Dc%26d"


@pytest.mark.parametrize(
    ("method", "path", "address"),
    [
        ("GET", "/form?next=/sessions&why=expired", "/form?next=/sessions&why=expired"),
        ("GET", "/form?lang=de&after=x", "/form?after=x"),
        ("GET", "/form?lang=de", "/form"),
        ("GET", "/nothing?x=1", "/nothing?x=1"),
        ("GET", "/form?next=" + "x" * 600, HOME),
        ("POST", "/form?next=/sessions", "/form?next=/sessions"),
        ("POST", "/form/end", HOME),
        ("POST", "/nothing", HOME),
    ],
)
async def test_a_page_is_read_again_where_that_is_possible(
    method: str, path: str, address: str
) -> None:
    told: list[str] = []

    @web.middleware
    async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
        told.append(read_again(request))
        return await handler(request)

    async def shown(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application(middlewares=[tell])
    app.add_routes([web.get("/form", shown), web.post("/form", shown)])
    app.add_routes([web.post("/form/end", shown)])
    async with TestClient(TestServer(app)) as client:
        await client.request(method, path)
    assert told == [address]


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("Ada Marsh", "AM"),
        ("mei", "M"),
        ("Jan van der Berg", "JB"),
        ("(Ops) Team", "T"),
        ("--", ""),
    ],
)
def test_initials_are_those_of_the_first_and_the_last_name(name: str, drawn: str) -> None:
    assert initials(name) == drawn
