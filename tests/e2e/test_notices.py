"""What is told of a change: to the old address, to open pages, on the list, and of guessing."""

import json
import secrets
import threading

import pytest
import requests

from tests.e2e.portal import MOMENT, People, Portal, Someone, code_in, eventually, problem


@pytest.fixture
def person(portal: Portal, people: People) -> Someone:
    if portal.maildir is None:
        pytest.skip("The mail of this portal cannot be read from here.")
    return people.add()


def subjects(portal: Portal, to: str) -> list[str]:
    return sorted(str(mail["Subject"]) for mail in portal.mails_to(to))


def add(portal: Portal, token: str, address: str, **more: str) -> str:
    """Add an address with the code that is sent there; return the method's id."""
    body = {"kind": "email", "address": address, **more}
    made = portal.call("POST", "/me/methods", body=body, token=token)
    assert made.status_code == 201, made.text
    (mail,) = portal.mails_to(address)
    shown = {"code": code_in(mail.get_content())}
    path = f"/me/methods/{made.json()['id']}/prove"
    assert portal.call("POST", path, body=shown, token=token).status_code == 200
    return str(made.json()["id"])


def test_a_replaced_address_an_open_page_and_the_list_are_told(
    portal: Portal, person: Someone
) -> None:
    old, new = (f"kim-{secrets.token_hex(5)}@mail.example" for _ in range(2))
    token, page = (portal.token(person.user_id, person.password) for _ in range(2))
    first = add(portal, token, old)
    listening, told = threading.Event(), []

    def listen() -> None:
        headers = {"Authorization": f"Bearer {page}"}
        url = f"{portal.url}/api/v1/me/events"
        with requests.get(url, headers=headers, stream=True, timeout=30) as stream:
            for line in stream.iter_lines(decode_unicode=True):
                told.append(str(line))
                listening.set()

    follower = threading.Thread(target=listen)
    follower.start()
    assert listening.wait(20)
    second = add(portal, token, new, instead_of=first)
    eventually(lambda: "event: credential-change" in told)
    change = json.loads(told[told.index("event: credential-change") + 1].removeprefix("data: "))
    assert set(change) == {"at", "cause", "revision"}
    assert MOMENT.fullmatch(change["at"])
    assert change["cause"] == "method-replaced"

    last = portal.call("GET", "/me/methods", token=token).json()["last_change"]
    assert MOMENT.fullmatch(last.pop("at"))
    assert last == {"what": "replaced", "kind": "email", "label": "k…@mail.example"}

    assert portal.call("DELETE", f"/me/methods/{second}", token=token).status_code == 200
    eventually(lambda: [len(portal.mails_to(each)) for each in (old, new)] == [2, 2])
    for address in (old, new):
        assert subjects(portal, address) == ["This address was taken off an account", "Your code"]
    eventually(lambda: len(portal.mails_to(person.user_id)) == 3)
    assert subjects(portal, person.user_id) == [
        "A mail address of your account was replaced",
        "A mail address was added to your account",
        "A mail address was removed from your account",
    ]
    portal.call("POST", "/sign-out", token=page)
    follower.join(20)
    assert not follower.is_alive()


def test_a_lock_is_mailed_once(portal: Portal, person: Someone) -> None:
    for number in range(10):
        problem(portal.sign_in(person.user_id, f"wrong {number}"), 401, "sign-in-refused")
    problem(portal.sign_in(person.user_id, person.password), 429, "sign-in-throttled")
    eventually(lambda: portal.mails_to(person.user_id))
    assert subjects(portal, person.user_id) == [
        "Signing in to your account was stopped for a while"
    ]
