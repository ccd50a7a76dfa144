"""What an organization's admins demand of methods and sessions, and what its people notice."""

from typing import Any

import pyotp
import pytest

from tests.e2e.conftest import METHODS, Demands
from tests.e2e.portal import People, Portal, Someone, code_before, eventually, problem
from tests.e2e.test_second_factors import answer, set_up

SESSIONS = "/admin/policy/sessions"
USUAL = {
    "allowed": ["authenticator", "recovery-codes"],
    "second_factor": "if-registered",
    "trust_days": 0,
}


@pytest.fixture
def person(people: People) -> Someone:
    return people.add()


def sub_of(portal: Portal, person: Someone) -> str:
    token = portal.token(person.user_id, person.password)
    return str(portal.call("GET", "/me", token=token).json()["sub"])


def registers(portal: Portal, flow: str) -> tuple[dict[str, Any], str]:
    """Register an authenticator in a sign-in; return what it comes to, and the secret."""
    body = {"method": {"kind": "authenticator", "label": "Phone"}}
    begun = portal.call("POST", f"/sign-in/{flow}/action", body=body)
    assert begun.status_code == 200, begun.text
    made = begun.json()
    assert set(made) == {"state", "flow", "action", "method"}
    assert (made["state"], made["action"]) == ("action-required", "register-security-info")
    assert made["method"]["state"] == "unproved"
    secret = str(made["method"]["setup"]["secret"])
    proof = {"method_id": made["method"]["id"], "code": "12345"}
    wrong = portal.call("POST", f"/sign-in/{flow}/action", body=proof)
    problem(wrong, 403, "code-refused")
    proof["code"] = code_before(secret)
    done = portal.call("POST", f"/sign-in/{flow}/action", body=proof)
    assert done.status_code == 200, done.text
    return done.json(), secret


def test_a_required_factor_is_registered_in_the_sign_in_and_stays(
    portal: Portal, person: Someone, demands: Demands
) -> None:
    demands(second_factor="required")
    waiting = portal.sign_in(person.user_id, person.password).json()
    assert set(waiting) == {"state", "flow", "action"}
    assert waiting["action"] == "register-security-info"
    done, secret = registers(portal, waiting["flow"])
    assert done["state"] == "complete"
    (current,) = portal.call("GET", "/me/sessions", token=done["token"]).json()["items"]
    assert current["aal"] == 2
    (method,) = portal.call("GET", "/me/methods", token=done["token"]).json()["items"]
    last = portal.call("DELETE", f"/me/methods/{method['id']}", token=done["token"])
    problem(last, 409, "last-factor")
    flow = portal.sign_in(person.user_id, person.password).json()["flow"]
    assert answer(portal, flow, pyotp.TOTP(secret).now()).json()["state"] == "complete"


def test_where_it_is_off_the_password_is_enough(
    portal: Portal, person: Someone, demands: Demands
) -> None:
    set_up(portal, portal.token(person.user_id, person.password))
    assert portal.sign_in(person.user_id, person.password).json()["state"] == "challenge"
    demands(second_factor="off")
    assert portal.sign_in(person.user_id, person.password).json()["state"] == "complete"


def test_what_is_not_allowed_is_listed_and_good_for_nothing(
    portal: Portal, person: Someone, demands: Demands
) -> None:
    token = portal.token(person.user_id, person.password)
    method_id, secret = set_up(portal, token)
    flow = portal.sign_in(person.user_id, person.password).json()["flow"]
    demands(allowed=["recovery-codes"])
    problem(answer(portal, flow, pyotp.TOTP(secret).now()), 403, "not-allowed-by-policy")
    another = {"kind": "authenticator", "label": "Another"}
    refused = portal.call("POST", "/me/methods", body=another, token=token)
    problem(refused, 403, "not-allowed-by-policy")
    fresh = portal.token(person.user_id, person.password)
    (method,) = portal.call("GET", "/me/methods", token=fresh).json()["items"]
    assert (method["id"], method["allowed"]) == (method_id, False)
    removed = portal.call("DELETE", f"/me/methods/{method_id}", token=fresh)
    assert removed.status_code == 200


def test_an_admin_has_somebody_register_anew(
    portal: Portal, people: People, person: Someone
) -> None:
    sub = sub_of(portal, person)
    token = portal.token(person.user_id, person.password)
    set_up(portal, token)
    path = f"/admin/users/{sub}/require-security-info"
    assert portal.call("POST", path, token=people.admin).status_code == 204
    ended = problem(portal.call("GET", "/me", token=token), 401, "session-revoked")
    assert ended["cause"] == "methods-cleared"
    waiting = portal.sign_in(person.user_id, person.password).json()
    done, _ = registers(portal, waiting["flow"])
    assert done["state"] == "complete"
    assert portal.sign_in(person.user_id, person.password).json()["state"] == "challenge"
    if portal.maildir is not None:
        subject = "Your methods to sign in were taken away"
        eventually(lambda: subject in [each["Subject"] for each in portal.mails_to(person.user_id)])


def test_policy_is_for_admins_and_for_who_there_is(
    portal: Portal, people: People, person: Someone
) -> None:
    token = portal.token(person.user_id, person.password)
    for method, path, body in (
        ("GET", METHODS, None),
        ("PUT", METHODS, USUAL),
        ("GET", SESSIONS, None),
        ("PUT", SESSIONS, {"idle_minutes": 60, "lifetime_hours": 24}),
        ("POST", "/admin/users/somebody/require-security-info", None),
    ):
        answered = portal.call(method, path, body=body, token=token)
        problem(answered, 403, "not-allowed-by-policy")
    unknown = portal.call("POST", "/admin/users/nobody/require-security-info", token=people.admin)
    problem(unknown, 404, "not-found")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (METHODS, {**USUAL, "second_factor": "sometimes"}, "second_factor"),
        (METHODS, {**USUAL, "allowed": ["carrier-pigeon"]}, "allowed"),
        (METHODS, {**USUAL, "allowed": ["recovery-codes"], "second_factor": "required"}, "allowed"),
        (METHODS, {**USUAL, "trust_days": 91}, "trust_days"),
        (METHODS, {**USUAL, "trust_days": -1}, "trust_days"),
        (METHODS, {**USUAL, "skip_days": 31}, "skip_days"),
        (METHODS, {**USUAL, "skip_days": -1}, "skip_days"),
        (METHODS, {**USUAL, "reconfirm_days": 3651}, "reconfirm_days"),
        (METHODS, {**USUAL, "reconfirm_days": "never"}, "reconfirm_days"),
        (METHODS, {**USUAL, "extra": 1}, "extra"),
        (METHODS, {"allowed": ["authenticator"], "trust_days": 0}, "second_factor"),
        (SESSIONS, {"idle_minutes": 4, "lifetime_hours": 24}, "idle_minutes"),
        (SESSIONS, {"idle_minutes": 60, "lifetime_hours": 0}, "lifetime_hours"),
        (SESSIONS, {"idle_minutes": 60, "lifetime_hours": 721}, "lifetime_hours"),
        (SESSIONS, {"idle_minutes": 60}, "lifetime_hours"),
        (SESSIONS, {"idle_minutes": 60, "lifetime_hours": 24, "activity_days": 6}, "activity_days"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_by_its_field(
    portal: Portal, people: People, path: str, body: object, field: str
) -> None:
    before = portal.call("GET", path, token=people.admin).json()
    answered = portal.call("PUT", path, body=body, token=people.admin)
    document = problem(answered, 422, "invalid-request")
    assert {each["field"].partition(".")[0] for each in document["errors"]} == {field}
    assert portal.call("GET", path, token=people.admin).json() == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"method_id": "x"},
        {"code": "123456"},
        {"new_password": "x", "method_id": "y", "code": "z"},
        {"method": {"kind": "recovery-codes", "label": "x"}},
        {"method": {"kind": "authenticator"}},
    ],
)
def test_an_action_is_one_thing(portal: Portal, body: object) -> None:
    answered = portal.call("POST", "/sign-in/any-flow/action", body=body)
    problem(answered, 422, "invalid-request")


def test_sessions_last_as_long_as_policy_says(
    portal: Portal, people: People, person: Someone
) -> None:
    before = portal.call("GET", SESSIONS, token=people.admin).json()
    body = {"idle_minutes": 30, "lifetime_hours": 8}
    older = portal.sign_in(person.user_id, person.password).json()
    try:
        put = portal.call("PUT", SESSIONS, body=body, token=people.admin)
        assert put.status_code == 200
        # Who does not know of the days that activity is kept does not change them.
        assert put.json() == {**body, "activity_days": before["activity_days"]}
        newer = portal.sign_in(person.user_id, person.password).json()
        assert newer["expires_at"] < older["expires_at"]
    finally:
        assert portal.call("PUT", SESSIONS, body=before, token=people.admin).status_code == 200
