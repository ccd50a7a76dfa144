"""The portal without a mouse."""

from playwright.sync_api import expect

from tests.browser.person import Account, Person

NEW_PASSWORD = "wooden boats in november rain"


def test_signing_in_and_changing_the_password_takes_no_mouse(
    person: Person, account: Account
) -> None:
    keyboard = person.page.keyboard
    person.goes_to("/sign-in")
    person.presses_tab_until("#user_id")
    keyboard.type(account.user_id)
    person.presses_tab_until("#password")
    keyboard.type(account.password)
    keyboard.press("Enter")
    person.sees_heading(account.name)

    person.presses_tab_until("main a[href='/password']")
    keyboard.press("Enter")
    person.sees_heading("Change password")
    person.presses_tab_until("#old_password")
    keyboard.type(account.password)
    person.presses_tab_until("#new_password")
    keyboard.type(NEW_PASSWORD)
    person.presses_tab_until("#repeated")
    keyboard.type(NEW_PASSWORD)
    person.presses_tab_until("main form button:not([type])")
    keyboard.press("Enter")
    person.sees_heading("Password changed")


def test_the_first_stop_leads_past_the_navigation(person: Person, account: Account) -> None:
    person.signs_in(account)
    person.is_at("/")
    person.page.keyboard.press("Tab")
    skip = person.page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    person.page.keyboard.press("Enter")
    expect(person.page.locator("main")).to_be_focused()


def test_the_question_keeps_the_focus_and_gives_it_back(person: Person, account: Account) -> None:
    person.signs_in(account)
    person.presses_tab_until("main a[href='/sign-out-everywhere']")
    person.page.keyboard.press("Enter")
    dialog = person.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    person.presses_tab_until("dialog [value=no]")
    person.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(person.page.locator("main a[href='/sign-out-everywhere']")).to_be_focused()


def test_focus_can_be_seen_on_every_stop(person: Person, account: Account) -> None:
    person.signs_in(account)
    person.goes_to("/sessions")
    for _ in range(12):
        person.page.keyboard.press("Tab")
        width = person.page.evaluate(
            "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
        )
        assert width >= 2, person.page.evaluate("document.activeElement.outerHTML")
