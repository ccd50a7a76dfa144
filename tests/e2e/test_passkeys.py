"""A passkey, from making it to removing it, as a program does it over the API."""

import json
from typing import Any

import pytest
import requests

from tests.e2e.portal import People, Portal, Someone
from tests.memory.authenticator import SoftAuthenticator


@pytest.fixture
def person(people: People) -> Someone:
    return people.add()


def problem(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def said(text: str) -> Any:
    return json.loads(text)


def set_up(portal: Portal, token: str, key: SoftAuthenticator) -> tuple[str, requests.Response]:
    body = {"kind": "passkey", "label": "Laptop"}
    begun = portal.call("POST", "/me/methods", body=body, token=token)
    assert begun.status_code == 201, begun.text
    made = begun.json()
    assert (made["state"], set(made["setup"])) == ("unproved", {"options"})
    body = {"attestation": said(key.create(made["setup"]["options"]))}
    return made["id"], portal.call(
        "POST", f"/me/methods/{made['id']}/prove", body=body, token=token
    )


def alone(portal: Portal, key: SoftAuthenticator) -> requests.Response:
    begun = portal.call("POST", "/sign-in/passkey/options").json()
    body = {"flow": begun["flow"], "assertion": said(key.get(begun["options"]))}
    return portal.call("POST", "/sign-in/passkey", body=body)


def test_a_passkey_is_made_asked_for_and_removed(portal: Portal, person: Someone) -> None:
    key = SoftAuthenticator(portal.url)
    token = portal.token(person.user_id, person.password)
    method_id, proved = set_up(portal, token, key)
    assert proved.status_code == 200, proved.text
    (method,) = portal.call("GET", "/me/methods", token=token).json()["items"]
    assert (method["id"], method["kind"], method["use"]) == (method_id, "passkey", ["mfa"])

    challenge = portal.sign_in(person.user_id, person.password).json()
    options = challenge["method"]["options"]
    assert [each["id"] for each in options["allowCredentials"]] == [key.id]
    answered = portal.call(
        "POST",
        f"/sign-in/{challenge['flow']}/answer",
        body={"assertion": said(key.get(options))},
    )
    assert answered.json()["state"] == "complete", answered.text

    second = alone(portal, key).json()["token"]
    asked = {"method_id": method_id}
    options = portal.call("POST", "/re-authenticate/options", body=asked, token=second).json()
    shown = {**asked, "assertion": said(key.get(options["options"]))}
    assert portal.call("POST", "/re-authenticate", body=shown, token=second).json()["aal"] == 2
    again = portal.call("POST", "/re-authenticate", body=shown, token=second)
    assert problem(again) == (403, "passkey-refused")

    removed = portal.call("DELETE", f"/me/methods/{method_id}", token=second)
    assert (removed.status_code, removed.json()) == (200, {"default": None})
    assert not portal.is_accepted(token)
    assert not portal.is_accepted(second)
    assert problem(alone(portal, key)) == (401, "sign-in-refused")


def test_a_passkey_is_registered_once(portal: Portal, people: People, person: Someone) -> None:
    key, other = SoftAuthenticator(portal.url), people.add()
    for each, expected in ((person, 200), (other, 409)):
        token = portal.token(each.user_id, each.password)
        _, proved = set_up(portal, token, key)
        assert proved.status_code == expected, proved.text
    assert problem(proved) == (409, "passkey-taken")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "123456", "assertion": {}},
        {"assertion": "text"},
        {"assertion": {"id": "x" * 20_000}},
    ],
)
def test_an_answer_of_another_shape_is_refused(portal: Portal, body: dict[str, Any]) -> None:
    answered = portal.call("POST", "/sign-in/any/answer", body=body)
    assert problem(answered) == (422, "invalid-request")
