"""A device that is trusted, over the API: from the challenge that it saves to what ends it."""

from typing import Any

import pyotp
import pytest

from tests.e2e.conftest import Demands
from tests.e2e.portal import People, Portal, Someone, change, problem
from tests.e2e.test_second_factors import set_up

FORGET = "/me/devices/forget-trust"


@pytest.fixture
def person(people: People) -> Someone:
    return people.add()


@pytest.fixture
def secret(portal: Portal, person: Someone) -> str:
    """Return the secret of the person's authenticator."""
    return set_up(portal, portal.token(person.user_id, person.password))[1]


def trusts(portal: Portal, person: Someone, secret: str) -> dict[str, Any]:
    """Sign in with the authenticator, and have the device trusted; return what that comes to."""
    waiting = portal.sign_in(person.user_id, person.password).json()
    body = {"code": pyotp.TOTP(secret).now(), "trust_device": True}
    answered = portal.call("POST", f"/sign-in/{waiting['flow']}/answer", body=body)
    assert answered.status_code == 200, answered.text
    return {**answered.json(), "trust_days": waiting["trust_days"]}


def state(portal: Portal, person: Someone, key: str, password: str | None = None) -> str:
    answered = portal.sign_in(person.user_id, password or person.password, device_key=key)
    assert answered.status_code == 200, answered.text
    return str(answered.json()["state"])


def test_a_trusted_device_is_not_asked_until_it_is_told_to(
    portal: Portal, person: Someone, secret: str, demands: Demands
) -> None:
    demands(trust_days=30)
    trusted = trusts(portal, person, secret)
    assert trusted["trust_days"] == 30
    key = trusted["device"]["key"]
    again = portal.sign_in(person.user_id, person.password, device_key=key).json()
    assert again["state"] == "complete"
    (current,) = [
        each
        for each in portal.call("GET", "/me/sessions", token=again["token"]).json()["items"]
        if each["current"]
    ]
    assert current["aal"] == 1
    methods = portal.call("GET", "/me/methods", token=again["token"])
    assert problem(methods, 403, "step-up-required")["needs"] == "mfa"
    assert portal.sign_in(person.user_id, person.password).json()["state"] == "challenge"
    problem(portal.sign_in(person.user_id, "wrong", device_key=key), 401, "sign-in-refused")
    for _ in range(2):
        forgotten = portal.call("POST", FORGET, token=again["token"])
        assert (forgotten.status_code, forgotten.content) == (204, b"")
    assert state(portal, person, key) == "challenge"
    assert portal.is_accepted(again["token"])


def test_a_changed_password_ends_it(
    portal: Portal, person: Someone, secret: str, demands: Demands
) -> None:
    demands(trust_days=1)
    trusted = trusts(portal, person, secret)
    new = person.new_password()
    assert change(portal, trusted["token"], person.password, new).status_code == 202
    assert state(portal, person, trusted["device"]["key"], new) == "challenge"


def test_without_a_policy_for_it_nothing_is_trusted_and_nothing_comes_back(
    portal: Portal, person: Someone, secret: str, demands: Demands
) -> None:
    demands(trust_days=30)
    key = trusts(portal, person, secret)["device"]["key"]
    assert state(portal, person, key) == "complete"
    demands(trust_days=0)
    waiting = portal.sign_in(person.user_id, person.password, device_key=key).json()
    assert (waiting["state"], waiting["trust_days"]) == ("challenge", 0)
    demands(trust_days=30)
    assert state(portal, person, key) == "challenge"


def test_it_takes_a_session(portal: Portal) -> None:
    problem(portal.call("POST", FORGET), 401, "session-required")
