"""The portal in a browser that runs no scripts."""

from playwright.sync_api import expect

from tests.browser.conftest import Enrolls, Opens
from tests.browser.person import Account

NEW_PASSWORD = "marble stairs beneath the ferns"


def test_everything_works_without_scripts(someone: Opens, account: Account) -> None:
    person, other = someone(java_script_enabled=False), someone(java_script_enabled=False)
    other.signs_in(account)
    other.is_at("/")
    person.signs_in(account)
    person.sees_heading(account.name)
    person.page.get_by_role("link", name="Where you're signed in").first.click()
    expect(person.page.locator(".sessions > li")).to_have_count(2)
    expect(person.page.locator("time").first).to_contain_text("UTC")

    person.goes_to("/password")
    person.page.locator("#old_password").fill(account.password)
    person.page.locator("#new_password").fill("okafor")
    person.page.locator("#repeated").fill("okafo")
    person.page.get_by_role("button", name="Change password").click()
    summary = person.page.locator("#refused")
    expect(summary).to_contain_text("It is too short.")
    expect(summary).to_contain_text("It is little more than your own name.")
    expect(summary).to_contain_text("The two new passwords differ.")
    person.page.locator("#old_password").fill(account.password)
    person.page.locator("#new_password").fill(NEW_PASSWORD)
    person.page.locator("#repeated").fill(NEW_PASSWORD)
    person.page.get_by_role("button", name="Change password").click()
    person.sees_heading("Password changed")
    # Until it is complete, the page asks again by itself.
    person.reads("Complete: nothing older is left")

    other.page.reload()
    other.is_at("/sign-in?why=password-changed")
    other.reads("The password of this account was changed.")
    other.signs_in(account, NEW_PASSWORD)
    other.page.get_by_role("link", name="Sign out everywhere").click()
    other.sees_heading("Sign out everywhere?")
    other.page.get_by_role("button", name="No").click()
    other.sees_heading(account.name)
    other.page.get_by_role("link", name="Sign out everywhere").click()
    other.page.get_by_role("button", name="Yes").click()
    other.sees_heading("Signed out everywhere")
    other.page.get_by_role("link", name="Sign in again").click()
    other.signs_in(account, NEW_PASSWORD)
    other.page.get_by_role("button", name="Sign out").click()
    other.sees_heading("You are signed out")


def test_a_temporary_password_is_replaced_without_scripts(someone: Opens, enroll: Enrolls) -> None:
    newcomer = enroll(temporary=True)
    person = someone(java_script_enabled=False)
    person.signs_in(newcomer)
    person.sees_heading("Choose your own password")
    person.page.locator("#new_password").fill(NEW_PASSWORD)
    person.page.locator("#repeated").fill(NEW_PASSWORD)
    person.page.get_by_role("button", name="Save and sign in").click()
    person.sees_heading(newcomer.name)


def test_what_only_scripts_can_do_is_not_shown(someone: Opens, account: Account) -> None:
    person = someone(java_script_enabled=False)
    person.goes_to("/sign-in")
    expect(person.page.locator(".reveal").first).to_be_hidden()
    person.signs_in(account)
    person.goes_to("/password")
    expect(person.page.locator("#strength")).to_be_hidden()
