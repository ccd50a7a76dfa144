"""What holds for every answer: cookies, headers, health, and the description itself."""

import re

import pytest
import requests

from tests.e2e.portal import People, Portal, Someone, problem


def test_every_answer_has_an_id_of_its_own_and_is_not_stored(
    portal: Portal, token: str, people: People
) -> None:
    answers = [
        portal.call("GET", "/me", token=token),
        portal.call("GET", "/me"),
        portal.call("GET", "/me/sessions", token=token),
        portal.call("GET", "/nothing"),
        portal.call("PUT", "/me"),
        portal.call("GET", "/openapi.json"),
        portal.call("GET", "/docs"),
        portal.call("GET", "/admin/users", token=people.admin),
        portal.sign_in("nobody@halden.example", "nothing"),
    ]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_cookie_alone_reads_and_changes_nothing(
    portal: Portal, robin: Someone, token: str
) -> None:
    cookie = {"Cookie": f"__Host-session={token}"}
    assert portal.call("GET", "/me", headers=cookie).status_code == 200
    for csrf in ({}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": token}):
        for path, body in (
            ("/sign-out", None),
            ("/me/sign-out-everywhere", {"confirm": True}),
            ("/me/password", {"old_password": robin.password, "new_password": "x"}),
        ):
            answer = portal.call("POST", path, body=body, headers=cookie | csrf)
            problem(answer, 403, "csrf-refused")
    assert portal.is_accepted(token)


def test_a_cookie_with_the_token_of_its_page_changes(portal: Portal, token: str) -> None:
    cookie = {"Cookie": f"__Host-session={token}"}
    page = requests.get(portal.url, headers=cookie | {"Accept": "text/html"}, timeout=30)
    found = re.search(r'name="csrf"[^>]*(?:value|content)="([0-9a-f]{64})"', page.text)
    assert found, "The page carries no token."
    answer = portal.call("POST", "/sign-out", headers=cookie | {"X-CSRF-Token": found.group(1)})
    assert answer.status_code == 204
    assert not portal.is_accepted(token)


def test_the_page_of_one_session_carries_no_token_for_another(
    portal: Portal, robin: Someone, token: str
) -> None:
    other = portal.token(robin.user_id, robin.password)
    page = requests.get(
        portal.url,
        headers={"Cookie": f"__Host-session={other}", "Accept": "text/html"},
        timeout=30,
    )
    found = re.search(r'name="csrf"[^>]*(?:value|content)="([0-9a-f]{64})"', page.text)
    assert found
    headers = {"Cookie": f"__Host-session={token}", "X-CSRF-Token": found.group(1)}
    problem(portal.call("POST", "/sign-out", headers=headers), 403, "csrf-refused")


@pytest.mark.asvs("8.3.1")
def test_nobody_is_told_from_where_they_come_by_a_header(portal: Portal, robin: Someone) -> None:
    forged = {
        "X-Forwarded-For": "203.0.113.5",
        "X-Real-IP": "203.0.113.5",
        "Forwarded": "for=203.0.113.5",
        "X-User-Id": "ada@halden.example",
        "X-Role": "admin",
    }
    body = {"user_id": robin.user_id, "password": robin.password}
    token = portal.call("POST", "/sign-in", body=body, headers=forged).json()["token"]
    (session,) = portal.call("GET", "/me/sessions", token=token, headers=forged).json()["items"]
    assert session["address"] != "203.0.113.5"
    answer = portal.call("GET", "/admin/users", token=token, headers=forged)
    problem(answer, 403, "not-allowed-by-policy")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_told_without_a_session(portal: Portal, path: str) -> None:
    answer = requests.get(portal.url + path, timeout=30)
    assert answer.status_code == 200


def test_metrics_are_not_for_the_public(portal: Portal) -> None:
    assert requests.get(f"{portal.url}/metrics", timeout=30).status_code == 404


def test_the_description_is_openapi_and_shown_to_people(portal: Portal) -> None:
    described = portal.call("GET", "/openapi.json")
    assert described.headers["Content-Type"].startswith("application/json")
    assert described.json()["openapi"].startswith("3.1")
    shown = portal.call("GET", "/docs", headers={"Accept": "text/html"})
    assert shown.status_code == 200
    assert shown.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    for path in described.json()["paths"]:
        assert path.removeprefix("/api/v1") in shown.text


def test_a_problem_is_told_in_the_readers_language(portal: Portal) -> None:
    def told(language: str) -> str:
        answer = portal.call("GET", "/me", headers={"Accept-Language": language})
        return str(answer.json()["title"])

    assert told("de-AT, en;q=0.5") != told("en")
    assert told("xx") == told("en")
