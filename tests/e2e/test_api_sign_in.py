"""Signing in and out over the API, as its description promises it."""

import pytest

from tests.e2e.portal import MOMENT, People, Portal, Someone, problem


def test_a_complete_sign_in_gives_token_expiry_session_and_device(
    portal: Portal, robin: Someone
) -> None:
    answer = portal.sign_in(robin.user_id, robin.password, device_name="My laptop")
    assert answer.status_code == 200
    body = answer.json()
    assert body["state"] == "complete"
    assert MOMENT.fullmatch(body["expires_at"])
    assert body["token"]
    assert body["session"]
    assert body["device"]["id"]
    assert body["device"]["key"]


def test_a_refused_sign_in_says_nothing_about_why(portal: Portal, robin: Someone) -> None:
    document = problem(portal.sign_in(robin.user_id, "wrong"), 401, "sign-in-refused")
    assert "errors" not in document
    assert robin.user_id not in str(document)


def test_a_temporary_password_asks_for_an_action_and_the_action_completes(
    portal: Portal, people: People
) -> None:
    noor = people.add(temporary=True)
    begun = portal.sign_in(noor.user_id, noor.password)
    assert begun.status_code == 200
    assert set(begun.json()) == {"state", "flow", "action"}
    assert (begun.json()["state"], begun.json()["action"]) == ("action-required", "change-password")
    path = f"/sign-in/{begun.json()['flow']}/action"
    done = portal.call("POST", path, body={"new_password": noor.new_password()})
    assert done.json()["state"] == "complete"
    assert portal.is_accepted(done.json()["token"])


@pytest.mark.parametrize("flow", ["none", "x" * 43, "%ff", "a.b", "%00"])
def test_a_flow_that_there_is_not_has_ended(portal: Portal, flow: str) -> None:
    body = {"new_password": "amber window over the harbour"}
    answer = portal.call("POST", f"/sign-in/{flow}/action", body=body)
    assert answer.status_code == 410
    assert answer.json()["type"] == "/problems/flow-ended"


def test_signing_out_answers_with_nothing_and_ends_the_session(portal: Portal, token: str) -> None:
    answer = portal.call("POST", "/sign-out", token=token)
    assert (answer.status_code, answer.content) == (204, b"")
    document = problem(portal.call("GET", "/me", token=token), 401, "session-revoked")
    assert document["cause"] == "signed-out"
    problem(portal.call("POST", "/sign-out", token=token), 401, "session-revoked")
