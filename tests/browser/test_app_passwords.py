"""App passwords in the browser: made, shown once, renamed and removed, where policy allows them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import APIRequestContext, expect

from tests.browser.conftest import Opens
from tests.browser.person import Account, Person
from tests.browser.test_accessibility import PHONE, finds_nothing, fits

POLICY = "/api/v1/admin/policy/methods"
ADD = "Add an app password"


@pytest.fixture
def allowed(admin: APIRequestContext) -> Iterator[None]:
    before = admin.get(POLICY).json()
    with_them = {**before, "allowed": [*before["allowed"], "app-password"]}
    assert admin.put(POLICY, data=with_them).status == 200
    yield
    assert admin.put(POLICY, data=before).status == 200


def test_they_are_not_offered_unless_they_are_allowed(person: Person, account: Account) -> None:
    person.signs_in(account)
    person.goes_to("/security")
    expect(person.page.get_by_role("heading", name="Add a passkey")).to_be_visible()
    expect(person.page.get_by_role("heading", name=ADD)).to_have_count(0)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_app_password_is_made_shown_once_renamed_and_removed(
    someone: Opens, account: Account, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts, viewport=PHONE, color_scheme="dark")
    person.signs_in(account)
    person.goes_to("/security")
    person.reads("All of them end when your password is changed or you sign out everywhere")
    make = person.page.get_by_role("button", name="Make app password")
    make.click()
    expect(person.page.locator("#app-password-label")).to_have_attribute("aria-invalid", "true")
    person.page.locator("#app-password-label").fill("Mail on the old laptop")
    make.click()
    person.sees_heading("App password for Mail on the old laptop")
    password = person.page.locator("#secret").inner_text()
    assert len(password.replace("-", "")) == 28
    if scripts:
        finds_nothing(person)
        fits(person)
    person.page.get_by_role("link", name="I have entered it").click()
    person.is_at("/security")
    assert password not in person.page.content()
    # It is no second step, so the page still says that there is none.
    person.reads("You have no second step yet")
    card = person.page.locator("li.card")
    expect(card).to_contain_text("not yet")
    card.locator("summary").click()
    expect(card.get_by_role("button", name="Set up again")).to_have_count(0)
    if scripts:
        finds_nothing(person)
        fits(person)
    card.get_by_label("Name").fill("Calendar")
    card.get_by_role("button", name="Save name").click()
    person.reads("The name is saved")
    card.locator("summary").click()
    card.get_by_role("link", name="Remove").click()
    person.sees_heading("Remove Calendar?")
    person.page.get_by_role("button", name="Yes, remove").click()
    person.reads("The app password is accepted nowhere any more")
    expect(card).to_have_count(0)
