"""A forgotten password in the browser, with and without scripts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import APIRequestContext, expect

from tests.browser.conftest import Demands, Opens
from tests.browser.person import Account, Person
from tests.browser.test_putting_off import NARROW
from tests.browser.test_sent_codes import each_way, is_accessible, mails_to
from tests.browser.test_trust import signs_out
from tests.e2e.portal import code_in
from tests.stack import Stack

POLICY = "/api/v1/admin/policy/reset"
NEW_PASSWORD = "marble stairs beneath the ferns"


@pytest.fixture
def enabled(admin: APIRequestContext, demands: Demands) -> Iterator[None]:
    """Let everyone reset their password by mail, and nobody after the test."""
    demands(skip_days=14)
    before = admin.get(POLICY).json()
    wanted = before | {"enabled_for": "everyone", "methods": ["email"]}
    assert admin.put(POLICY, data=wanted).ok
    yield
    assert admin.put(POLICY, data=before).ok


def is_asked(person: Person, account: Account, button: str) -> None:
    person.goes_to("/sign-in?next=/sessions")
    person.signs_in(account)
    person.sees_heading("So that you can help yourself")
    person.page.get_by_role("button", name=button).click()


def registers(person: Person, account: Account, stack: Stack, address: str) -> None:
    """Put off what a sign-in asks to be registered, and register it the next time."""
    is_asked(person, account, "Not now")
    person.is_at("/sessions")
    person.goes_to("/")
    signs_out(person)
    is_asked(person, account, "Sign in and register")
    person.is_at("/security#for-reset")
    person.reads("one more kind of method is needed")
    person.reads("These count: E-mail.")
    adds_address(person, stack, address)
    person.reads("You can set a new password yourself")


def adds_address(person: Person, stack: Stack, address: str) -> None:
    person.goes_to("/security")
    person.page.locator("#address").fill(address)
    person.page.get_by_role("button", name="Send a code").click()
    person.sees_heading("Type the code")
    person.page.locator("#code").fill(code_in(mails_to(stack, address)[-1]))
    person.page.get_by_role("button", name="Check and add", exact=True).click()
    person.reads("k…@mail.example")


def asks(person: Person, user_id: str) -> None:
    person.goes_to("/sign-in")
    person.page.get_by_role("link", name="Forgot your password?").click()
    person.sees_heading("Get a new password")
    person.page.locator("#user_id").fill(user_id)
    person.page.get_by_role("button", name="Go on").click()


@each_way
def test_a_new_password_is_had_by_mail(
    someone: Opens, account: Account, stack: Stack, enabled: None, *, scripts: bool
) -> None:
    address = f"k.{account.user_id.partition('@')[0]}@mail.example"
    owner = someone(java_script_enabled=scripts, viewport=NARROW)
    registers(owner, account, stack, address)
    person = someone(java_script_enabled=scripts)
    asks(person, account.user_id)
    person.sees_heading("Show that it is you")
    person.reads("One proof is needed")
    if scripts:
        is_accessible(person)
    person.page.get_by_role("button", name="Send a code to k…@mail.example").click()
    person.reads("Type the code that we have sent to k…@mail.example")
    person.page.locator("#code").fill("00000000")
    person.page.get_by_role("button", name="Go on").click()
    person.reads("That code is not right")
    code = code_in(next(m for m in mails_to(stack, address) if "new password" in m))
    person.page.locator("#code").fill(code)
    person.page.get_by_role("button", name="Go on").click()
    person.sees_heading("Choose a new password")
    if scripts:
        is_accessible(person)
    person.page.locator("#new_password").fill("short")
    person.page.locator("#repeated").fill("shorter")
    person.page.get_by_role("button", name="Save the new password").click()
    expect(person.page.locator("#refused")).to_contain_text("It is too short.")
    person.page.locator("#new_password").fill(NEW_PASSWORD)
    person.page.locator("#repeated").fill(NEW_PASSWORD)
    person.page.get_by_role("button", name="Save the new password").click()
    person.sees_heading("Your new password is saved")
    person.is_at("/password-reset/step")
    assert person.cookie("__Host-session") is None
    person.page.get_by_role("link", name="What was signed out").click()
    person.sees_heading("Password reset")
    owner.page.reload()
    expect(owner.page).to_have_url(re.compile("why=password-reset"))
    person.signs_in(account, NEW_PASSWORD)
    person.sees_heading(account.name)


def test_who_cannot_reset_asks_the_helpdesk_in_german(
    someone: Opens, account: Account, enabled: None
) -> None:
    for user_id in (account.user_id, "nobody@halden.example"):
        person = someone(locale="de-DE")
        person.goes_to("/sign-in")
        person.page.get_by_role("link", name="Kennwort vergessen?").click()
        person.sees_heading("Ein neues Kennwort bekommen")
        is_accessible(person)
        person.page.locator("#user_id").fill(user_id)
        person.page.get_by_role("button", name="Weiter").click()
        person.sees_heading("Ihr Helpdesk kann helfen")
        is_accessible(person)
        person.page.get_by_role("button", name="Den Helpdesk fragen").click()
        person.reads("Ihre Bitte ist angekommen")
        is_accessible(person)
