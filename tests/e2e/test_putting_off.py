"""Putting off what a sign-in asks for, as a program does it over the API."""

from datetime import UTC, datetime, timedelta

from tests.e2e.conftest import Demands
from tests.e2e.portal import People, Portal, Someone, problem
from tests.e2e.test_policy import registers, sub_of


def test_a_factor_that_is_required_can_be_put_off_while_policy_allows(
    portal: Portal, robin: Someone, people: People, demands: Demands
) -> None:
    sub = sub_of(portal, robin)
    demands(second_factor="required", skip_days=14)
    waiting = portal.sign_in(robin.user_id, robin.password).json()
    assert waiting["skip_until"].endswith("Z")
    left = datetime.fromisoformat(waiting["skip_until"]) - datetime.now(UTC)
    assert timedelta(days=13) < left <= timedelta(days=14)
    path = f"/sign-in/{waiting['flow']}/action"
    done = portal.call("POST", path, body={"skip": True})
    assert (done.status_code, done.json()["state"]) == (200, "complete")
    token = done.json()["token"]
    (session,) = [
        each
        for each in portal.call("GET", "/me/sessions", token=token).json()["items"]
        if each["current"]
    ]
    assert session["aal"] == 1
    problem(portal.call("POST", path, body={"skip": True}), 410, "flow-ended")

    asked = f"/admin/users/{sub}/require-security-info"
    assert portal.call("POST", asked, token=people.admin).status_code == 204
    waiting = portal.sign_in(robin.user_id, robin.password).json()
    assert waiting["action"] == "register-security-info"
    assert "skip_until" not in waiting
    path = f"/sign-in/{waiting['flow']}/action"
    problem(portal.call("POST", path, body={"skip": True}), 403, "cannot-be-put-off")
    problem(portal.call("POST", path, body={"confirm": True}), 409, "flow-out-of-order")
    problem(portal.call("POST", path, body={"skip": False}), 422, "invalid-request")
    registered, _ = registers(portal, waiting["flow"])
    assert registered["state"] == "complete"
