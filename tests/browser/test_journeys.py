"""What people come to the portal for, from the first page to the last."""

import re

import pytest
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
    here.is_at("/sign-in?why=signed-out-everywhere")


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


def test_a_password_is_changed_and_its_receipt_read_in_german(
    someone: Opens, account: Account
) -> None:
    here, there = someone(locale="de-DE"), someone(locale="de-DE")
    here.signs_in(account)
    there.signs_in(account)
    there.is_at("/")

    here.page.get_by_role("link", name="Kennwort ändern").click()
    here.page.get_by_label("Altes Kennwort", exact=True).fill(account.password)
    here.page.get_by_label("Neues Kennwort", exact=True).fill(NEW_PASSWORD)
    here.reads("Sehr stark")
    here.page.get_by_label("Neues Kennwort noch einmal", exact=True).fill("kupfer")
    here.reads("Die beiden neuen Kennwörter sind verschieden.")
    here.page.get_by_label("Neues Kennwort noch einmal", exact=True).fill(NEW_PASSWORD)
    here.page.get_by_role("button", name="Kennwort ändern").click()

    here.sees_heading("Kennwort geändert")
    expect(here.page).to_have_title(re.compile("^Kennwort geändert . Beleg"))
    here.reads("Erledigt: Sie sind überall abgemeldet.")
    here.reads("Vollständig: Nichts Älteres ist mehr offen")
    here.reads("von der Änderung bis zur letzten geschlossenen Sitzung")
    here.reads("Ihr neues Kennwort wurde gespeichert")
    here.reads("Alles Ältere wurde abgewiesen")
    here.reads("2 Sitzungen wurden geschlossen")
    expect(here.page.locator(".ended-sessions li").first).to_contain_text("Chrome auf Linux")
    expect(here.page.locator(".ended-sessions .badge")).to_have_text("Dieser Browser")
    here.reads("Was vor Epoche 2 Ihres Kontos ausgestellt wurde, wird abgewiesen.")

    notice = there.page.get_by_role("alertdialog", name="Sie wurden abgemeldet")
    expect(notice).to_contain_text("Das Kennwort dieses Kontos wurde geändert.")
    notice.get_by_role("link", name="Wieder anmelden").click()
    there.signs_in(account)
    there.reads("Die Benutzer-ID oder das Kennwort ist falsch.")
    there.signs_in(account, NEW_PASSWORD)
    there.page.get_by_role("link", name="Belege").first.click()
    there.sees_heading("Belege")
    there.reads("2 Sitzungen beendet")
    there.page.get_by_role("link", name="Kennwort geändert").click()
    there.sees_heading("Kennwort geändert")
    there.reads("2 Sitzungen wurden geschlossen")


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
    person.reads("To protect the account, nothing more is tried for the next")
    expect(person.page.locator("#user_id")).to_have_value(account.user_id)


@pytest.mark.parametrize(
    ("locale", "day", "second"),
    [
        ("en-GB", r"[A-Z][a-z]+ \d{1,2}, \d{4}", r"\d\d\.\d{3}"),
        ("en-US", r"[A-Z][a-z]+ \d{1,2}, \d{4}", r"\d\d\.\d{3}"),
        ("de-AT", r"\d{1,2}\. [A-Z]\w+ \d{4}", r"\d\d,\d{3}"),
    ],
)
def test_times_are_written_alike_with_scripts_and_without(
    someone: Opens, account: Account, locale: str, day: str, second: str
) -> None:
    moment, instant = rf"{day}, \d\d:\d\d", rf"\d\d:\d\d:{second}"
    person = someone(locale=locale, timezone_id="UTC")
    in_berlin = someone(locale=locale, timezone_id="Europe/Berlin")
    times = in_berlin.page.locator("main time")

    person.signs_in(account)
    person.goes_to("/sessions")
    expect(person.page.locator("main time")).to_have_text(re.compile(f"^{moment} UTC$"))
    in_berlin.signs_in(account)
    in_berlin.goes_to("/sessions")
    zone = r"(CES?T|MES?Z|GMT\+[12])"
    expect(times.first).to_have_text(re.compile(f"^{moment} {zone}$"))

    in_berlin.goes_to("/sign-out-everywhere")
    in_berlin.page.locator("button[value=yes]").click()
    in_berlin.page.locator(".figure").wait_for()
    for time in times.all():
        expect(time).to_have_text(re.compile(f"^({moment}|{instant}) {zone}$"))
        expect(time).to_have_attribute("title", re.compile(f"^({moment}|{instant}) UTC$"))
    # Where the reader's own time is UTC, what the script writes is what the server wrote.
    person.signs_in(account)
    person.goes_to("/receipts")
    person.page.locator(".actions a").first.click()
    person.page.locator("#receipt").wait_for()
    for time in person.page.locator("main time").all():
        expect(time).to_have_text(time.get_attribute("title") or "")
