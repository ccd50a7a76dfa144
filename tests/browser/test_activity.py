"""Recent sign-ins in the browser: read, searched, and the account secured against one of them."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.browser.person import Account
from tests.browser.test_accessibility import PHONE, finds_nothing, fits


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_sign_in_that_was_not_me_is_found_and_the_account_secured(
    someone: Opens, account: Account, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts, viewport=PHONE, color_scheme="dark")
    person.signs_in(account, "not the password")
    person.reads("wrong")
    person.signs_in(account)
    person.page.get_by_role("link", name="All sign-ins").click()
    person.sees_heading("Recent sign-ins")
    rows = person.page.get_by_role("row")
    expect(rows).to_have_count(3)
    wrong = rows.filter(has_text="Wrong password")
    expect(wrong).to_contain_text("On a device or browser that was not known")
    if scripts:
        person.page.locator("summary").click()
        finds_nothing(person)
        fits(person)
    rows.filter(has_text="Signed in").get_by_role("button", name="This was me").click()
    person.reads("It is noted that this was you")
    person.page.locator("#search").fill("wrong pass")
    if not scripts:
        person.page.get_by_role("button", name="Show", exact=True).click()
    expect(rows).to_have_count(2)
    expect(person.page).to_have_url(
        f"{person.url}/activity?search=wrong+pass" + ("" if scripts else "&outcome=")
    )
    wrong.get_by_role("link", name="This wasn't me").click()
    person.sees_heading("This wasn't you?")
    if scripts:
        finds_nothing(person)
        fits(person)
    person.page.get_by_role("button", name="Yes, secure my account").click()
    person.page.locator("#receipt").wait_for()
    person.reads("A sign-in that wasn't you")
    person.goes_to("/sign-in")
    person.signs_in(account)
    person.sees_heading("Choose your own password")
