"""The page of one's account with its areas, and what of it an organization leaves out."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import APIRequestContext, expect

from tests.browser.conftest import Opens
from tests.browser.person import Account, Person
from tests.browser.test_accessibility import BROKEN_WORDS, finds_nothing, fits
from tests.browser.test_administration import is_admin
from tests.e2e.portal import People

NARROW = {"width": 360, "height": 780}
PORTAL = "/api/v1/admin/policy/portal"


@pytest.fixture
def afterwards(admin: APIRequestContext) -> Iterator[Callable[[], None]]:
    """Have the portal open to everybody and whole when the test is over."""
    before = admin.get(PORTAL).json()

    def as_before() -> None:
        assert admin.put(PORTAL, data=before).status == 200

    yield as_before
    as_before()


def holds(person: Person) -> None:
    finds_nothing(person)
    fits(person)
    assert person.page.evaluate(BROKEN_WORDS) == []


def test_one_page_shows_devices_and_sign_ins_and_leads_on(someone: Opens, account: Account) -> None:
    other, person = someone(), someone(viewport=NARROW, locale="de-DE", color_scheme="dark")
    other.signs_in(account)
    other.is_at("/")
    person.signs_in(account)
    person.sees_heading(account.name)
    holds(person)
    password = person.page.get_by_role("link", name="Kennwort ändern")
    expect(password).to_contain_text("Zuletzt gesetzt am")
    expect(password.locator("time")).to_contain_text(str(datetime.now(UTC).year))
    devices, sign_ins = person.page.locator(".brief").nth(0), person.page.locator(".brief").nth(1)
    expect(devices.locator("li")).to_have_count(2)
    expect(devices.locator("li", has_text="Dieses Gerät")).to_have_count(1)
    expect(sign_ins.locator("li").first).to_contain_text("Angemeldet")
    expect(person.page.locator(".brief").nth(2)).to_contain_text("Halden Logistics")
    elsewhere = devices.locator("li").filter(has_not_text="Dieses Gerät")
    elsewhere.get_by_role("button", name="Sperren").click()
    person.sees_heading("Dieses Gerät sperren?")
    person.goes_to("/")
    person.page.get_by_role("link", name="Alle Anmeldungen").click()
    person.sees_heading("Letzte Anmeldungen")


@pytest.mark.usefixtures("afterwards")
def test_what_an_admin_leaves_out_is_gone_and_who_is_let_in(
    someone: Opens, people: People, account: Account
) -> None:
    boss, person = is_admin(someone(java_script_enabled=False), people), someone()
    page, save = boss.page, boss.page.get_by_role("button", name="Save portal")
    person.signs_in(account)
    person.reads("Bremen, 1.01")
    boss.goes_to("/admin/policies")
    page.get_by_label("Office", exact=True).uncheck()
    page.get_by_label("Devices", exact=True).uncheck()
    save.click()
    boss.reads("The policy for the portal was saved.")
    person.goes_to("/")
    person.sees_heading(account.name)
    expect(person.page.get_by_text("Bremen, 1.01")).to_have_count(0)
    expect(person.page.get_by_role("link", name="devices")).to_have_count(0)
    expect(person.page.get_by_role("heading", name="Recent sign-ins")).to_be_visible()
    person.goes_to("/devices")
    person.sees_heading("Your organization does not show this here")
    person.reads("helpdesk@halden.example")
    holds(person)

    page.get_by_label("Admins, and members of the groups below").check()
    save.click()
    expect(page.locator("#portal-groups")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Devices", exact=True)).not_to_be_checked()
    page.locator("#portal-groups").fill("staff")
    save.click()
    boss.reads("The policy for the portal was saved.")
    boss.goes_to("/sessions")
    boss.sees_heading("Where you're signed in")
    person.goes_to("/sessions")
    person.sees_heading("The portal is not open to you")
    person.reads("helpdesk@halden.example")
    expect(person.page.get_by_role("navigation", name="Your account")).to_have_count(0)
    holds(person)
    person.page.get_by_role("link", name="Receipts").click()
    person.sees_heading("Receipts")
    person.page.get_by_role("button", name="Sign out").click()
    person.sees_heading("You are signed out")
