"""Being a guest of another organization: invited, let in, leaving, and restored by an admin."""

from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.browser.person import Account, Person
from tests.browser.test_accessibility import PHONE, finds_nothing, fits
from tests.browser.test_administration import is_admin
from tests.e2e.portal import PARTNERS, People, demo_user


def tove() -> Account:
    """Return somebody of the partner."""
    found = demo_user("tove", PARTNERS)
    return Account(found["user_id"], found["password"], found["display_name"])


def looks_well(*people: Person) -> None:
    for each in people:
        finds_nothing(each)
        fits(each)


def invites(admin: Person, user_id: str) -> None:
    admin.goes_to("/admin")
    admin.page.get_by_role("link", name="Guests").click()
    admin.page.get_by_role("link", name="Invite somebody").click()
    finds_nothing(admin)
    admin.page.get_by_label("User ID").fill(user_id)
    admin.page.get_by_label("Groups").fill("fleet")
    admin.page.get_by_role("button", name="Invite").click()
    admin.reads("Whoever has that user ID is invited")
    looks_well(admin)


def accepts(guest: Person) -> None:
    guest.page.get_by_role("link", name="All organizations").click()
    guest.sees_heading("Organizations")
    looks_well(guest)
    guest.page.get_by_role("button", name="Accept Halden Logistics").click()
    guest.reads("You are a guest of that organization now.")
    home = guest.page.locator(".sessions > li.current")
    expect(home).to_contain_text("Varde Shipping")
    expect(home.get_by_role("button")).to_have_count(0)


def leaves(guest: Person, password: str) -> None:
    guest.page.get_by_role("button", name="Leave Halden Logistics").click()
    guest.reads("This sign-in is to the organization that you want to leave.")
    finds_nothing(guest)
    guest.page.locator("#password").fill(password)
    guest.page.locator("main form .answers button").click()
    guest.sees_heading("Leave this organization?")
    guest.reads("You cannot undo this.")
    looks_well(guest)
    guest.page.get_by_role("button", name="Yes, leave").click()
    guest.reads("You have left the organization.")
    expect(guest.page.locator(".sessions > li")).to_have_count(1)


def restores(admin: Person, name: str) -> None:
    admin.goes_to("/admin/members?state=left")
    looks_well(admin)
    admin.page.get_by_role("link", name=name).click()
    finds_nothing(admin)
    admin.page.get_by_role("link", name="Restore this guest").click()
    admin.page.get_by_role("button", name="Yes, restore").click()
    admin.reads("They are a guest again")
    expect(admin.page.get_by_label("Groups")).to_have_value("fleet")
    looks_well(admin)


def lets_guests_leave(admin: Person, *, allowed: bool) -> None:
    admin.goes_to("/admin/leaving")
    looks_well(admin)
    admin.page.get_by_label("Guests may leave by themselves").set_checked(allowed)
    admin.page.get_by_role("button", name="Save").click()
    admin.reads("The change holds from now on.")


def removes(admin: Person, name: str) -> None:
    admin.goes_to("/admin/members")
    admin.page.get_by_role("link", name=name).click()
    admin.page.get_by_role("link", name="Remove this guest").click()
    admin.page.get_by_role("button", name="Yes, remove").click()
    admin.reads("The guest is removed.")


def test_a_guest_comes_and_goes_and_can_be_restored(someone: Opens, people: People) -> None:
    account, guest = tove(), someone(viewport=PHONE)
    guest.signs_in(account)
    admin = is_admin(someone(viewport=PHONE, color_scheme="dark"), people)
    invites(admin, account.user_id)
    accepts(guest)
    leaves(guest, account.password)
    restores(admin, account.name)
    lets_guests_leave(admin, allowed=False)
    guest.goes_to("/organizations")
    guest.reads("This organization does not let its guests leave by themselves.")
    guest.reads("Halden Helpdesk")
    looks_well(guest)
    lets_guests_leave(admin, allowed=True)
    removes(admin, account.name)
