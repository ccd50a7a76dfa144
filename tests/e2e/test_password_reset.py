"""A forgotten password, as programs see it: reset by a code, and else nothing is told."""

import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.e2e.conftest import Demands
from tests.e2e.portal import People, Portal, Someone, code_in, eventually, problem
from tests.e2e.test_sent_codes import add

POLICY = "/admin/policy/reset"
ENABLED = {
    "enabled_for": "everyone",
    "groups": [],
    "methods": ["email", "sms"],
    "methods_required": 1,
    "reconfirm_days": 180,
    "questions_to_register": 3,
    "questions_to_answer": 3,
}
Puts = Callable[..., requests.Response]
RECEIPT = "Receipt-Token"


@pytest.fixture
def puts(portal: Portal, people: People) -> Iterator[Puts]:
    """Give a way to change the policy for resets, which is as it was after the test."""
    before = portal.call("GET", POLICY, token=people.admin).json()

    def put(**changed: object) -> requests.Response:
        return portal.call("PUT", POLICY, body=ENABLED | changed, token=people.admin)

    yield put
    assert portal.call("PUT", POLICY, body=before, token=people.admin).json() == before


def step(portal: Portal, flow: str, name: str, **body: object) -> requests.Response:
    return portal.call("POST", f"/password-reset/{flow}/{name}", body=body or None)


def begin(portal: Portal, user_id: str) -> str:
    begun = portal.call("POST", "/password-reset", body={"user_id": user_id})
    assert begun.status_code == 202, begun.text
    assert set(begun.json()) == {"flow"}
    return str(begun.json()["flow"])


def mailed(portal: Portal, address: str) -> str:
    """Return the code that was mailed last."""
    mails = [m.get_content() for m in portal.mails_to(address) if m["Subject"] == "Your code"]
    (told,) = [each for each in mails if "new password" in each]
    return code_in(told)


def is_told_of_the_reset(portal: Portal, address: str) -> bool:
    return any("reset" in mail["Subject"] for mail in portal.mails_to(address))


def test_a_forgotten_password_is_reset(portal: Portal, people: People, puts: Puts) -> None:
    if portal.maildir is None:
        pytest.skip("The mails of this portal cannot be read from here.")
    assert puts().json() == ENABLED
    person = people.add()
    address, new = person.user_id.replace("halden", "mail"), Someone.new_password()
    token = portal.token(person.user_id, person.password)
    method = add(portal, token, {"kind": "email", "address": address})
    flow = begin(portal, person.user_id.upper())
    state = portal.call("GET", f"/password-reset/{flow}").json()
    assert state == {
        "state": "choose-method",
        "methods": [{"id": method, "kind": "email", "hint": "e…@mail.example"}],
        "proofs_needed": 1,
        "asked": None,
    }
    problem(step(portal, flow, "password", new_password=new), 409, "reset-out-of-order")
    problem(step(portal, flow, "method", id="another"), 404, "not-found")
    asked = step(portal, flow, "method", id=method)
    assert asked.json() == state | {"state": "answer", "asked": method}
    problem(step(portal, flow, "answer", code="00000000"), 403, "code-refused")
    code = mailed(portal, address)
    elsewhere = portal.call(
        "POST",
        f"/password-reset/{flow}/answer",
        body={"code": code},
        headers={"User-Agent": "somebody else's program"},
    )
    problem(elsewhere, 410, "reset-ended")
    answered = step(portal, flow, "answer", code=code)
    assert (answered.status_code, answered.json()["state"]) == (200, "new-password")
    done = step(portal, flow, "password", new_password=new)
    assert done.status_code == 200, done.text
    assert set(done.json()) == {"state", "receipt"}
    assert done.json()["state"] == "done"
    assert not portal.is_accepted(token)
    problem(portal.sign_in(person.user_id, person.password), 401, "sign-in-refused")
    assert portal.is_accepted(portal.token(person.user_id, new))
    headers = {RECEIPT: done.headers[RECEIPT]}
    receipt = portal.call("GET", f"/me/receipts/{done.json()['receipt']}", headers=headers)
    assert receipt.json()["cause"] == "password-reset"
    assert portal.call("GET", f"/password-reset/{flow}").json()["state"] == "done"
    for told in (person.user_id, address):
        eventually(lambda: is_told_of_the_reset(portal, told))  # noqa: B023 - waited for at once


def test_a_sign_in_asks_for_what_a_reset_takes_until_it_is_there(
    portal: Portal, people: People, puts: Puts, demands: Demands
) -> None:
    if portal.maildir is None:
        pytest.skip("The mails of this portal cannot be read from here.")
    person = people.add()
    demands(skip_days=14)
    puts()

    def asks() -> str:
        waiting = portal.sign_in(person.user_id, person.password).json()
        assert set(waiting) == {"state", "flow", "action", "for", "skip_until"}
        assert (waiting["action"], waiting["for"]) == ("register-security-info", "reset")
        return f"/sign-in/{waiting['flow']}/action"

    done = portal.call("POST", asks(), body={"skip": True})
    assert (done.status_code, done.json()["state"]) == (200, "complete")
    path = asks()
    problem(portal.call("POST", path, body={"register_now": False}), 422, "invalid-request")
    problem(portal.call("POST", path, body={"confirm": True}), 409, "flow-out-of-order")
    token = portal.call("POST", path, body={"register_now": True}).json()["token"]
    lacking = {"enabled": True, "registered": False, "needed": 1, "kinds": ["email", "sms"]}
    assert portal.call("GET", "/me/methods", token=token).json()["reset"] == lacking
    address = person.user_id.replace("halden", "mail")
    add(portal, token, {"kind": "email", "address": address})
    enough = lacking | {"registered": True, "needed": 0}
    assert portal.call("GET", "/me/methods", token=token).json()["reset"] == enough
    assert portal.sign_in(person.user_id, person.password).json()["state"] == "complete"


def test_nobody_learns_who_there_is_or_why_they_cannot_reset(
    portal: Portal, people: People, puts: Puts
) -> None:
    puts()
    disabled, unregistered = people.add(), people.add()
    me = portal.call("GET", "/me", token=portal.token(disabled.user_id, disabled.password)).json()
    sub = me["sub"]
    shut = portal.call("POST", f"/admin/users/{sub}/disable", token=people.admin, body={})
    assert shut.status_code in {200, 202, 204}, shut.text
    nobody = f"e2e-{time.time_ns():x}@halden.example"
    seen = []
    for _ in range(3):
        for user_id in (nobody, unregistered.user_id, disabled.user_id):
            began = time.monotonic()
            flow = begin(portal, user_id)
            assert time.monotonic() - began >= 0.3
            answers = [
                portal.call("GET", f"/password-reset/{flow}"),
                step(portal, flow, "method", id="any"),
                step(portal, flow, "answer", code="12345678"),
                step(portal, flow, "password", new_password=Someone.new_password()),
                step(portal, flow, "contact"),
                portal.call("GET", f"/password-reset/{flow}"),
            ]
            seen.append(
                [
                    (each.status_code, sorted(each.headers), each.text.replace(flow, "FLOW"))
                    for each in answers
                ]
            )
    assert [status for status, _, _ in seen[0]] == [200, 409, 409, 409, 202, 200]
    assert '"contact-helpdesk"' in seen[0][0][2]
    assert all(each == seen[0] for each in seen)


def test_only_fit_policies_are_taken(portal: Portal, people: People, puts: Puts) -> None:
    for changed, field in (
        ({"enabled_for": "somebody"}, "enabled_for"),
        ({"enabled_for": "groups"}, "groups"),
        ({"methods": ["passkey"]}, "methods.0"),
        ({"methods": ["sms"], "methods_required": 2}, "methods"),
        ({"methods_required": 3}, "methods_required"),
        ({"questions_to_register": 6}, "questions_to_register"),
        ({"questions_to_answer": 5}, "questions_to_answer"),
        ({"version": 7}, "version"),
        ({"wrong_proofs": 0}, "wrong_proofs"),
        ({"lock_hours": 169}, "lock_hours"),
    ):
        document = problem(puts(**changed), 422, "invalid-request")
        assert field in {each["field"] for each in document["errors"]}, document
    # What is as usual is not said.
    assert puts(lock_hours=3, wrong_proofs=5).json() == ENABLED | {"lock_hours": 3}
    token = portal.token(*_known(people.add()))
    for method in ("GET", "PUT"):
        body = ENABLED if method == "PUT" else None
        problem(portal.call(method, POLICY, token=token, body=body), 403, "not-allowed-by-policy")


def _known(person: Someone) -> tuple[str, str]:
    return person.user_id, person.password
