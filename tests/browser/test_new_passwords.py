"""What is told of a new password while it is typed, and of one that is refused."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Enrolls, Opens
from tests.browser.person import Account, Person

NEW_PASSWORD = "copper kites above the orchard"


def test_every_reason_against_a_new_password_is_told_at_once(
    person: Person, account: Account
) -> None:
    person.signs_in(account)
    person.goes_to("/password")
    person.page.locator("#old_password").fill("not my password at all")
    person.page.locator("#new_password").fill("robin okafor")
    person.page.locator("#repeated").fill("robin okafor")
    person.page.get_by_role("button", name="Change password").click()
    summary = person.page.locator("#refused")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Old password: This is not your present password.")
    expect(summary).to_contain_text("New password: It is too short.")
    expect(summary).to_contain_text("New password: It is little more than your own name.")
    expect(person.page).to_have_title(re.compile("^Not yet: Change password"))
    summary.get_by_role("link", name="Old password").click()
    expect(person.page.locator("#old_password")).to_be_focused()
    expect(person.page.locator("#new_password")).to_have_value("")

    person.page.locator("#old_password").fill(account.password)
    person.page.locator("#new_password").fill(account.password)
    person.page.locator("#repeated").fill(account.password)
    person.page.get_by_role("button", name="Change password").click()
    expect(summary).to_contain_text("New password: It is the password you have now.")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_wrong_old_password_is_told_together_with_two_new_ones_that_differ(
    someone: Opens, account: Account, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts)
    summary = person.page.locator("#refused")

    def tries(old: str, new: str, repeated: str) -> None:
        person.goes_to("/password")
        person.page.locator("#old_password").fill(old)
        person.page.locator("#new_password").fill(new)
        person.page.locator("#repeated").fill(repeated)
        person.page.get_by_role("button", name="Change password").click()
        expect(summary).to_be_visible()

    person.signs_in(account)
    tries("not my password at all", "robin okafor", "robin")
    expect(summary).to_contain_text("Old password: This is not your present password.")
    expect(summary).to_contain_text("New password: It is too short.")
    expect(summary).to_contain_text("New password again: The two new passwords differ.")
    tries(account.password, NEW_PASSWORD, "robin")
    expect(summary.locator("li")).to_have_count(1)
    expect(summary).to_contain_text("New password again: The two new passwords differ.")
    tries(account.password, account.password, "robin")
    expect(summary).to_contain_text("New password: It is the password you have now.")
    tries("", NEW_PASSWORD, "robin")
    expect(summary).to_contain_text("Old password: Please fill this in.")
    tries("x" * 1025, NEW_PASSWORD, "robin")
    expect(summary).to_contain_text("Old password: It is too long.")
    expect(summary).to_contain_text("New password again: The two new passwords differ.")
    # Nothing of that has changed anything.
    person.goes_to("/")
    person.sees_heading(account.name)


def test_an_old_password_beside_new_ones_that_differ_counts_as_a_guess(
    person: Person, account: Account
) -> None:
    person.signs_in(account)
    person.goes_to("/password")
    found = person.page.locator("main input[name=csrf]").get_attribute("value")
    assert found
    wrong = [f"wrong guess number {number}" for number in range(10)]
    answers = [
        person.context.request.post(
            f"{person.url}/password",
            form={"csrf": found, "old_password": old, "new_password": "a", "repeated": "b"},
            headers={"Accept": "text/html"},
        )
        for old in (*wrong, account.password)
    ]
    assert [answer.status for answer in answers] == [403] * 10 + [429]
    # What is known without the old password is said all the same.
    assert "The two new passwords differ." in answers[-1].text()
    assert "This is not your present password." not in answers[-1].text()


@pytest.mark.parametrize(
    ("locale", "told", "verdict"),
    [
        ("en-GB", "It is the password you have now.", "Not yet"),
        ("de-DE", "Es ist Ihr jetziges Kennwort.", "Noch nicht"),
    ],
)
def test_the_present_password_is_no_strong_new_one(
    someone: Opens, account: Account, locale: str, told: str, verdict: str
) -> None:
    person = someone(locale=locale)
    person.signs_in(account)
    person.goes_to("/password")
    old, new = person.page.locator("#old_password"), person.page.locator("#new_password")
    strength = person.page.locator("#strength")
    reason = strength.get_by_role("listitem").filter(has_text=told)
    old.fill(account.password)
    new.fill(account.password)
    expect(reason).to_be_visible()
    expect(strength.locator(".verdict")).to_have_text(verdict, use_inner_text=True)
    expect(strength.get_by_role("status")).to_contain_text(told)
    old.fill("something else")
    expect(reason).to_be_hidden()
    expect(strength.get_by_role("status")).not_to_contain_text(told)
    old.fill(account.password)
    expect(reason).to_be_visible()
    new.fill("")
    expect(strength).to_be_hidden()
    # Letters that are composed are the same as those that are not (RFC 8265).
    old.fill("ein Übermut kommt selten allein")
    new.fill("ein U\u0308bermut kommt selten allein")
    expect(reason).to_be_visible()


@pytest.mark.asvs("6.2.6")
def test_a_password_can_be_looked_at_while_it_is_typed(person: Person) -> None:
    person.goes_to("/sign-in")
    password = person.page.locator("#password")
    password.fill("what was it")
    person.page.get_by_role("button", name="Show: Password").click()
    expect(password).to_have_attribute("type", "text")
    person.page.get_by_role("button", name="Hide: Password").click()
    expect(password).to_have_attribute("type", "password")


def test_a_temporary_password_gives_way_to_ones_own_before_anything_else(
    person: Person, enroll: Enrolls
) -> None:
    newcomer = enroll(temporary=True)
    person.goes_to("/sessions")
    person.signs_in(newcomer)
    person.sees_heading("Choose your own password")
    person.reads(f"Welcome, {newcomer.name}.")
    assert person.cookie("__Host-session") is None
    assert "flow" not in person.page.url
    person.page.locator("#new_password").fill("robin okafor")
    person.reads("It is little more than your own name.")
    person.page.locator("#new_password").fill("robin")
    person.page.locator("#repeated").fill("other")
    person.page.get_by_role("button", name="Save and sign in").click()
    expect(person.page.locator("#refused")).to_contain_text("It is too short.")
    expect(person.page.locator("#refused")).to_contain_text("The two new passwords differ.")
    person.page.locator("#new_password").fill(NEW_PASSWORD)
    person.page.locator("#repeated").fill(NEW_PASSWORD)
    person.page.get_by_role("button", name="Save and sign in").click()
    person.is_at("/sessions")
    person.page.get_by_role("button", name="Sign out", exact=True).first.click()
    person.sees_heading("You are signed out")
    person.page.get_by_role("link", name="Sign in again").click()
    person.signs_in(newcomer, NEW_PASSWORD)
    person.sees_heading(newcomer.name)
