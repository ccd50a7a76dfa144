"""Codes by mail, text message and call: as programs see them over HTTP, and phones in the file."""

import secrets

import pytest
import requests

from tests.e2e.portal import People, Portal, Someone, code_in, eventually, problem


def number() -> str:
    return f"+49421{secrets.randbelow(10**8):08}"


@pytest.fixture
def person(portal: Portal, people: People) -> Someone:
    if portal.sms_file is None or portal.maildir is None:
        pytest.skip("The messages of this portal cannot be read from here.")
    return people.add()


def newest(portal: Portal, to: str) -> str:
    """Return the newest code that was sent to a number or an address."""
    if "@" not in to:
        return code_in(portal.texts_to(to)[-1]["text"])
    (mail,) = [each for each in portal.mails_to(to) if each["Subject"] == "Your code"]
    return code_in(mail.get_content())


def enroll(portal: Portal, token: str, body: dict[str, str]) -> requests.Response:
    return portal.call("POST", "/me/methods", body=body, token=token)


def add(portal: Portal, token: str, body: dict[str, str]) -> str:
    """Add a number or an address with the code that is sent there; return the method's id."""
    begun = enroll(portal, token, body)
    assert begun.status_code == 201, begun.text
    made = begun.json()
    assert (made["state"], set(made["setup"])) == ("unproved", {"hint"})
    code = newest(portal, body.get("number") or body["address"])
    proved = prove(portal, token, made["id"], code)
    assert proved.status_code == 200, proved.text
    assert proved.json()["hint"] == made["setup"]["hint"]
    return str(made["id"])


def prove(portal: Portal, token: str, method_id: str, code: str) -> requests.Response:
    return portal.call("POST", f"/me/methods/{method_id}/prove", body={"code": code}, token=token)


def answer(portal: Portal, flow: str, code: str) -> requests.Response:
    return portal.call("POST", f"/sign-in/{flow}/answer", body={"code": code})


@pytest.mark.parametrize("kind", ["sms", "voice"])
def test_a_number_is_added_asked_for_and_removed(
    portal: Portal, person: Someone, kind: str
) -> None:
    to = number()
    token = portal.token(person.user_id, person.password)
    method_id = add(portal, token, {"kind": kind, "number": to})
    (method,) = portal.call("GET", "/me/methods", token=token).json()["items"]
    assert {name: method[name] for name in ("kind", "use", "default", "hint")} == {
        "kind": kind, "use": ["mfa", "reset"], "default": True, "hint": f"+49 … {to[-2:]}",
    }  # fmt: skip
    assert to[3:] not in str(method)
    challenge = portal.sign_in(person.user_id, person.password).json()
    assert (challenge["state"], challenge["sent"]) == ("challenge", True)
    assert challenge["method"] == {
        "id": method_id, "kind": kind, "label": "", "hint": f"+49 … {to[-2:]}", "options": None,
    }  # fmt: skip
    assert [each["channel"] for each in portal.texts_to(to)] == [kind, kind]
    older = newest(portal, to)
    again = portal.call(
        "POST", f"/sign-in/{challenge['flow']}/method", body={"method_id": method_id}
    )
    assert again.json()["sent"] is True
    problem(answer(portal, challenge["flow"], older), 403, "code-refused")
    signed_in = answer(portal, challenge["flow"], newest(portal, to))
    assert signed_in.status_code == 200, signed_in.text
    second = signed_in.json()["token"]
    removed = portal.call("DELETE", f"/me/methods/{method_id}", token=second)
    assert (removed.status_code, removed.json()) == (200, {"default": None})
    assert not portal.is_accepted(second)
    assert portal.sign_in(person.user_id, person.password).json()["state"] == "complete"


def test_an_address_is_added_and_never_asked_for(portal: Portal, person: Someone) -> None:
    to = f"kim-{secrets.token_hex(5)}@mail.example"
    token = portal.token(person.user_id, person.password)
    method_id = add(portal, token, {"kind": "email", "address": to})
    (method,) = portal.call("GET", "/me/methods", token=token).json()["items"]
    assert (method["use"], method["default"]) == (["reset"], False)
    assert method["hint"] == "k…@mail.example"
    chosen = portal.call("PUT", "/me/methods/default", body={"id": method_id}, token=token)
    problem(chosen, 409, "not-a-default")
    # On the device of before, as another one is told of too.
    assert portal.token(person.user_id, person.password)
    problem(enroll(portal, token, {"kind": "email", "address": to}), 409, "method-exists")
    told = eventually(lambda: portal.mails_to(person.user_id))
    assert [str(each["Subject"]) for each in told] == ["A mail address was added to your account"]


def test_the_language_of_a_message_is_that_of_the_request(portal: Portal, person: Someone) -> None:
    to, token = number(), portal.token(person.user_id, person.password)
    portal.call(
        "POST",
        "/me/methods",
        body={"kind": "sms", "number": to},
        token=token,
        headers={"Accept-Language": "de-AT"},
    )
    (told,) = portal.texts_to(to)
    assert "ist der Code" in told["text"]


def test_a_step_up_is_sent_a_code(portal: Portal, person: Someone) -> None:
    to = number()
    before = portal.token(person.user_id, person.password)
    method_id = add(
        portal, portal.token(person.user_id, person.password), {"kind": "sms", "number": to}
    )
    problem(portal.call("GET", "/me/methods", token=before), 403, "step-up-required")
    sent = portal.call("POST", "/re-authenticate/send", body={"method_id": method_id}, token=before)
    assert sent.status_code == 204, sent.text
    shown = {"method_id": method_id, "code": newest(portal, to)}
    assert portal.call("POST", "/re-authenticate", body=shown, token=before).json()["aal"] == 2
    assert portal.call("GET", "/me/methods", token=before).status_code == 200


def test_five_codes_are_sent_and_then_one_waits(portal: Portal, person: Someone) -> None:
    to, token = number(), portal.token(person.user_id, person.password)
    begun = enroll(portal, token, {"kind": "sms", "number": to}).json()
    for _ in range(4):
        sent = portal.call("POST", f"/me/methods/{begun['id']}/send", token=token)
        assert sent.status_code == 204, sent.text
    refused = portal.call("POST", f"/me/methods/{begun['id']}/send", token=token)
    problem(refused, 429, "too-many-codes")
    assert 3000 < int(refused.headers["Retry-After"]) <= 3600
    assert len(portal.texts_to(to)) == 5
    assert prove(portal, token, begun["id"], newest(portal, to)).status_code == 200


@pytest.mark.parametrize(
    "typed", ["+49 (421) 5550-{}", "+49-421 5550{}", " +49421 5550 {}", "+ 49 421 5550 {}"]
)
def test_a_number_may_be_parted(portal: Portal, person: Someone, typed: str) -> None:
    digits = f"{secrets.randbelow(10**5):05}"
    token = portal.token(person.user_id, person.password)
    begun = enroll(portal, token, {"kind": "sms", "number": typed.format(digits)})
    if typed.startswith(" "):
        problem(begun, 422, "invalid-request")
        return
    assert begun.status_code == 201, begun.text
    assert len(portal.texts_to(f"+494215550{digits}")) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "sms"},
        {"kind": "sms", "number": ""},
        {"kind": "sms", "number": "0421 5550 147"},
        {"kind": "sms", "number": "00494215550147"},
        {"kind": "sms", "number": "+0494215550147"},
        {"kind": "sms", "number": "+1234567"},
        {"kind": "sms", "number": "+1234567890123456"},
        {"kind": "voice", "number": "+49421555014\u0667"},
        {"kind": "voice", "number": "+\uff14\uff194215550147"},
        {"kind": "voice", "number": "+494215550147\n"},
        {"kind": "voice", "number": "+494215550147;ext=1"},
        {"kind": "sms", "address": "kim@mail.example"},
        {"kind": "email", "number": "+494215550147"},
        {"kind": "email", "address": "nobody"},
        {"kind": "email", "address": "a@b@mail.example"},
        {"kind": "email", "address": "ü@mail.example"},
        {"kind": "email", "address": "kim@mail.example", "label": "Mine"},
        {"kind": "email", "address": "kim@mail.example\nBcc: x@mail.example"},
    ],
)
def test_what_is_no_number_or_address_is_refused(
    portal: Portal, person: Someone, body: dict[str, str]
) -> None:
    token = portal.token(person.user_id, person.password)
    problem(enroll(portal, token, body), 422, "invalid-request")


def test_an_address_that_the_mail_server_refuses_is_said_to_be_wrong(
    portal: Portal, person: Someone
) -> None:
    token = portal.token(person.user_id, person.password)
    refused = enroll(portal, token, {"kind": "email", "address": "refused@mail.example"})
    told = problem(refused, 422, "invalid-request")
    assert [(each["field"], each["reason"]) for each in told["errors"]] == [
        ("address", "undeliverable")
    ]
