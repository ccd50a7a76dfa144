"""A second factor, from setting it up to removing it, as a program does it over the API."""

import time

import pyotp
import pytest
import requests

from tests.e2e.portal import People, Portal, Someone, code_before, demo_user, eventually


def problem(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def set_up(portal: Portal, token: str, label: str = "Phone") -> tuple[str, str]:
    """Set an authenticator up with the code before its present one; return its id and secret."""
    begun = portal.call(
        "POST", "/me/methods", body={"kind": "authenticator", "label": label}, token=token
    )
    assert begun.status_code == 201, begun.text
    made = begun.json()
    assert made["state"] == "unproved"
    assert set(made["setup"]) == {"secret", "otpauth_uri", "qr_svg"}
    secret = str(made["setup"]["secret"])
    assert pyotp.parse_uri(made["setup"]["otpauth_uri"]).secret == secret
    proved = portal.call(
        "POST", f"/me/methods/{made['id']}/prove", body={"code": code_before(secret)}, token=token
    )
    assert proved.status_code == 200, proved.text
    return str(made["id"]), secret


def answer(portal: Portal, flow: str, code: str) -> requests.Response:
    body = {"code": code, "trust_device": False}
    return portal.call("POST", f"/sign-in/{flow}/answer", body=body)


@pytest.fixture
def person(people: People) -> Someone:
    return people.add()


def test_a_second_factor_is_set_up_asked_for_and_removed(portal: Portal, person: Someone) -> None:
    token = portal.token(person.user_id, person.password)
    assert portal.call("GET", "/me/methods", token=token).json() == {
        "items": [], "next": None, "last_change": None,
    }  # fmt: skip
    method_id, secret = set_up(portal, token)

    (method,) = portal.call("GET", "/me/methods", token=token).json()["items"]
    assert method["default"] is True
    assert {name: method[name] for name in ("id", "kind", "label", "use")} == {
        "id": method_id, "kind": "authenticator", "label": "Phone", "use": ["mfa", "reset"],
    }  # fmt: skip
    assert secret not in str(method)

    challenge = portal.sign_in(person.user_id, person.password).json()
    assert challenge["state"] == "challenge"
    assert challenge["method"]["id"] == method_id
    assert problem(answer(portal, challenge["flow"], "12345")) == (403, "code-refused")
    signed_in = answer(portal, challenge["flow"], pyotp.TOTP(secret).now())
    assert signed_in.status_code == 200, signed_in.text
    second = signed_in.json()["token"]
    assert problem(answer(portal, challenge["flow"], "123456")) == (410, "flow-ended")
    sessions = portal.call("GET", "/me/sessions", token=second).json()["items"]
    assert {each["aal"] for each in sessions if each["current"]} == {2}

    removed = portal.call("DELETE", f"/me/methods/{method_id}", token=second)
    assert (removed.status_code, removed.json()) == (200, {"default": None})
    for ended in (token, second):
        refused = portal.call("GET", "/me", token=ended)
        assert problem(refused) == (401, "session-revoked")
        assert refused.json()["cause"] == "method-removed"
    assert portal.sign_in(person.user_id, person.password).json()["state"] == "complete"


def test_every_change_of_methods_is_mailed_once(portal: Portal, person: Someone) -> None:
    if portal.maildir is None:
        pytest.skip("The mail of this portal cannot be read from here.")
    token = portal.token(person.user_id, person.password)
    method_id, _ = set_up(portal, token)
    made = portal.call("POST", "/me/methods", body={"kind": "recovery-codes"}, token=token)
    assert made.status_code == 201, made.text
    portal.call("DELETE", f"/me/methods/{method_id}", token=token)
    mails = eventually(lambda: len(found := portal.mails_to(person.user_id)) >= 3 and found)
    time.sleep(1)
    assert len(portal.mails_to(person.user_id)) == 3
    subjects = sorted(str(each["Subject"]) for each in mails)
    assert subjects == [
        "A way to sign in was added to your account",
        "A way to sign in was removed from your account",
        "Recovery codes were made for your account",
    ]


def test_recovery_codes_stand_in_and_are_counted(portal: Portal, person: Someone) -> None:
    token = portal.token(person.user_id, person.password)
    early = portal.call("POST", "/me/methods", body={"kind": "recovery-codes"}, token=token)
    assert problem(early) == (409, "factor-required")
    set_up(portal, token)
    made = portal.call("POST", "/me/methods", body={"kind": "recovery-codes"}, token=token).json()
    codes = made["setup"]["codes"]
    assert (made["state"], len(set(codes))) == ("active", 10)
    for code, expected in ((codes[0], 200), (codes[0], 403), (codes[1].upper(), 200)):
        flow = portal.sign_in(person.user_id, person.password).json()["flow"]
        on_codes = portal.call(
            "POST", f"/sign-in/{flow}/method", body={"method_id": made["id"]}
        ).json()
        assert on_codes["method"]["kind"] == "recovery-codes"
        assert answer(portal, flow, code).status_code == expected
    left = [
        each["codes_left"]
        for each in portal.call("GET", "/me/methods", token=token).json()["items"]
    ]
    assert left == [None, 8]


def test_a_session_from_before_has_to_step_up(portal: Portal, person: Someone) -> None:
    before = portal.token(person.user_id, person.password)
    token = portal.token(person.user_id, person.password)
    method_id, secret = set_up(portal, token)
    refused = portal.call("GET", "/me/methods", token=before)
    assert problem(refused) == (403, "step-up-required")
    assert refused.json()["needs"] == "mfa"
    by_password = portal.call(
        "POST", "/re-authenticate", body={"password": person.password}, token=before
    )
    assert by_password.json()["aal"] == 1
    wrong = portal.call("POST", "/re-authenticate", body={"password": "not it"}, token=before)
    assert problem(wrong) == (403, "wrong-password")
    stepped_up = portal.call(
        "POST",
        "/re-authenticate",
        body={"method_id": method_id, "code": pyotp.TOTP(secret).now()},
        token=before,
    )
    assert stepped_up.json()["aal"] == 2, stepped_up.text
    assert portal.call("GET", "/me/methods", token=before).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"password": "x", "method_id": "y", "code": "z"},
        {"method_id": "y"},
        {"code": "123456"},
        {"password": "x", "purpose": "anything"},
    ],
)
def test_re_authenticating_with_something_else_is_refused(
    portal: Portal, person: Someone, body: dict[str, str]
) -> None:
    token = portal.token(person.user_id, person.password)
    answered = portal.call("POST", "/re-authenticate", body=body, token=token)
    assert problem(answered) == (422, "invalid-request")


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "carrier-pigeon", "label": "x"},
        {"kind": "authenticator"},
        {"kind": "authenticator", "label": ""},
        {"kind": "authenticator", "label": "x" * 61},
        {"kind": "authenticator", "label": "a\u202eb"},
        {"kind": "authenticator", "label": "   "},
        {"kind": "recovery-codes", "label": "x"},
        [],
    ],
)
def test_a_method_that_cannot_be_is_refused(portal: Portal, person: Someone, body: object) -> None:
    token = portal.token(person.user_id, person.password)
    answered = portal.call("POST", "/me/methods", body=body, token=token)
    assert problem(answered) == (422, "invalid-request")
    assert portal.call("GET", "/me/methods", token=token).json()["items"] == []


def test_anothers_flow_cannot_be_answered_from_elsewhere(portal: Portal, person: Someone) -> None:
    _, secret = set_up(portal, portal.token(person.user_id, person.password))
    flow = portal.sign_in(person.user_id, person.password).json()["flow"]
    elsewhere = portal.call(
        "POST",
        f"/sign-in/{flow}/answer",
        body={"code": pyotp.TOTP(secret).now()},
        headers={"User-Agent": "somebody else"},
    )
    assert problem(elsewhere) == (410, "flow-ended")
    assert answer(portal, flow, pyotp.TOTP(secret).now()).status_code == 200


def test_a_client_that_has_the_code_at_hand_sends_it_with_the_password(
    portal: Portal, person: Someone
) -> None:
    _, secret = set_up(portal, portal.token(person.user_id, person.password))
    known, code = (person.user_id, person.password), pyotp.TOTP(secret).now()
    assert problem(portal.sign_in(*known, code="12345")) == (403, "code-refused")
    signed_in = portal.sign_in(*known, code=code).json()
    assert signed_in["state"] == "complete"
    # Methods are shown to who has shown one.
    assert portal.call("GET", "/me/methods", token=signed_in["token"]).status_code == 200
    assert problem(portal.sign_in(*known, code=code)) == (403, "code-used")


def test_the_demonstration_user_with_an_authenticator_signs_in_with_it(portal: Portal) -> None:
    noor = demo_user("noor")
    begun = portal.call(
        "POST", "/sign-in", body={"user_id": noor["user_id"], "password": noor["password"]}
    ).json()
    assert (begun["state"], begun["method"]["kind"]) == ("challenge", "authenticator")

    def is_let_in() -> bool:
        # Somebody else may have used the code of this step, so that only the next one works.
        code = pyotp.TOTP(noor["totp_secret"]).now()
        return bool(answer(portal, begun["flow"], code).status_code == 200)

    eventually(is_let_in, seconds=65)


def test_a_forgotten_password_is_changed_with_the_factor_in_its_place(
    portal: Portal, person: Someone
) -> None:
    token = portal.token(person.user_id, person.password)
    new = {"new_password": person.new_password()}
    missing = portal.call("POST", "/me/password", body=new, token=token)
    assert problem(missing) == (422, "invalid-request")
    assert [each["field"] for each in missing.json()["errors"]] == ["old_password"]
    before = portal.token(person.user_id, person.password)
    method_id, secret = set_up(portal, token)
    refused = portal.call("POST", "/me/password", body=new, token=before)
    assert problem(refused) == (403, "step-up-required")
    assert refused.json()["needs"] == "mfa"
    shown = {"method_id": method_id, "code": pyotp.TOTP(secret).now(), "purpose": "password"}
    for purpose, expected in (("everything", 422), ("password", 200)):
        body = shown | {"purpose": purpose}
        answered = portal.call("POST", "/re-authenticate", body=body, token=before)
        assert answered.status_code == expected, answered.text
    changed = portal.call("POST", "/me/password", body=new, token=before)
    assert changed.status_code == 202, changed.text
    for ended in (token, before):
        assert problem(portal.call("GET", "/me", token=ended)) == (401, "session-revoked")
    assert portal.sign_in(person.user_id, person.password).status_code == 401
    assert portal.sign_in(person.user_id, new["new_password"]).json()["state"] == "challenge"
