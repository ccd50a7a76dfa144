"""What is read off a request: its address, its language, its credential."""

from dataclasses import replace
from ipaddress import ip_network

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from pydantic import SecretStr

from services.gateway.acceptance import Acceptance
from services.gateway.administration import Administration
from services.gateway.errors import (
    CsrfRefused,
    ServerRefused,
    ServersNotAllowed,
    SessionRequired,
)
from services.gateway.requests import Requests, accepted_languages, bearer_token
from services.gateway.sealing import Sealer
from shared.texts import Catalogues
from tests.unit.gateway.sessions import Sessions, token_of

TEXTS = Catalogues.load()


def requests(*trusted: str, sessions: Sessions | None = None) -> Requests:
    store = sessions or Sessions()
    return Requests(
        Acceptance(store.cache, store),
        Administration(None, None, None, None),  # type: ignore[arg-type]
        Sealer(b"the secret of a test, long enough"),
        TEXTS,
        [ip_network(each) for each in trusted],
    )


def request(
    remote: str | None = "192.0.2.7", method: str = "GET", path: str = "/", **headers: str
) -> web.Request:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return _from(remote, named, method, path)


def _from(
    remote: str | None, headers: CIMultiDict[str], method: str = "GET", path: str = "/"
) -> web.Request:
    made = make_mocked_request(method, path, headers=headers)
    return made.clone(remote=remote) if remote else made


def forwarded(*lines: str, remote: str = "10.0.0.1") -> web.Request:
    headers = CIMultiDict[str]()
    for line in lines:
        headers.add("X-Forwarded-For", line)
    return _from(remote, headers)


def test_without_trusted_proxies_nobody_is_believed() -> None:
    made = forwarded("203.0.113.5", remote="192.0.2.7")
    assert requests().where(made).address == "192.0.2.7"


def test_a_stranger_who_claims_to_forward_is_taken_for_himself() -> None:
    made = forwarded("203.0.113.5", remote="192.0.2.7")
    assert requests("10.0.0.0/8").where(made).address == "192.0.2.7"


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (["203.0.113.5"], "203.0.113.5"),
        (["203.0.113.5, 10.9.9.9"], "203.0.113.5"),
        # What the client wrote itself stands to the left of what our proxies wrote.
        (["1.1.1.1, 203.0.113.5"], "203.0.113.5"),
        (["10.0.0.2, 203.0.113.5"], "203.0.113.5"),
        (["10.0.0.2, 1.1.1.1, 203.0.113.5, 10.0.0.3"], "203.0.113.5"),
        # A proxy may add a line of its own below the one that the client sent.
        (["1.1.1.1", "203.0.113.5"], "203.0.113.5"),
        (["1.1.1.1, 2.2.2.2", "203.0.113.5, 10.0.0.3"], "203.0.113.5"),
        ([" 203.0.113.5 "], "203.0.113.5"),
        (["2001:db8::5"], "2001:db8::5"),
        # Every hop is ours: the first of them is who called.
        (["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ([], "10.0.0.1"),
        ([""], "10.0.0.1"),
        ([", ,"], "10.0.0.1"),
    ],
)
def test_behind_trusted_proxies_the_first_that_is_not_ours_is_the_client(
    lines: list[str], address: str
) -> None:
    assert requests("10.0.0.0/8").where(forwarded(*lines)).address == address


def test_other_headers_about_the_client_are_not_read() -> None:
    made = request(
        "10.0.0.1", X_Real_IP="1.1.1.1", Forwarded="for=1.1.1.1", True_Client_IP="1.1.1.1"
    )
    assert requests("10.0.0.0/8").where(made).address == "10.0.0.1"


def test_a_proxy_may_be_trusted_by_an_ipv6_network() -> None:
    made = forwarded("203.0.113.5", remote="2001:db8::1")
    assert requests("2001:db8::/32").where(made).address == "203.0.113.5"


@given(st.lists(st.text(max_size=80), max_size=5))
def test_nothing_that_is_forwarded_makes_an_address_too_long_or_fails(hops: list[str]) -> None:
    headers = CIMultiDict([("X-Forwarded-For", ",".join(hops))])
    assert len(requests("10.0.0.0/8").where(_from("10.0.0.1", headers)).address) <= 64


def test_a_user_agent_is_cut_to_what_is_kept() -> None:
    assert requests().where(request(User_Agent="x" * 5000)).user_agent == "x" * 512
    assert requests().where(request()).user_agent == ""


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("Bearer a.b.c", "a.b.c"),
        ("bearer a.b.c", "a.b.c"),
        ("BEARER   a.b.c ", "a.b.c"),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("", ""),
        ("Basic YTpi", ""),
        ("a.b.c", ""),
    ],
)
def test_a_token_is_read_from_a_bearer_header_only(header: str | None, token: str | None) -> None:
    made = request() if header is None else request(Authorization=header)
    assert bearer_token(made) == token


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", []),
        ("de", ["de"]),
        ("de, en", ["de", "en"]),
        ("en;q=0.5, de", ["de", "en"]),
        ("en;q=0.5,de;q=0.9,fr;q=0.1", ["de", "en", "fr"]),
        # Spaces are allowed around the semicolon, and the Q may be large (RFC 9110, 12.4.2).
        ("en; q=0.5, de ; q=0.9", ["de", "en"]),
        ("en;Q=0.5, de", ["de", "en"]),
        ("de;q=0, en", ["en"]),
        ("de;q=0.000, en", ["en"]),
        ("de;q=x, en", ["en"]),
        ("de;q=-1, en;q=nan", []),
        (", ,de,", ["de"]),
        ("*", ["*"]),
        ("en, de", ["en", "de"]),
    ],
)
def test_languages_come_the_most_wanted_first(header: str, languages: list[str]) -> None:
    assert accepted_languages(header) == languages


@given(st.text(max_size=60))
def test_no_accept_language_header_fails(header: str) -> None:
    accepted_languages(header)


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"Accept_Language": "de-AT, en;q=0.5"}, "de"),
        ({"Accept_Language": "fr, de;q=0.5"}, "de"),
        ({"Accept_Language": "fr"}, "en"),
        ({"Accept_Language": "xx, en-GB, de"}, "en"),
        ({"Cookie": "language=de", "Accept_Language": "en"}, "de"),
        ({"Cookie": "language=xx", "Accept_Language": "de"}, "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_browsers(
    headers: dict[str, str], language: str
) -> None:
    assert requests().language(request(**headers)) == language


async def test_nobody_is_signed_in_without_a_token_or_cookie() -> None:
    with pytest.raises(SessionRequired):
        await requests().caller(request())


async def test_a_bearer_token_needs_no_csrf_token() -> None:
    sessions = Sessions()
    made = request(method="POST", Authorization=f"Bearer {token_of(sessions.begin())}")
    assert (await requests(sessions=sessions).caller(made)).sub == "ada"


async def test_a_cookie_alone_reads_but_does_not_change() -> None:
    sessions = Sessions()
    cookie = f"__Host-session={token_of(sessions.begin())}"
    reading = requests(sessions=sessions)
    assert (await reading.caller(request(Cookie=cookie))).sub == "ada"
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(CsrfRefused):
            await reading.caller(request(method=method, Cookie=cookie))
        with pytest.raises(CsrfRefused):
            await reading.caller(request(method=method, Cookie=cookie, X_CSRF_Token="0" * 64))


async def test_a_cookie_with_its_pages_token_changes() -> None:
    sessions = Sessions()
    token = token_of(sessions.begin())
    reading = requests(sessions=sessions)
    made = request(
        method="POST", Cookie=f"__Host-session={token}", X_CSRF_Token=reading.csrf_token(token)
    )
    assert (await reading.caller(made)).sub == "ada"


async def test_another_sessions_csrf_token_changes_nothing() -> None:
    sessions = Sessions()
    first, second = token_of(sessions.begin()), token_of(sessions.begin())
    reading = requests(sessions=sessions)
    made = request(
        method="POST", Cookie=f"__Host-session={first}", X_CSRF_Token=reading.csrf_token(second)
    )
    with pytest.raises(CsrfRefused):
        await reading.caller(made)


async def test_a_broken_authorization_header_does_not_fall_back_to_the_cookie() -> None:
    sessions = Sessions()
    cookie = f"__Host-session={token_of(sessions.begin())}"
    with pytest.raises(SessionRequired):
        await requests(sessions=sessions).caller(request(Cookie=cookie, Authorization="Basic x"))


def test_csrf_tokens_depend_on_the_secret() -> None:
    other = Requests(
        requests().acceptance,
        requests().administration,
        Sealer(b"another secret, just as long as it"),
        TEXTS,
        (),
    )
    assert other.csrf_token("a cookie") != requests().csrf_token("a cookie")


def test_a_csrf_token_of_bytes_that_are_no_text_is_refused() -> None:
    for cookie, token in (("a cookie", "\udcff"), ("\udcff", "a token")):
        with pytest.raises(CsrfRefused):
            requests().check_csrf(cookie, token)


SECRET = "the sécret of a mail server: as long as it has to be"


def shows(name: str, secret: str) -> str:
    return encode_basic_auth(name, secret, "utf-8")


def test_a_server_that_is_known_may_ask() -> None:
    servers = {"mail": SecretStr(SECRET), "files": SecretStr(SECRET[::-1])}
    reading = replace(requests(), servers=servers)
    reading.check_server(request(method="POST", Authorization=shows("mail", SECRET)))
    reading.check_server(request(method="POST", Authorization=shows("files", SECRET[::-1])))


@pytest.mark.parametrize(
    "shown",
    [
        shows("mail", SECRET[:-1]),
        shows("mail", ""),
        shows("files", SECRET),
        shows("nobody", ""),
        shows("", ""),
        shows("", SECRET),
        f"Bearer {SECRET}",
        "Basic bWFpbA==",
        "Basic no base64",
        "Basic /w==",
        "Basic",
        "",
    ],
)
def test_a_server_with_another_secret_or_none_is_refused(shown: str) -> None:
    servers = {"mail": SecretStr(SECRET), "files": SecretStr(SECRET[::-1])}
    with pytest.raises(ServerRefused):
        replace(requests(), servers=servers).check_server(request(Authorization=shown))


def test_where_no_server_is_known_none_may_ask() -> None:
    for shown in (shows("mail", SECRET), shows("", "")):
        with pytest.raises(ServersNotAllowed):
            requests().check_server(request(Authorization=shown))
