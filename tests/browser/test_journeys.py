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
