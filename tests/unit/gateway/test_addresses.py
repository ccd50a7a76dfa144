"""Where the pages send a browser, whatever a link says."""

import re
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.devices import Devices
from services.gateway.portal.addresses import HOME, local, read_again, readable, with_query
from services.gateway.portal.admin_pages import AdminFlows
from services.gateway.portal.pages import AccountFlows, Portal
from services.gateway.portal.profile_pages import initials
from services.gateway.registration import Registration
from services.gateway.required_terms import RequiredTerms
from services.gateway.security_info import SecurityInfo
from services.gateway.sign_in import SignIn
from shared.texts import Catalogues


@pytest.mark.parametrize(
    "address",
    [
        "/", "/?lang=en", "/password", "/sessions", "/sessions?ended", "/sessions?after=a%2Fb",
        "/sign-out-everywhere", "/receipts", "/receipts?after=x", "/receipts/a-B_9?x=1&y=%2F",
    ],
)  # fmt: skip
def test_a_page_of_ours_is_gone_to(address: str) -> None:
    assert local(address) == readable(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "/sign-in", "/sign-in?next=/sessions&why=expired", "/sign-in/action?next=/", "/signed-out",
        "/problems/not-found",
    ],
)  # fmt: skip
def test_a_page_outside_is_read_again_but_is_nowhere_to_go_once_signed_in(address: str) -> None:
    assert (local(address), readable(address)) == (HOME, address)


@pytest.mark.parametrize(
    "address",
    [
        # Elsewhere, as far as some browser is concerned.
        None, "", "sessions", "//evil.example", "///evil.example", "/\\evil.example",
        "\\/evil.example", "/a\\b", "https://evil.example", "javascript:alert(1)",
        "//sessions", "/.//evil.example", "/./sessions", "/..//evil.example", "/../sessions",
        "/sessions/..//evil.example", "/receipts/../sign-out", "/@evil.example",
        "/sessions@evil.example", "//user@evil.example", "/sessions:80", "/;/evil.example",
        # What is escaped may be read as what it stands for.
        "/%2Fevil.example", "/%2e%2e/evil.example", "/%5Cevil.example", "/%09/evil.example",
        "/receipts/%2e%2e", "/receipts%2Fx", "/%73essions",
        # What no header takes.
        "/\r\nSet-Cookie: a=b", "/sessions\r\nSet-Cookie: a=b", "/sessions\n", "/\t/evil.example",
        " /sessions", "/sessions ", "/sessions?\x00", "/sessions?a=\x7f", "/sessions?a b",
        "/ä", "/sessions?ä", "/receipts/ä", "/\uff53essions", "/sessions\u2028",
        "/\u2215evil.example", "/sessions?" + "a" * 600,
        # Ours, but nothing that somebody reads.
        "/sign-out", "/sessions/end", "/sign-in/action/check", "/photo", "/language/de",
        "/static/x/portal.css", "/api/v1/me", "/api/v1/docs", "/api/v1/sign-out", "/livez",
        "/readyz", "/metrics", "/nowhere", "/sessions/", "/receipts/", "/receipts/a/b", "/Sessions",
        "/receipts/" + "a" * 65, "/password#old_password",
    ],
)  # fmt: skip
def test_nothing_else_is(address: str | None) -> None:
    assert local(address) == readable(address) == HOME


def test_every_page_that_there_is_can_be_gone_to() -> None:
    nobody = cast("Any", None)
    required = RequiredTerms(nobody, nobody, nobody)
    registration = Registration(SignIn(nobody, nobody, nobody, nobody, nobody, nobody, required))
    info = SecurityInfo(nobody, nobody, nobody, nobody)
    portal = Portal(
        nobody,
        Catalogues.load(),
        registration,
        AccountFlows(
            nobody,
            info,
            Devices(nobody, nobody, nobody, nobody, nobody),
            nobody,
            nobody,
            nobody,
            nobody,
        ),
        AdminFlows(nobody, nobody, nobody, nobody, nobody),
    )
    app = web.Application()
    portal.install(app)
    shown = {
        route.resource.canonical
        for route in app.router.routes()
        if route.method == "GET" and route.resource is not None
    }
    no_pages = {"/photo", "/language/{language}", "/static/{version}/{name}"}
    paths = [re.sub(r"{\w+}", "x", each) for each in shown - no_pages]
    assert [path for path in paths if readable(path) != path] == []
    assert {readable(re.sub(r"{\w+}", "x", each)) for each in no_pages} == {HOME}


@given(st.text(alphabet="/\\:.@?#%abev \t\r\n", max_size=20))
def test_what_is_followed_never_leaves_the_site(address: str) -> None:
    for followed in (local(address), readable(address)):
        there = urlsplit(urljoin("https://portal.example/sign-in", followed))
        assert (there.scheme, there.netloc) == ("https", "portal.example")


def test_only_values_that_are_there_stand_in_a_query() -> None:
    assert with_query("/sign-in") == "/sign-in"
    assert with_query("/sign-in", next=None, why="expired") == "/sign-in?why=expired"
    assert with_query("/sign-in", next="/a?b=c&d") == "/sign-in?next=/a%3Fb%3Dc%26d"


@pytest.mark.parametrize(
    ("method", "path", "address"),
    [
        ("GET", "/sign-in?next=/sessions&why=expired", "/sign-in?next=/sessions&why=expired"),
        ("GET", "/sign-in?lang=de&next=/password", "/sign-in?next=/password"),
        ("GET", "/sign-in?lang=de", "/sign-in"),
        ("GET", "/sign-in?next=" + "x" * 600, HOME),
        ("POST", "/sign-in?next=/sessions", "/sign-in?next=/sessions"),
        ("POST", "/sessions/end", HOME),
        ("GET", "/nothing?x=1", HOME),
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
    app.add_routes([web.get("/sign-in", shown), web.post("/sign-in", shown)])
    app.add_routes([web.post("/sessions/end", shown)])
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
