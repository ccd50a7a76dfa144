"""Second factors in the browser: set up, asked for, replaced, removed, with and without scripts."""

import re
from urllib.parse import unquote

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.browser.person import Account, Person
from tests.e2e.portal import code_before


def shown_secret(person: Person) -> str:
    """Return the key that the page shows to be typed into the app."""
    return person.page.locator("#secret").inner_text().replace(" ", "")


def adds_authenticator(person: Person, label: str = "Blue phone") -> str:
    """Set an authenticator up with the code before its present one; return its key."""
    person.goes_to("/security")
    person.page.locator("#label").fill(label)
    person.page.get_by_role("button", name="Set up", exact=True).click()
    person.sees_heading("Set up an authenticator app")
    secret = shown_secret(person)
    person.page.locator("#code").fill(code_before(secret))
    person.page.get_by_role("button", name="Check and add").click()
    person.reads("From now on you are asked for it")
    return secret


def answers(person: Person, code: str) -> None:
    """Answer the challenge of a sign-in."""
    types(person, code, "One more step", "Sign in")


def shows_again(person: Person, code: str) -> None:
    """Show again who it is, as a session that goes on is asked to."""
    types(person, code, "Is it you?", "Go on")


def types(person: Person, code: str, heading: str, button: str) -> None:
    """Type a code on the page that is headed so."""
    person.sees_heading(heading)
    person.page.locator("#code").fill(code)
    person.page.get_by_role("button", name=button, exact=True).click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_authenticator_is_set_up_and_asked_for(
    someone: Opens, account: Account, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts)
    person.signs_in(account)
    secret = adds_authenticator(person)
    person.reads("Blue phone")
    expect(person.page.locator("#secret")).to_have_count(0)
    other = someone(java_script_enabled=scripts)
    other.goes_to("/sign-in?next=/sessions")
    other.signs_in(account)
    other.sees_heading("One more step")
    other.goes_to("/security")
    expect(other.page).to_have_url(re.compile(r"/sign-in\?"))
    other.goes_to("/sign-in/challenge?next=/sessions")
    other.page.locator("#code").fill("12345")
    other.page.get_by_role("button", name="Sign in", exact=True).click()
    other.reads("That code is not right")
    answers(other, pyotp.TOTP(secret).now())
    other.is_at("/sessions")


def test_recovery_codes_are_shown_once_saved_and_used_once(
    someone: Opens, account: Account
) -> None:
    person = someone()
    person.signs_in(account)
    adds_authenticator(person)
    person.page.get_by_role("button", name="Make recovery codes").click()
    person.sees_heading("Your recovery codes")
    codes = person.page.locator(".codes code").all_inner_texts()
    assert len(set(codes)) == 10
    saved = person.page.get_by_role("link", name="Save as a file").get_attribute("href")
    assert unquote(str(saved)).partition(",")[2].splitlines() == codes
    person.page.get_by_role("link", name="I have kept them").click()
    person.reads("10 codes are left.")
    assert not any(code in person.page.content() for code in codes)
    other = someone()
    other.signs_in(account)
    other.page.get_by_role("button", name="Recovery codes").click()
    answers(other, codes[0].upper())
    other.is_at("/")
    third = someone()
    third.signs_in(account)
    third.page.get_by_role("button", name="Recovery codes").click()
    answers(third, codes[0])
    third.reads("That code is not right")
    other.goes_to("/security")
    other.reads("9 codes are left.")


def test_a_session_from_before_is_asked_for_the_second_step(
    someone: Opens, account: Account
) -> None:
    before, person = someone(), someone()
    before.signs_in(account)
    person.signs_in(account)
    secret = adds_authenticator(person)
    before.goes_to("/security")
    shows_again(before, pyotp.TOTP(secret).now())
    before.is_at("/security")
    before.reads("Blue phone")


def test_a_mistyped_code_can_be_typed_again_and_the_key_is_not_shown_again(
    person: Person, account: Account
) -> None:
    person.signs_in(account)
    person.goes_to("/security")
    person.page.locator("#label").fill("Blue phone")
    person.page.get_by_role("button", name="Set up", exact=True).click()
    secret = shown_secret(person)
    person.page.locator("#code").fill("abc")
    person.page.get_by_role("button", name="Check and add").click()
    person.reads("That code is not right")
    expect(person.page.locator("#secret")).to_have_count(0)
    assert secret not in person.page.content().replace(" ", "")
    person.page.locator("#code").fill(pyotp.TOTP(secret).now())
    person.page.get_by_role("button", name="Check and add").click()
    person.reads("From now on you are asked for it")


def test_a_method_is_renamed_and_removed_after_a_question(someone: Opens, account: Account) -> None:
    person, other = someone(), someone()
    person.signs_in(account)
    secret = adds_authenticator(person)
    person.page.locator("summary").first.click()
    person.page.locator("form.inline input[name=label]").fill("  Old   phone ")
    person.page.get_by_role("button", name="Save name").click()
    person.reads("Old phone")
    other.signs_in(account)
    answers(other, pyotp.TOTP(secret).now())
    other.is_at("/")
    person.page.locator("summary").first.click()
    person.page.get_by_role("link", name="Remove").first.click()
    person.sees_heading("Remove Old phone?")
    person.page.get_by_role("button", name="No, keep").click()
    person.reads("Old phone")
    person.page.locator("summary").first.click()
    person.page.get_by_role("link", name="Remove").first.click()
    person.page.get_by_role("button", name="Yes, remove").click()
    expect(person.page).to_have_url(re.compile(r"/sign-in\?"))
    person.reads("The method that this session was signed in with was removed")
    # The other browser hears of it by itself.
    expect(other.page.locator("dialog.ended")).to_be_visible()
    person.signs_in(account)
    person.is_at("/security?done=removed")


def test_a_method_needs_a_name_that_can_be_seen(person: Person, account: Account) -> None:
    person.signs_in(account)
    person.goes_to("/security")
    for unseen in ("   ", "\u3164"):
        person.page.locator("#label").fill(unseen)
        person.page.get_by_role("button", name="Set up", exact=True).click()
        expect(person.page.locator("#label")).to_have_attribute("aria-invalid", "true")
    adds_authenticator(person)
    person.page.locator("summary").first.click()
    person.page.locator("form.inline input[name=label]").fill(" ")
    person.page.get_by_role("button", name="Save name").click()
    expect(person.page.locator("form.inline input[name=label]")).to_have_attribute(
        "aria-invalid", "true"
    )
    expect(person.page.locator("form.inline input[name=label]")).to_be_visible()
    expect(person.page.locator("#label")).not_to_have_attribute("aria-invalid", "true")
    expect(person.page.locator("#refused a")).to_have_text("Blue phone")


def test_a_setup_that_is_over_says_so(someone: Opens, account: Account) -> None:
    person = someone()
    person.signs_in(account)
    secrets = []
    tabs = [person.page, person.context.new_page()]
    for tab in tabs:
        tab.goto(person.url + "/security")
        tab.locator("#label").fill("Blue phone")
        tab.get_by_role("button", name="Set up", exact=True).click()
        secrets.append(tab.locator("#secret").inner_text().replace(" ", ""))
    person.page.locator("#code").fill(pyotp.TOTP(secrets[0]).now())
    person.page.get_by_role("button", name="Check and add").click()
    person.reads("That setup is over")
    person.is_at("/security/authenticators/prove")


def test_the_pages_of_second_factors_pass_axe_narrow_and_wide(
    someone: Opens, account: Account
) -> None:
    for scheme, width in (("light", 320), ("dark", 1280)):
        person = someone(color_scheme=scheme, viewport={"width": width, "height": 800})
        person.signs_in(account)
        if scheme == "light":
            person.goes_to("/security")
            good(person)
            person.page.locator("#label").fill("Blue phone")
            person.page.get_by_role("button", name="Set up", exact=True).click()
            person.sees_heading("Set up an authenticator app")
            good(person)
            secret = adds_authenticator(person)
            person.page.get_by_role("button", name="Make recovery codes").click()
            person.sees_heading("Your recovery codes")
            good(person)
        else:
            person.sees_heading("One more step")
            good(person)
            answers(person, pyotp.TOTP(secret).now())
            person.is_at("/")
        person.goes_to("/security")
        person.page.locator("summary").first.click()
        good(person)
        person.page.get_by_role("link", name="Remove").first.click()
        good(person)
        person.goes_to("/re-authenticate?next=/security")
        good(person)


def good(person: Person) -> None:
    """Expect axe to find nothing and nothing to reach beyond the sides."""
    found = Axe().run(person.page, options={"resultTypes": ["violations"]})
    assert not found.violations_count, f"{person.page.url}\n{found.generate_report()}"
    width = person.page.evaluate("document.documentElement.scrollWidth")
    assert width <= person.page.evaluate("innerWidth"), person.page.url


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_forgotten_password_is_changed_with_a_code(
    someone: Opens, account: Account, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts)
    person.signs_in(account)
    person.goes_to("/password")
    expect(person.page.get_by_role("link", name="I don't know my old password")).to_have_count(0)
    before = someone(java_script_enabled=scripts)
    before.signs_in(account)
    secret = adds_authenticator(person)
    before.goes_to("/password?without=yes")
    shows_again(before, pyotp.TOTP(secret).now())
    before.sees_heading("Change password")
    expect(before.page.locator("#old_password")).to_have_count(0)
    new = "a heron under the bridge"
    before.page.locator("#new_password").fill(new)
    before.page.locator("#repeated").fill("a heron under the brigde")
    before.page.get_by_role("button", name="Change password").click()
    before.reads("The two new passwords differ.")
    before.page.locator("#new_password").fill(new)
    before.page.locator("#repeated").fill(new)
    before.page.get_by_role("button", name="Change password").click()
    before.sees_heading("Password changed")
    before.goes_to("/sign-in")
    before.signs_in(account, new)
    before.sees_heading("One more step")
