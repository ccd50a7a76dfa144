"""Somebody changes their password, and what came before is over."""

import pytest

from tests.e2e.portal import People, Portal, demo_user, eventually


@pytest.mark.asvs("6.2.2", "7.4.1", "7.4.3")
def test_everything_issued_before_is_refused_from_the_answer_on(
    portal: Portal, people: People
) -> None:
    robin, new = people.add(), None
    older = [portal.token(robin.user_id, robin.password) for _ in range(5)]
    assert all(portal.is_accepted(token) for token in older)
    new = robin.new_password()

    body = {"old_password": robin.password, "new_password": new}
    answer = portal.call("POST", "/me/password", body=body, token=older[0])

    assert answer.status_code == 202
    assert not any(portal.is_accepted(token) for token in older)
    assert portal.sign_in(robin.user_id, robin.password).status_code == 401
    assert portal.is_accepted(portal.token(robin.user_id, new))


def test_the_refusal_says_what_ended_the_session(portal: Portal, people: People) -> None:
    robin = people.add()
    token = portal.token(robin.user_id, robin.password)
    body = {"old_password": robin.password, "new_password": robin.new_password()}
    portal.call("POST", "/me/password", body=body, token=token)

    refused = portal.call("GET", "/me", token=token)

    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert refused.json()["type"] == "/problems/session-revoked"
    assert refused.json()["cause"] == "password-changed"


def test_the_receipt_lists_every_session_and_when_it_was_ended(
    portal: Portal, people: People
) -> None:
    robin = people.add()
    sids = {portal.sign_in(robin.user_id, robin.password).json()["session"] for _ in range(3)}
    token = portal.token(robin.user_id, robin.password)
    body = {"old_password": robin.password, "new_password": robin.new_password()}
    given = portal.call("POST", "/me/password", body=body, token=token).json()
    headers = {"Receipt-Token": given["receipt_token"]}
    path = f"/me/receipts/{given['receipt']}"

    def complete() -> object:
        read = portal.call("GET", path, headers=headers).json()
        return read if read["completed_at"] else None

    receipt = eventually(complete)
    assert sids < {each["sid"] for each in receipt["sessions"]}
    assert all(each["ended_at"] for each in receipt["sessions"])
    assert receipt["cause"] == "password-changed"
    assert receipt["apps"] == []


def test_a_receipt_opens_to_nobody_without_its_token(portal: Portal, people: People) -> None:
    robin = people.add()
    token = portal.token(robin.user_id, robin.password)
    body = {"old_password": robin.password, "new_password": robin.new_password()}
    given = portal.call("POST", "/me/password", body=body, token=token).json()
    path = f"/me/receipts/{given['receipt']}"

    assert portal.call("GET", path).status_code == 401
    assert portal.call("GET", path, headers={"Receipt-Token": "x" * 43}).status_code == 404
    assert portal.call("GET", path, token=people.admin).status_code == 404


def test_one_mail_tells_of_it_in_the_users_language(portal: Portal, people: People) -> None:
    if portal.maildir is None:
        pytest.skip("The mail of this portal cannot be read from here.")
    robin = people.add(preferred_language="de")
    token = portal.token(robin.user_id, robin.password)
    body = {"old_password": robin.password, "new_password": robin.new_password()}
    portal.call("POST", "/me/password", body=body, token=token)

    mails = eventually(lambda: portal.mails_to(robin.user_id))

    assert len(mails) == 1
    assert "Kennwort" in mails[0]["Subject"]
    text = mails[0].get_content()
    assert robin.user_id in text
    assert token not in text


@pytest.mark.asvs("6.2.3")
def test_a_wrong_old_password_changes_nothing(portal: Portal, people: People) -> None:
    robin = people.add()
    token = portal.token(robin.user_id, robin.password)
    body = {"old_password": "not the password of robin", "new_password": robin.new_password()}

    answer = portal.call("POST", "/me/password", body=body, token=token)

    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/wrong-password")
    assert portal.is_accepted(token)
    assert portal.sign_in(robin.user_id, robin.password).status_code == 200


def test_every_reason_against_a_new_password_is_told_at_once(
    portal: Portal, people: People
) -> None:
    robin = people.add()
    token = portal.token(robin.user_id, robin.password)
    body = {"old_password": robin.password, "new_password": "robinvale"}

    answer = portal.call("POST", "/me/password", body=body, token=token)

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/password-refused")
    reasons = {each["reason"] for each in answer.json()["errors"]}
    assert {"too-short", "contains-your-name", "too-guessable"} <= reasons
    assert all(each["message"] != each["reason"] for each in answer.json()["errors"])
    assert portal.is_accepted(token)


def test_the_password_in_use_is_refused(portal: Portal, people: People) -> None:
    robin = people.add()
    token = portal.token(robin.user_id, robin.password)
    body = {"old_password": robin.password, "new_password": robin.password}
    answer = portal.call("POST", "/me/password", body=body, token=token)
    assert [each["reason"] for each in answer.json()["errors"]] == ["same-as-current"]


def test_rating_a_password_stores_nothing(portal: Portal, people: People) -> None:
    robin = people.add()
    token = portal.token(robin.user_id, robin.password)
    good = portal.call(
        "POST", "/me/password/check", body={"password": robin.new_password()}, token=token
    ).json()
    weak = portal.call(
        "POST", "/me/password/check", body={"password": "password"}, token=token
    ).json()
    assert good == {"acceptable": True, "score": good["score"], "reasons": []}
    assert weak["acceptable"] is False
    assert {"too-short", "breached"} <= set(weak["reasons"])
    assert portal.is_accepted(token)


def test_a_demonstration_user_sees_their_profile(portal: Portal) -> None:
    mei = demo_user("mei")
    me = portal.call("GET", "/me", token=portal.token(mei["user_id"], mei["password"])).json()
    assert me["user_id"] == mei["user_id"]
    assert me["manager"] == {"display_name": "Ada Marsh"}
    assert me["home_organization"]["name"] == "Halden Logistics"
    assert me["helpdesk"]["email"] == "helpdesk@halden.example"
    assert me["managed_by_organization"] is True
