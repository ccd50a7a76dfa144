"""The description of the API says who may call what, and every refusal that can come."""

from dataclasses import fields
from typing import Any, cast

import pytest

from services.gateway.api.openapi import document
from services.gateway.api.routes import Api
from shared.texts import Catalogues

TABLE = Api(*[cast("Any", None)] * len(fields(Api))).operations()
DOCUMENT = document(TABLE, server="http://localhost")


def described(method: str, path: str) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][f"/api/v1{path}"][method.lower()]
    return operation


def refusals(method: str, path: str) -> set[tuple[str, str]]:
    responses = described(method, path)["responses"]
    return {
        (status, slug)
        for status, each in responses.items()
        if status >= "400"
        for slug in each["description"].split(", ")
    }


OPERATIONS = [(each.method, each.path) for each in TABLE]
UNSAFE = {
    ("400", "malformed-body"),
    ("409", "request-in-progress"),
    ("413", "payload-too-large"),
    ("422", "invalid-request"),
    ("422", "idempotency-key-reused"),
}


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_comes_of_a_key_is_described_for_unsafe_calls_alone(method: str, path: str) -> None:
    found = refusals(method, path) & (UNSAFE - {("422", "invalid-request")})
    assert found == (set() if method == "GET" else UNSAFE - {("422", "invalid-request")})


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_csrf_token_is_asked_for_where_a_cookie_would_change_something(
    method: str, path: str
) -> None:
    ways = described(method, path)["security"]
    takes_session = {"token": []} in ways
    beside = [] if method == "GET" else ["csrf-token"]
    cookie: dict[str, list[str]] = {name: [] for name in ["session-cookie", *beside]}
    assert (cookie in ways) == takes_session
    is_refused = ("403", "csrf-refused") in refusals(method, path)
    assert is_refused == (takes_session and method != "GET")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_refusal_that_is_described_has_a_page_of_its_own(method: str, path: str) -> None:
    texts = Catalogues.load()
    assert all(texts.has(f"problem.{slug}.title") for _, slug in refusals(method, path))


def test_a_receipt_is_for_a_session_or_its_token() -> None:
    assert described("GET", "/me/receipts/{id}")["security"] == [
        {"token": []},
        {"session-cookie": []},
        {"receipt-token": []},
    ]


def test_an_app_password_is_for_servers_to_check() -> None:
    assert described("POST", "/app-passwords/check")["security"] == [{"server": []}]
    found = refusals("POST", "/app-passwords/check")
    assert {("401", "client-refused"), ("401", "app-password-refused")} <= found
    assert ("401", "session-required") not in found


def test_nobody_needs_a_credential_to_sign_in() -> None:
    assert described("POST", "/sign-in")["security"] == []


@pytest.mark.parametrize(
    ("scheme", "where", "name"),
    [
        ("session-cookie", "cookie", "__Host-session"),
        ("csrf-token", "header", "X-CSRF-Token"),
        ("receipt-token", "header", "Receipt-Token"),
    ],
)
def test_every_credential_is_described(scheme: str, where: str, name: str) -> None:
    found = DOCUMENT["components"]["securitySchemes"][scheme]
    assert (found["type"], found["in"], found["name"]) == ("apiKey", where, name)
    assert found["description"]


def test_one_status_names_every_refusal_that_has_it() -> None:
    assert refusals("POST", "/me/password") >= {
        ("401", "session-required"),
        ("401", "session-revoked"),
        ("403", "csrf-refused"),
        ("403", "wrong-password"),
        ("409", "request-in-progress"),
        ("409", "password-changed-meanwhile"),
        ("415", "unsupported-media-type"),
        ("422", "invalid-request"),
        ("422", "password-refused"),
        ("429", "sign-in-throttled"),
        ("503", "service-unavailable"),
        ("503", "too-busy"),
        ("503", "password-change-unconfirmed"),
    }
    assert ("422", "confirmation-required") in refusals("POST", "/me/sign-out-everywhere")
    assert ("403", "not-allowed-by-policy") in refusals("POST", "/admin/users")
    assert ("403", "csrf-refused") in refusals("POST", "/admin/users")
