"""App passwords, as a person makes them, a mail server checks them, and a change ends them."""

import asyncio

import pytest
import requests

from tests.e2e.conftest import MAIL_SERVER, Demands
from tests.e2e.portal import People, Portal, Someone, change, problem, where_it_runs

EVERY_KIND = [
    "authenticator", "passkey", "email", "sms", "voice", "recovery-codes", "app-password",
]  # fmt: skip


def make(portal: Portal, token: str, label: object = "Mail") -> requests.Response:
    body = {"kind": "app-password", "label": label}
    return portal.call("POST", "/me/methods", body=body, token=token)


def check(portal: Portal, user_id: str, password: str, **more: str) -> requests.Response:
    body = {"user_id": user_id, "app_password": password, **more}
    return ask(portal, body, MAIL_SERVER)


def ask(portal: Portal, body: object, auth: tuple[str, str] | None) -> requests.Response:
    url = f"{portal.url}/api/v1/app-passwords/check"
    return requests.post(url, json=body, auth=auth, timeout=30)


@pytest.fixture
def allowed(demands: Demands) -> None:
    demands(allowed=EVERY_KIND)


@pytest.mark.skipif(where_it_runs() is not None, reason="It may know no mail server.")
@pytest.mark.usefixtures("allowed")
def test_an_app_password_is_made_checked_and_ended_by_a_password_change(
    portal: Portal, people: People
) -> None:
    robin = people.add()
    token = portal.token(robin.user_id, robin.password)
    for label in ("", "x" * 61, "   ", None):
        problem(make(portal, token, label), 422, "invalid-request")
    made = make(portal, token).json()
    assert (made["state"], set(made["setup"])) == ("active", {"password"})
    password = made["setup"]["password"]
    (method,) = portal.call("GET", "/me/methods", token=token).json()["items"]
    assert {name: method[name] for name in ("id", "kind", "label", "use", "default")} == {
        "id": made["id"], "kind": "app-password", "label": "Mail", "use": [], "default": False,
    }  # fmt: skip
    assert method["last_used_at"] is None
    assert password not in str(method)

    accepted = check(portal, robin.user_id.upper(), password.upper(), address="192.0.2.7")
    assert accepted.status_code == 200, accepted.text
    assert accepted.json() == {
        "sub": portal.call("GET", "/me", token=token).json()["sub"],
        "user_id": robin.user_id,
        "method_id": made["id"],
        "label": "Mail",
    }
    assert accepted.headers["Cache-Control"] == "no-store"
    (method,) = portal.call("GET", "/me/methods", token=token).json()["items"]
    assert method["last_used_at"] is not None
    problem(portal.sign_in(robin.user_id, password), 401, "sign-in-refused")
    assert portal.sign_in(robin.user_id, robin.password).json()["state"] == "complete"

    assert change(portal, token, robin.password, robin.new_password()).status_code == 202
    for user_id, given in ((robin.user_id, password), ("nobody@halden.example", password)):
        refused = check(portal, user_id, given)
        assert (refused.status_code, refused.json()["type"]) == (
            401, "/problems/app-password-refused",
        )  # fmt: skip


@pytest.mark.skipif(where_it_runs() is not None, reason="It may know no mail server.")
@pytest.mark.usefixtures("allowed")
async def test_no_app_password_outlives_a_change_that_it_races(
    portal: Portal, people: People
) -> None:
    """Whatever is made while the password changes works nowhere once that is answered."""
    robin = await asyncio.to_thread(people.add)
    token = await asyncio.to_thread(portal.token, robin.user_id, robin.password)
    changed, *made = await asyncio.gather(
        asyncio.to_thread(change, portal, token, robin.password, robin.new_password()),
        *(asyncio.to_thread(make, portal, token, str(number)) for number in range(8)),
    )
    assert changed.status_code == 202, changed.text
    passwords = [each.json()["setup"]["password"] for each in made if each.status_code == 201]
    checked = [check(portal, robin.user_id, each).status_code for each in passwords]
    assert set(checked) <= {401}


@pytest.mark.skipif(where_it_runs() is not None, reason="It may know no mail server.")
def test_only_a_known_server_may_ask_and_none_is_made_unless_allowed(
    portal: Portal, robin: Someone, token: str
) -> None:
    problem(make(portal, token), 403, "not-allowed-by-policy")
    body = {"user_id": robin.user_id, "app_password": "none"}
    for auth in (None, ("mail", "a guess"), ("files", MAIL_SERVER[1]), ("", "")):
        refused = ask(portal, body, auth)
        assert (refused.status_code, refused.json()["type"]) == (401, "/problems/client-refused")
        assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    by_session = portal.call("POST", "/app-passwords/check", body=body, token=token)
    assert by_session.json()["type"] == "/problems/client-refused"
    for unfit in ({}, {**body, "sub": "x"}, {**body, "user_id": ""}, {**body, "address": "x" * 65}):
        problem(ask(portal, unfit, MAIL_SERVER), 422, "invalid-request")
