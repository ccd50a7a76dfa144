"""What people come to the portal for, from the first page to the last."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Enrolls, Opens
from tests.browser.person import Account, Person

NEW_PASSWORD = "copper kites above the orchard"


def test_who_signs_in_sees_who_they_are_and_whom_to_ask(person: Person, account: Account) -> None:
    person.goes_to("/sessions")
    person.is_at("/sign-in?next=/sessions")
    person.signs_in(account)
    person.is_at("/sessions")
    person.goes_to("/")
    person.sees_heading(account.name)
    for shown in (
        account.user_id,
        "Lighthouse keeper",
        "Bremen, 1.01",
        "+49 421 5550 199",
        "Kept by Halden Logistics",
        "helpdesk@halden.example",
    ):
        person.reads(shown)
    # Nobody gave this account a photo, so its initials are drawn.
    photo = person.page.locator(".portrait img")
    assert photo.evaluate("image => image.complete && image.naturalWidth > 0")


def test_a_password_change_is_told_to_the_other_browser_at_once_and_why(
    someone: Opens, account: Account
) -> None:
    here, there = someone(), someone()
    here.signs_in(account)
    there.signs_in(account)
    there.is_at("/")

    here.page.get_by_role("link", name="Change password").click()
    expect(here.page.locator("#user_id")).to_have_value(account.user_id)
    here.page.locator("#old_password").fill(account.password)
    here.page.locator("#new_password").fill("halden")
    here.reads("It is too short.")
    here.reads("It is little more than your organization's name.")
    here.page.locator("#new_password").fill(NEW_PASSWORD)
    here.reads("Very strong")
    expect(here.page.get_by_text("It is too short.")).to_be_hidden()
    here.page.locator("#repeated").fill("coppr")
    here.reads("The two new passwords differ.")
    here.page.locator("#repeated").fill(NEW_PASSWORD)
    here.page.get_by_role("button", name="Change password").click()

    here.sees_heading("Password changed")
    here.reads("Complete: nothing older is left")
    here.reads("2 sessions were closed")
    expect(here.page.locator(".figure strong")).to_contain_text("ms")
    expect(here.page.locator(".ended-sessions li")).to_have_count(2)
    expect(here.page.locator(".ended-sessions .badge")).to_have_count(1)
    expect(here.page.locator(".ended-sessions li").first).to_contain_text("Chrome on Linux")
    assert here.cookie("__Host-session") is None

    notice = there.page.get_by_role("alertdialog", name="You were signed out")
    expect(notice).to_be_visible()
    expect(notice).to_contain_text("The password of this account was changed.")
    expect(notice).to_contain_text("Halden Helpdesk")
    expect(notice.get_by_role("link", name="Sign in again")).to_be_focused()
    assert account.name not in there.page.content()
    there.page.keyboard.press("Escape")
    there.page.keyboard.press("Escape")
    expect(notice).to_be_visible()

    notice.get_by_role("link", name="Sign in again").click()
    there.signs_in(account)
    there.reads("The user ID or the password is wrong.")
    there.signs_in(account, NEW_PASSWORD)
    there.sees_heading(account.name)
    here.page.get_by_role("link", name="Sign in again").click()
    here.signs_in(account, NEW_PASSWORD)
    here.page.get_by_role("link", name="Receipts").first.click()
    here.page.get_by_role("link", name="Password changed").click()
    here.sees_heading("Password changed")


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


def test_sign_out_everywhere_asks_first_and_then_ends_everything(
    someone: Opens, account: Account
) -> None:
    here, there = someone(), someone()
    here.signs_in(account)
    there.signs_in(account)
    there.goes_to("/sessions")

    here.page.get_by_role("link", name="Sign out everywhere").click()
    dialog = here.page.get_by_role("dialog", name="Sign out everywhere?")
    dialog.get_by_role("button", name="No").click()
    expect(dialog).to_be_hidden()
    here.goes_to("/sign-out-everywhere")
    here.page.get_by_role("button", name="No").click()
    here.sees_heading(account.name)
    there.page.reload()
    there.sees_heading("Where you're signed in")

    here.page.get_by_role("link", name="Sign out everywhere").click()
    dialog.get_by_role("button", name="Yes").click()
    here.sees_heading("Signed out everywhere")
    here.reads("Done: you are signed out everywhere.")
    expect(there.page.get_by_role("alertdialog")).to_contain_text(
        "This account was signed out everywhere, here too."
    )
    here.goes_to("/")
    here.is_at("/sign-in")


def test_one_session_is_ended_from_another(someone: Opens, account: Account) -> None:
    here, there = someone(), someone(user_agent="Mozilla/5.0 (Windows NT 10.0) Firefox/140.0")
    there.signs_in(account)
    there.is_at("/")
    here.signs_in(account)
    here.goes_to("/sessions")
    sessions = here.page.locator(".sessions > li")
    expect(sessions).to_have_count(2)
    expect(sessions.first).to_contain_text("This browser")
    expect(sessions.last).to_contain_text("Firefox on Windows")
    here.page.get_by_role("button", name="Sign out Firefox on Windows").click()
    here.reads("Done. That session is over and is not accepted any more.")
    here.reads("You are signed in nowhere else.")
    expect(there.page.get_by_role("alertdialog")).to_contain_text(
        "This session was ended from the list of places where you are signed in."
    )


def test_who_was_away_is_told_at_the_next_visit(someone: Opens, account: Account) -> None:
    here, there = someone(), someone()
    there.signs_in(account)
    there.is_at("/")
    there.page.goto("about:blank")
    here.signs_in(account)
    here.goes_to("/sign-out-everywhere")
    here.page.get_by_role("button", name="Yes").click()
    here.sees_heading("Signed out everywhere")
    there.goes_to("/sessions")
    there.is_at("/sign-in?next=/sessions&why=signed-out-everywhere")
    there.reads("This account was signed out everywhere, here too.")
    assert there.cookie("__Host-session") is None
    there.signs_in(account)
    there.is_at("/sessions")


def test_all_tabs_of_a_browser_are_told(someone: Opens, account: Account) -> None:
    here, there = someone(), someone()
    here.signs_in(account)
    here.is_at("/")
    second = here.context.new_page()
    second.goto(here.url + "/receipts")
    there.signs_in(account)
    there.goes_to("/sign-out-everywhere")
    there.page.get_by_role("button", name="Yes").click()
    expect(here.page.get_by_role("alertdialog")).to_be_visible()
    expect(second.get_by_role("alertdialog")).to_be_visible()


def test_a_german_browser_is_answered_in_german(someone: Opens, account: Account) -> None:
    person = someone(locale="de-AT")
    person.signs_in(account)
    expect(person.page.locator("html")).to_have_attribute("lang", "de")
    person.page.get_by_role("link", name="Kennwort ändern").click()
    person.sees_heading("Kennwort ändern")
    person.page.locator("#new_password").fill("halden")
    person.reads("Es ist zu kurz.")
    person.page.get_by_role("link", name="English").click()
    person.is_at("/password")
    person.sees_heading("Change password")
    person.goes_to("/nowhere")
    person.sees_heading("There is nothing here")


def test_ones_own_language_comes_before_the_browsers(person: Person, enroll: Enrolls) -> None:
    account = enroll(preferred_language="de")
    person.signs_in(account)
    person.reads("Konto verwalten")
    person.goes_to("/?lang=en")
    person.reads("Manage account")
    person.goes_to("/sessions")
    person.sees_heading("Where you're signed in")


def test_too_many_wrong_passwords_are_told_how_long_to_wait(
    person: Person, enroll: Enrolls
) -> None:
    account = enroll()
    for attempt in range(10):
        person.signs_in(account, f"wrong guess number {attempt}")
        person.reads("The user ID or the password is wrong.")
    person.signs_in(account)
    person.reads("To protect the account, no password is tried for the next")
    expect(person.page.locator("#user_id")).to_have_value(account.user_id)
