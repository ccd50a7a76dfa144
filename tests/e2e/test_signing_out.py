"""Somebody signs out: here, there, everywhere."""

import threading
from typing import Any

import pytest
import requests

from tests.e2e.portal import People, Portal, eventually


@pytest.mark.asvs("7.4.1")
def test_signing_out_ends_this_session_and_no_other(portal: Portal, people: People) -> None:
    robin = people.add()
    here, there = (portal.token(robin.user_id, robin.password) for _ in range(2))

    assert portal.call("POST", "/sign-out", token=here).status_code == 204

    assert not portal.is_accepted(here)
    assert portal.is_accepted(there)


@pytest.mark.asvs("7.4.1", "7.4.3")
def test_signing_out_everywhere_ends_the_current_session_too(
    portal: Portal, people: People
) -> None:
    robin = people.add()
    tokens = [portal.token(robin.user_id, robin.password) for _ in range(3)]

    answer = portal.call("POST", "/me/sign-out-everywhere", body={"confirm": True}, token=tokens[0])

    assert answer.status_code == 202
    assert not any(portal.is_accepted(token) for token in tokens)
    assert portal.is_accepted(portal.token(robin.user_id, robin.password))
    if portal.maildir is not None:
        (mail,) = eventually(lambda: portal.mails_to(robin.user_id))
        assert "signed out everywhere" in mail["Subject"]


@pytest.mark.parametrize("body", [{}, {"confirm": False}])
def test_unconfirmed_nothing_is_signed_out(
    portal: Portal, people: People, body: dict[str, Any]
) -> None:
    robin = people.add()
    token = portal.token(robin.user_id, robin.password)
    answer = portal.call("POST", "/me/sign-out-everywhere", body=body, token=token)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/confirmation-required")
    assert portal.is_accepted(token)


@pytest.mark.asvs("7.5.2")
def test_another_session_can_be_ended_by_its_id(portal: Portal, people: People) -> None:
    robin, other = people.add(), people.add()
    here, there = (portal.token(robin.user_id, robin.password) for _ in range(2))
    items = portal.call("GET", "/me/sessions", token=here).json()["items"]
    assert [each["current"] for each in items] == [False, True]
    sid = items[0]["sid"]

    stranger = portal.token(other.user_id, other.password)
    assert portal.call("DELETE", f"/me/sessions/{sid}", token=stranger).status_code == 404
    assert portal.is_accepted(there)

    assert portal.call("DELETE", f"/me/sessions/{sid}", token=here).status_code == 204
    assert not portal.is_accepted(there)
    assert portal.call("DELETE", f"/me/sessions/{sid}", token=here).status_code == 404


def test_a_live_page_is_told_and_why(portal: Portal, people: People) -> None:
    robin = people.add()
    here, there = (portal.token(robin.user_id, robin.password) for _ in range(2))
    said: list[str] = []
    listening = threading.Event()

    def listen() -> None:
        headers = {"Authorization": f"Bearer {there}"}
        url = f"{portal.url}/api/v1/me/events"
        with requests.get(url, headers=headers, stream=True, timeout=30) as stream:
            for line in stream.iter_lines(decode_unicode=True):
                listening.set()
                said.append(line)

    page = threading.Thread(target=listen)
    page.start()
    assert listening.wait(10)
    portal.call("POST", "/me/sign-out-everywhere", body={"confirm": True}, token=here)
    page.join(15)

    assert not page.is_alive(), "The stream was not closed."
    assert "event: session-revoked" in said
    assert any('"cause":"signed-out-everywhere"' in line for line in said)
