"""Devices in the browser: seen, disabled, refused at the sign-in, and enabled by an admin."""

from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.browser.person import Account
from tests.browser.test_accessibility import PHONE, finds_nothing, fits
from tests.browser.test_administration import is_admin
from tests.e2e.portal import People


def test_a_disabled_device_is_refused_until_an_admin_enables_it(
    someone: Opens, account: Account, people: People
) -> None:
    owner, other = someone(viewport=PHONE, color_scheme="dark"), someone(java_script_enabled=False)
    other.signs_in(account)
    other.is_at("/")
    owner.signs_in(account)
    owner.page.get_by_role("link", name="All devices").click()
    owner.sees_heading("Your devices")
    expect(owner.page.locator(".sessions > li")).to_have_count(2)
    expect(owner.page.locator(".sessions > li.current")).to_contain_text("This device")
    finds_nothing(owner)
    fits(owner)
    elsewhere = owner.page.locator(".sessions > li:not(.current)")
    elsewhere.get_by_role("button", name="Disable").click()
    owner.sees_heading("Disable this device?")
    owner.reads("You cannot undo this.")
    expect(owner.page.locator(".back a")).to_have_attribute("href", "/devices")
    finds_nothing(owner)
    fits(owner)
    owner.page.get_by_role("button", name="No, keep it").click()
    elsewhere.get_by_role("button", name="Disable").click()
    owner.page.get_by_role("button", name="Yes, disable it").click()
    owner.reads("Nobody signs in on that device any more")
    expect(owner.page.locator(".sessions > li")).to_have_count(1)
    owner.page.get_by_role("link", name="See the receipt").click()
    owner.sees_heading("Device disabled")
    owner.reads("1 session was closed")
    finds_nothing(owner)

    other.page.reload()
    other.is_at("/sign-in?why=device-disabled")
    other.reads("This device was disabled.")
    other.signs_in(account, "not the password")
    other.reads("That did not match")
    other.signs_in(account)
    other.sees_heading("This device is disabled")
    other.reads("Halden Helpdesk")

    admin = is_admin(someone(viewport=PHONE), people)
    session = owner.cookie("__Host-session")
    assert session is not None
    admin.goes_to(f"/admin/users/{session['value'].partition('.')[0]}")
    admin.page.get_by_role("link", name="Devices").click()
    finds_nothing(admin)
    fits(admin)
    admin.page.get_by_role("button", name="Enable").click()
    admin.reads("The device is enabled.")
    other.goes_to("/sign-in")
    other.signs_in(account)
    other.sees_heading(account.name)


def test_who_disables_the_device_they_are_at_is_shown_the_receipt(
    someone: Opens, account: Account
) -> None:
    person = someone(java_script_enabled=False)
    person.signs_in(account)
    person.goes_to("/devices")
    person.page.get_by_role("button", name="Disable").click()
    person.reads("It is the device that you are using now")
    person.page.get_by_role("button", name="Yes, disable it").click()
    person.sees_heading("Device disabled")
    person.page.get_by_role("link", name="Sign in again").click()
    person.signs_in(account)
    person.sees_heading("This device is disabled")
