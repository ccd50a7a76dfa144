"""Changing and checking a password over the API, as its description promises it."""

import secrets
import threading

import pytest

from tests.e2e.portal import Answer, Portal, Someone, change, problem


def test_a_password_that_is_repeated_under_its_key_gets_its_receipt_again(
    portal: Portal, robin: Someone, token: str
) -> None:
    key, new = secrets.token_hex(8), robin.new_password()
    first = change(portal, token, robin.password, new, **{"Idempotency-Key": key})
    assert first.status_code == 202
    assert not portal.is_accepted(token)
    again = change(portal, token, robin.password, new, **{"Idempotency-Key": key})
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Receipt-Token"] == first.headers["Receipt-Token"]
    other = change(portal, token, robin.password, new + "!", **{"Idempotency-Key": key})
    problem(other, 422, "idempotency-key-reused")
    unkeyed = change(portal, token, robin.password, new)
    problem(unkeyed, 401, "session-revoked")
    assert portal.sign_in(robin.user_id, new).status_code == 200
    here = portal.token(robin.user_id, new)
    receipts = portal.call("GET", "/me/receipts", token=here).json()["items"]
    assert [each["id"] for each in receipts] == [first.json()["receipt"]]


def test_of_the_same_change_many_times_at_once_one_is_made(
    portal: Portal, robin: Someone, token: str
) -> None:
    key, new = secrets.token_hex(8), robin.new_password()
    answers: list[Answer] = []

    def send() -> None:
        answers.append(change(portal, token, robin.password, new, **{"Idempotency-Key": key}))

    senders = [threading.Thread(target=send) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert {answer.status_code for answer in answers} <= {202, 409}
    changed = [answer.json() for answer in answers if answer.status_code == 202]
    assert changed
    assert all(each == changed[0] for each in changed)
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "request-in-progress")


def test_a_check_gives_a_score_and_every_reason(portal: Portal, token: str) -> None:
    answer = portal.call("POST", "/me/password/check", body={"password": "password1"}, token=token)
    assert answer.status_code == 200
    assert answer.json() == {
        "acceptable": False,
        "score": 0,
        "reasons": ["too-short", "breached", "too-guessable"],
    }


@pytest.mark.parametrize("password", ["", "\n", "a\u0000b", "\u0378" * 20, "x" * 1024])
def test_any_password_is_rated_and_none_breaks_the_rating(
    portal: Portal, token: str, password: str
) -> None:
    answer = portal.call("POST", "/me/password/check", body={"password": password}, token=token)
    assert (answer.status_code, answer.json()["acceptable"]) == (200, False)


def test_a_password_of_more_than_is_read_at_all_is_refused(portal: Portal, token: str) -> None:
    body = {"password": "x" * 1025}
    answer = portal.call("POST", "/me/password/check", body=body, token=token)
    document = problem(answer, 422, "invalid-request")
    assert [each["field"] for each in document["errors"]] == ["password"]


def test_composed_and_decomposed_input_is_one_password(
    portal: Portal, robin: Someone, token: str
) -> None:
    mark = secrets.token_hex(4)
    composed, decomposed = f"gr\u00fcne B\u00f6en {mark}", f"gru\u0308ne Bo\u0308en {mark}"
    assert change(portal, token, robin.password, composed).status_code == 202
    assert portal.sign_in(robin.user_id, decomposed).status_code == 200


@pytest.mark.asvs("6.2.5", "6.2.9")
def test_a_256_character_password_in_any_script_works(
    portal: Portal, robin: Someone, token: str
) -> None:
    new = (f"\u0442\u0438\u0445\u0438\u0435 \u4e2d\u6587 \U0001f9a6 {secrets.token_hex(4)} " * 20)[
        :256
    ]
    assert change(portal, token, robin.password, new).status_code == 202
    assert portal.sign_in(robin.user_id, new).status_code == 200
    assert portal.sign_in(robin.user_id, new[:-1]).status_code == 401
