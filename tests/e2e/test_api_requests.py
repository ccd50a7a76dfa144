"""What every call takes, and how it refuses what it does not take."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.e2e.portal import (
    People,
    Portal,
    Someone,
    problem,
)

PRIVATE = [
    ("GET", "/me"), ("GET", "/me/photo"), ("GET", "/me/sessions"), ("DELETE", "/me/sessions/x"),
    ("POST", "/me/sign-out-everywhere"), ("GET", "/me/receipts"), ("GET", "/me/receipts/x"),
    ("GET", "/me/events"), ("POST", "/me/password"), ("POST", "/me/password/check"),
    ("POST", "/sign-out"), ("GET", "/admin/users"), ("POST", "/admin/users"),
    ("GET", "/admin/audit"), ("GET", "/admin/audit/export"), ("GET", "/admin/policy/password"),
    ("PUT", "/admin/policy/password"), ("GET", "/admin/parked-events"),
    ("POST", "/admin/parked-events/x/replay"),
]  # fmt: skip
WITH_BODY = [
    ("/sign-in", {"user_id": "x", "password": "y"}),
    ("/sign-in/x/action", {"new_password": "y"}),
    ("/me/sign-out-everywhere", {"confirm": False}),
    ("/me/password", {"old_password": "x", "new_password": "y"}),
    ("/me/password/check", {"password": "y"}),
    ("/admin/users", {"user_id": "x", "display_name": "y", "emails": []}),
]


@pytest.mark.asvs("8.2.1", "8.3.1")
@pytest.mark.parametrize(("method", "path"), PRIVATE)
@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"Authorization": "Bearer made.up.token-of-some-length"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YWRhOnBhc3N3b3Jk"},
    ],
)
def test_without_a_session_everything_private_asks_for_one(
    portal: Portal, method: str, path: str, shown: dict[str, str]
) -> None:
    problem(portal.call(method, path, headers=shown), 401, "session-required")


@pytest.mark.asvs("8.2.3")
@pytest.mark.parametrize(("path", "body"), WITH_BODY)
def test_an_unknown_field_is_refused_by_name(
    portal: Portal, people: People, path: str, body: dict[str, Any]
) -> None:
    sent = body | {"is_admin": True}
    answer = portal.call("POST", path, body=sent, token=people.admin)
    document = problem(answer, 422, "invalid-request")
    assert "is_admin" in {each["field"] for each in document["errors"]}


@pytest.mark.parametrize(("path", "body"), WITH_BODY)
def test_another_media_type_is_refused(
    portal: Portal, people: People, path: str, body: dict[str, Any]
) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "text/json"):
        headers = {"Content-Type": content_type}
        answer = portal.call("POST", path, body=body, token=people.admin, headers=headers)
        problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(("path", "_body"), WITH_BODY)
def test_what_is_no_json_is_malformed(
    portal: Portal, people: People, path: str, _body: dict[str, Any]
) -> None:
    for content in (b"", b"{", b'{"password": "\\ud800"}', b"\xff", b"[" * 5000):
        answer = portal.call("POST", path, body=content, token=people.admin)
        problem(answer, 400, "malformed-body")


@pytest.mark.parametrize(("path", "_body"), WITH_BODY)
def test_a_body_of_more_than_64_kib_is_refused(
    portal: Portal, people: People, path: str, _body: dict[str, Any]
) -> None:
    answer = portal.call("POST", path, body=b" " * 70_000, token=people.admin)
    problem(answer, 413, "payload-too-large")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/me", "GET, HEAD"),
        ("DELETE", "/me", "GET, HEAD"),
        ("GET", "/sign-in", "POST"),
        ("POST", "/me/sessions", "GET, HEAD"),
        ("PATCH", "/admin/users", "GET, HEAD, POST"),
        ("OPTIONS", "/me", "GET, HEAD"),
        ("TRACE", "/me", "GET, HEAD"),
    ],
)
def test_another_method_is_refused_with_those_there_are(
    portal: Portal, method: str, path: str, allowed: str
) -> None:
    answer = portal.call(method, path)
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("path", ["/nothing", "/me/", "/ME", "/me/sessions/x/y", "//me", "/admin"])
def test_nothing_is_at_an_unknown_address(portal: Portal, path: str) -> None:
    answer = portal.call("GET", path)
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/not-found"


def raw(portal: Portal, method: str, path: str, headers: dict[str, bytes], body: bytes) -> int:
    """Send headers of any bytes and return the status."""
    where = urlsplit(portal.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
    connection.putrequest(method, f"/api/v1{path}")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    "name",
    [
        "User-Agent", "Cookie", "Authorization", "Idempotency-Key", "Receipt-Token", "X-CSRF-Token",
        "X-Forwarded-For", "Accept-Language", "Accept", "Content-Type", "traceparent",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "value", [b"\xff\xfe", b"a=\xff; __Host-session=\xff", b"x" * 6000, b'"', b";,=;"]
)
def test_a_header_of_whatever_bytes_is_no_error_of_ours(
    portal: Portal, token: str, name: str, value: bytes
) -> None:
    shown = (
        {} if name in {"Authorization", "Cookie"} else {"Authorization": f"Bearer {token}".encode()}
    )
    sent = {"Content-Type": b"application/json", **shown, name: value}
    body = b'{"confirm": false}'
    for method, path in (
        ("GET", "/me"),
        ("GET", "/me/receipts/x"),
        ("POST", "/me/sign-out-everywhere"),
    ):
        assert raw(portal, method, path, sent, body) < 500, (method, path)


def test_a_strange_browser_can_sign_in(portal: Portal, robin: Someone) -> None:
    body = f'{{"user_id": "{robin.user_id}", "password": "{robin.password}"}}'.encode()
    headers = {"Content-Type": b"application/json", "User-Agent": b"Br\xf6wser/1"}
    assert raw(portal, "POST", "/sign-in", headers, body) == 200


def said_to(portal: Portal, sent: bytes) -> tuple[http.client.HTTPMessage, int, Any]:
    """Send bytes as they are, and return the headers, the status and the JSON of the answer."""
    where = urlsplit(portal.url)
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=30) as sent_to:
        sent_to.sendall(sent)
        answer = http.client.HTTPResponse(sent_to)
        answer.begin()
        return answer.headers, answer.status, json.loads(answer.read())


@pytest.mark.parametrize(
    ("sent", "status", "slug"),
    [
        (b"nonsense\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nX: %s\r\n\r\n" % (b"y" * 20_000), 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "malformed-request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", 417, "expectation-failed"),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", 417, "expectation-failed"),
    ],
)
def test_what_cannot_be_read_as_a_request_is_answered_like_everything_else(
    portal: Portal, sent: bytes, status: int, slug: str
) -> None:
    headers, answered, document = said_to(portal, sent)
    assert (answered, document["type"]) == (status, f"/problems/{slug}")
    assert document["title"]
    assert document["detail"]
    assert headers["Content-Type"].partition(";")[0] == "application/problem+json"
    assert headers["X-Request-Id"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "aiohttp" not in str(headers)


@pytest.mark.parametrize("path", ["/api/v1/sign-in", "/sign-in"])
def test_a_body_that_is_not_compressed_as_it_says_is_refused(portal: Portal, path: str) -> None:
    kind = "application/json" if path.startswith("/api") else "application/x-www-form-urlencoded"
    for accept, answered_with in (("*/*", "application/problem+json"), ("text/html", "text/html")):
        answer = requests.post(
            portal.url + path,
            data=b"user_id=ada",
            headers={"Content-Encoding": "gzip", "Content-Type": kind, "Accept": accept},
            timeout=30,
        )
        assert answer.status_code == 400
        is_api = path.startswith("/api")
        shown = "application/problem+json" if is_api else answered_with
        assert answer.headers["Content-Type"].partition(";")[0] == shown
