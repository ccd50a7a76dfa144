"""Two tabs of one browser, of which one does not know what was done in the other."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Enrolls, Opens
from tests.browser.person import Account, Person

NEW_PASSWORD = "lanterns along the quiet pier"


def opens_tab(person: Person, path: str) -> Page:
    """Open a page in one more tab."""
    tab = person.context.new_page()
    tab.goto(person.url + path)
    return tab


def sends(tab: Page, account: Account, password: str | None = None) -> None:
    """Fill the sign-in form of a tab in and send it."""
    tab.locator("#user_id").fill(account.user_id)
    tab.locator("#password").fill(password or account.password)
    tab.locator("main form button.wide").click()


def changes(tab: Page, account: Account) -> None:
    """Fill the form for a new password in and send it."""
    tab.locator("#old_password").fill(account.password)
    tab.locator("#new_password").fill(NEW_PASSWORD)
    tab.locator("#repeated").fill(NEW_PASSWORD)
    tab.get_by_role("button", name="Change password").click()


def chooses(tab: Page) -> None:
    """Fill the form for a first password in and send it."""
    tab.locator("#new_password").fill(NEW_PASSWORD)
    tab.locator("#repeated").fill(NEW_PASSWORD)
    tab.get_by_role("button", name="Save and sign in").click()


def session_of(person: Person) -> str:
    """Return the token of the session that the browser has."""
    cookie = person.cookie("__Host-session")
    assert cookie is not None
    return str(cookie["value"])


def why_refused(person: Person, token: str) -> str | None:
    """Return why a token is refused, or None where it is accepted."""
    answer = person.context.request.get(
        f"{person.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"}
    )
    if answer.status == 200:
        return None
    assert answer.status == 401
    return str(answer.json()["cause"])


@pytest.mark.parametrize("scripts", [True, False])
def test_a_form_from_before_another_tabs_sign_in_keeps_what_was_typed(
    someone: Opens, account: Account, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts)
    person.goes_to("/sign-in?next=/receipts")
    second = opens_tab(person, "/sign-in?next=/sessions")
    person.signs_in(account)
    person.is_at("/receipts")

    sends(second, account)
    notice = second.locator("#refused")
    expect(notice).to_contain_text("In another tab of this browser somebody has signed in")
    go_on = notice.get_by_role("link", name="Go on with that sign-in")
    expect(go_on).to_have_attribute("href", "/sessions")
    expect(second.locator("#user_id")).to_have_value(account.user_id)
    expect(second.locator("#password")).to_have_value("")

    sends(second, account)
    expect(second).to_have_url(f"{person.url}/sessions")


def test_a_form_that_is_out_of_date_for_another_reason_keeps_what_was_typed(
    person: Person, account: Account
) -> None:
    person.goes_to("/sign-in?next=/sessions")
    person.context.clear_cookies()
    sends(person.page, account)
    person.reads("It was opened too long ago")
    expect(person.page.get_by_role("link", name="Go on with that sign-in")).to_have_count(0)
    expect(person.page.locator("#user_id")).to_have_value(account.user_id)
    sends(person.page, account)
    person.is_at("/sessions")


def test_a_first_password_in_a_form_out_of_date_still_leads_on(
    person: Person, enroll: Enrolls
) -> None:
    newcomer = enroll(temporary=True)
    person.goes_to("/sign-in?next=/sessions")
    person.signs_in(newcomer)
    person.sees_heading("Choose your own password")
    person.context.clear_cookies(name="__Host-csrf")
    chooses(person.page)
    person.reads("This page was out of date")
    chooses(person.page)
    person.is_at("/sessions")


@pytest.mark.asvs("7.2.4")
def test_a_sign_in_that_replaces_another_in_the_browser_ends_it(
    someone: Opens, account: Account, enroll: Enrolls
) -> None:
    person, elsewhere, other = someone(), someone(), enroll()
    elsewhere.signs_in(account)
    elsewhere.is_at("/")
    person.goes_to("/sign-in")
    second = opens_tab(person, "/sign-in")
    person.signs_in(account)
    person.is_at("/")
    first = session_of(person)

    sends(second, other)
    expect(second.locator("#refused")).to_be_visible()
    sends(second, other, "this is not the password")
    expect(second.locator("#refused")).to_contain_text("The user ID or the password is wrong.")
    assert why_refused(person, first) is None

    sends(second, other)
    expect(second.locator("h1")).to_have_text(other.name)
    assert why_refused(person, first) == "signed-out"
    assert why_refused(person, session_of(person)) is None
    assert why_refused(person, session_of(elsewhere)) is None


def test_a_sign_in_replaces_another_only_when_it_is_complete(
    person: Person, account: Account, enroll: Enrolls
) -> None:
    newcomer = enroll(temporary=True)
    person.goes_to("/sign-in")
    second = opens_tab(person, "/sign-in")
    person.signs_in(account)
    person.is_at("/")
    first = session_of(person)
    sends(second, newcomer)
    expect(second.locator("#refused")).to_be_visible()
    sends(second, newcomer)
    expect(second.locator("h1")).to_have_text("Choose your own password")
    assert why_refused(person, first) is None

    chooses(second)
    expect(second.locator("h1")).to_have_text(newcomer.name)
    assert why_refused(person, first) == "signed-out"


def test_a_tab_without_scripts_is_told_what_another_tab_has_ended(
    someone: Opens, account: Account
) -> None:
    person = someone(java_script_enabled=False)
    person.signs_in(account)
    person.goes_to("/password")
    second = opens_tab(person, "/password")
    changes(person.page, account)
    person.sees_heading("Password changed")

    changes(second, account)
    expect(second).to_have_url(f"{person.url}/sign-in?next=/password&why=password-changed")
    told = "The password of this account was changed."
    expect(second.get_by_text(told)).to_be_visible()

    receipt = person.cookie("__Host-receipt")
    assert receipt is not None
    number, token, sid = receipt["value"].split(".")
    for value in (f"{number}.{'x' * len(token)}.{sid}", f"{'x' * 99}.{token}.{sid}", "x", ""):
        person.context.add_cookies(
            [
                {
                    "name": "__Host-receipt",
                    "value": value,
                    "domain": receipt["domain"],
                    "path": "/",
                    "secure": True,
                }
            ]
        )
        person.goes_to("/password")
        person.is_at("/sign-in?next=/password")
    person.context.clear_cookies()
    person.goes_to("/password")
    person.is_at("/sign-in?next=/password")
