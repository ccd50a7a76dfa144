"""Sign-in activity over the API: what was tried is there, and what was not one's own ends all."""

import pyotp

from tests.e2e.portal import People, Portal, eventually, problem
from tests.e2e.test_second_factors import set_up

ROWS = "/me/sign-ins"


def test_every_attempt_is_a_row_and_one_that_was_not_mine_secures_the_account(
    portal: Portal, people: People
) -> None:
    person = people.add()
    token = portal.token(person.user_id, person.password)
    _, secret = set_up(portal, token)
    problem(portal.sign_in(person.user_id, "not the password"), 401, "sign-in-refused")
    waiting = portal.sign_in(person.user_id, person.password).json()
    answer = f"/sign-in/{waiting['flow']}/answer"
    problem(portal.call("POST", answer, body={"code": "000000"}), 403, "code-refused")
    done = portal.call("POST", answer, body={"code": pyotp.TOTP(secret).now()}).json()
    token = done["token"]

    rows = portal.call("GET", ROWS, token=token).json()["items"]
    outcomes = ["signed-in", "second-factor-failed", "wrong-password", "signed-in"]
    assert [each["outcome"] for each in rows] == outcomes
    assert rows[0]["device_id"] == done["device"]["id"]
    found = portal.call("GET", f"{ROWS}?search=second fact", token=token).json()["items"]
    assert found == rows[1:2]

    report = f"{ROWS}/{rows[0]['id']}/report"
    made = portal.call("POST", report, body={"mine": False}, token=token)
    assert made.status_code == 202, made.text
    assert problem(portal.call("GET", ROWS, token=token), 401, "session-revoked")["cause"] == (
        "not-me"
    )
    given = {"Receipt-Token": made.json()["receipt_token"]}
    receipt = f"/me/receipts/{made.json()['receipt']}"
    eventually(lambda: portal.call("GET", receipt, headers=given).json()["completed_at"])
    assert portal.sign_in(person.user_id, person.password).json()["state"] == "challenge"
