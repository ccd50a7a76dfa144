"""Codes by mail and text message in the browser, with and without scripts."""

import itertools
import json
import re
from email import message_from_bytes
from email import policy as policies
from email.message import EmailMessage
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import APIRequestContext, expect

from tests.browser.conftest import Opens
from tests.browser.person import Account, Person
from tests.e2e.portal import code_in
from tests.stack import Stack

_numbers = itertools.count(1)
each_way = pytest.mark.parametrize(
    "scripts", [True, False], ids=["with scripts", "without scripts"]
)


@pytest.fixture
def number() -> str:
    """Give a number that nobody else has."""
    return f"+49421666{next(_numbers):05}"


def texts_to(stack: Stack, number: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stack.sms_file.read_text().splitlines()]
    return [line for line in lines if line["to"] == number]


def newest(stack: Stack, number: str) -> str:
    """Return the code that was sent last to a number."""
    return code_in(texts_to(stack, number)[-1]["text"])


def mails_to(stack: Stack, address: str) -> list[str]:
    """Return what was mailed to an address, in no order."""
    mails = [
        message_from_bytes(path.read_bytes(), policy=policies.default)
        for path in stack.maildir.glob("new/*")
    ]
    return [
        each.get_content()
        for each in mails
        if isinstance(each, EmailMessage) and each["To"] == address
    ]


def mailed(stack: Stack, address: str) -> str:
    """Return the code that was mailed to an address."""
    (mail,) = mails_to(stack, address)
    return code_in(mail)


def adds_number(person: Person, stack: Stack, number: str, button: str) -> None:
    person.goes_to("/security")
    person.page.locator("#number").fill(number)
    person.page.get_by_role("button", name=button).click()
    person.sees_heading("Type the code")
    types(person, newest(stack, number))
    person.reads("From now on you are asked for it")


def types(person: Person, code: str, button: str = "Check and add") -> None:
    person.page.locator("#code").fill(code)
    person.page.get_by_role("button", name=button, exact=True).click()


def is_accessible(person: Person) -> None:
    found = Axe().run(person.page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


@each_way
def test_a_number_is_added_and_asked_for(
    someone: Opens, account: Account, stack: Stack, number: str, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts)
    person.signs_in(account)
    adds_number(person, stack, number, "Send a text message")
    person.reads(f"+49 … {number[-2:]}")
    assert number[3:] not in person.page.content()
    other = someone(java_script_enabled=scripts)
    other.signs_in(account)
    other.sees_heading("One more step")
    other.reads(f"Now the code from the text message to +49 … {number[-2:]}")
    older = newest(stack, number)
    other.page.get_by_role("button", name="Send a new code").click()
    other.reads("A new code is on its way")
    types(other, older, "Sign in")
    other.reads("That code is not right")
    types(other, newest(stack, number), "Sign in")
    other.is_at("/")


@each_way
def test_an_address_is_added_from_the_mailbox(
    someone: Opens, account: Account, stack: Stack, *, scripts: bool
) -> None:
    address = f"robin{next(_numbers)}@mail.example"
    person = someone(java_script_enabled=scripts)
    person.signs_in(account)
    person.goes_to("/security")
    person.page.locator("#address").fill(address)
    person.page.get_by_role("button", name="Send a code").click()
    person.reads("We sent a mail with a code to r…@mail.example")
    types(person, "1234")
    person.reads("That code is not right")
    types(person, mailed(stack, address))
    person.reads("The address is added")
    person.reads("You are never asked for it when you sign in")
    other = someone(java_script_enabled=scripts)
    other.signs_in(account)
    other.is_at("/")


def test_a_call_reads_the_code_out(
    person: Person, account: Account, stack: Stack, number: str
) -> None:
    person.signs_in(account)
    adds_number(person, stack, number, "Call me")
    (call,) = texts_to(stack, number)
    assert call["channel"] == "voice"
    person.reads("Phone call")


@each_way
def test_a_session_from_before_is_sent_a_code(
    someone: Opens, account: Account, stack: Stack, number: str, *, scripts: bool
) -> None:
    before, person = someone(java_script_enabled=scripts), someone()
    before.signs_in(account)
    person.signs_in(account)
    adds_number(person, stack, number, "Send a text message")
    before.goes_to("/security")
    before.sees_heading("Is it you?")
    before.page.get_by_role("button", name="Send me a code").click()
    before.reads("A new code is on its way")
    types(before, newest(stack, number), "Go on")
    before.is_at("/security")
    before.reads("Text message")


def test_a_mistyped_number_and_too_many_codes_are_said_in_place(
    person: Person, account: Account, stack: Stack, number: str
) -> None:
    person.signs_in(account)
    person.goes_to("/security")
    person.page.locator("#number").fill("0421 5550 199")
    person.page.get_by_role("button", name="Send a text message").click()
    person.reads("It is not written the way it has to be here")
    is_accessible(person)
    person.page.locator("#number").fill(number)
    person.page.get_by_role("button", name="Send a text message").click()
    for _ in range(4):
        person.page.get_by_role("button", name="Send a new code").click()
        person.reads("A new code is on its way")
    person.page.get_by_role("button", name="Send a new code").click()
    person.reads("Too many codes were sent")
    assert len(texts_to(stack, number)) == 5
    types(person, newest(stack, number))
    person.reads("From now on you are asked for it")


def test_a_removed_number_is_asked_for_no_more(
    someone: Opens, account: Account, stack: Stack, number: str
) -> None:
    person = someone()
    person.signs_in(account)
    adds_number(person, stack, number, "Send a text message")
    person.page.locator("summary", has_text="Change").click()
    person.page.get_by_role("link", name="Remove").click()
    person.sees_heading(f"Remove Text message +49 … {number[-2:]}?")
    is_accessible(person)
    person.page.get_by_role("button", name="Yes, remove").click()
    expect(person.page).to_have_url(re.compile(r"/sign-in"))
    person.signs_in(account)
    expect(person.page).not_to_have_url(re.compile("challenge"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_pages_are_accessible(
    someone: Opens, account: Account, stack: Stack, number: str, scheme: str, language: str
) -> None:
    person = someone(color_scheme=scheme, locale=language, viewport={"width": 320, "height": 800})
    person.signs_in(account)
    person.goes_to("/security")
    is_accessible(person)
    person.page.locator("#number").fill(number)
    person.page.locator("button[value=sms]").click()
    expect(person.page.locator("#code")).to_be_visible()
    is_accessible(person)
    person.page.locator("#code").fill(newest(stack, number))
    person.page.locator("form.card button").click()
    expect(person.page).to_have_url(re.compile(r"/security\?done=added"))
    is_accessible(person)
    wide = person.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320
    other = someone(color_scheme=scheme, locale=language)
    other.signs_in(account)
    expect(other.page.locator("#code")).to_be_visible()
    is_accessible(other)


@each_way
def test_a_number_has_a_name_and_another_takes_its_place(
    someone: Opens, account: Account, stack: Stack, number: str, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts)
    person.signs_in(account)
    adds_number(person, stack, number, "Send a text message")
    changes = person.page.locator("li", has_text="Text message").locator("details")
    changes.locator("summary").click()
    changes.get_by_label("Name").fill("Work phone")
    changes.get_by_role("button", name="Save name").click()
    person.reads("Work phone")
    changes = person.page.locator("li", has_text="Work phone").locator("details")
    changes.locator("summary").click()
    changes.get_by_label("Another number instead").fill("0421")
    changes.get_by_role("button", name="Send a code").click()
    person.reads("It is not written the way it has to be here")
    if scripts:
        is_accessible(person)
    other = f"{number[:-2]}99"
    changes.get_by_label("Another number instead").fill(other)
    changes.get_by_role("button", name="Send a code").click()
    types(person, newest(stack, other))
    expect(person.page.locator("li", has_text="Work phone")).to_contain_text("+49 … 99")
    expect(person.page.get_by_text(f"+49 … {number[-2:]}")).to_have_count(0)


def test_what_policy_no_longer_allows_is_said_and_can_only_be_removed(
    person: Person, account: Account, stack: Stack, number: str, admin: APIRequestContext
) -> None:
    person.signs_in(account)
    adds_number(person, stack, number, "Send a text message")
    address = "/api/v1/admin/policy/methods"
    before = admin.get(address).json()
    allowed = [each for each in before["allowed"] if each != "sms"]
    try:
        assert admin.put(address, data=before | {"allowed": allowed}).ok
        person.goes_to("/security")
        card = person.page.locator("li", has_text="Text message")
        expect(card).to_contain_text("Your organization no longer allows this method")
        card.locator("summary").click()
        expect(card.get_by_label("Another number instead")).to_have_count(0)
        is_accessible(person)
        card.get_by_role("link", name="Remove").click()
        person.page.get_by_role("button", name="Yes, remove").click()
        person.goes_to("/sign-in")
        person.signs_in(account)
        person.is_at("/")
    finally:
        assert admin.put(address, data=before).ok
