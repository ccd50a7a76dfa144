"""A second factor that has to be registered, in the browser: with and without scripts."""

import re

import pyotp
import pytest
from playwright.sync_api import APIRequestContext, expect

from tests.browser.conftest import Opens
from tests.browser.person import Account, Person
from tests.browser.test_accessibility import finds_nothing
from tests.browser.test_second_factors import answers, shown_secret
from tests.e2e.portal import code_before


@pytest.fixture
def account(account: Account, admin: APIRequestContext) -> Account:
    """Give somebody whom an admin has asked to register a second factor."""
    listed = admin.get("/api/v1/admin/users?limit=200").json()["items"]
    (sub,) = [each["sub"] for each in listed if each["user_id"] == account.user_id]
    asked = admin.post(f"/api/v1/admin/users/{sub}/require-security-info")
    assert asked.status == 204, asked.text()
    return account


def begins(person: Person) -> None:
    person.sees_heading("Set up a second step")
    person.page.locator("#label").fill("Blue phone")
    person.page.get_by_role("button", name="Set up", exact=True).click()
    person.sees_heading("Set up an authenticator app")


def proves(person: Person, code: str) -> None:
    person.page.locator("#code").fill(code)
    person.page.get_by_role("button", name="Check and sign in").click()


def test_a_phone_has_a_name(someone: Opens, account: Account) -> None:
    person = someone()
    person.goes_to("/sign-in?next=/sessions")
    person.signs_in(account)
    person.is_at("/sign-in/register?next=/sessions")
    person.page.get_by_role("button", name="Set up", exact=True).click()
    person.reads("Please fill this in.")
    begins(person)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_mistyped_code_is_told_and_the_right_one_signs_in(
    someone: Opens, account: Account, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts)
    person.goes_to("/sign-in?next=/sessions")
    person.signs_in(account)
    begins(person)
    expect(person.page.locator(".qr svg")).to_be_visible()
    secret = shown_secret(person)
    proves(person, "12345")
    person.reads("That code is not right")
    expect(person.page.locator("#secret")).to_have_count(0)
    proves(person, code_before(secret))
    person.is_at("/sessions")
    other = someone(java_script_enabled=scripts)
    other.signs_in(account)
    answers(other, pyotp.TOTP(secret).now())
    other.is_at("/")


def test_another_tab_leads_to_where_the_sign_in_is(someone: Opens, account: Account) -> None:
    person = someone()
    person.signs_in(account)
    for path in ("/sign-in/challenge", "/sign-in/action"):
        person.goes_to(path)
        expect(person.page).to_have_url(re.compile(r"/sign-in/register"))
    person.page.context.clear_cookies(name="__Host-flow")
    person.goes_to("/sign-in/register")
    expect(person.page).to_have_url(re.compile(r"/sign-in$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible(someone: Opens, account: Account, scheme: str) -> None:
    person = someone(color_scheme=scheme)
    person.signs_in(account)
    person.sees_heading("Set up a second step")
    finds_nothing(person)
    begins(person)
    finds_nothing(person)
