"""What admins do in the browser."""

import pytest
from playwright.sync_api import APIRequestContext, expect

from tests.browser.conftest import Enrolls, Opens
from tests.browser.person import Account, Person
from tests.browser.test_accessibility import BROKEN_WORDS, PHONE, finds_nothing, fits
from tests.e2e.portal import People

PAGES = [
    "/admin",
    "/admin/users",
    "/admin/users/new",
    "/admin/policies",
    "/admin/import",
    "/admin/audit",
    "/admin/terms",
    "/admin/events",
]


def is_admin(person: Person, people: People) -> Person:
    """Let somebody have the session of the admin, who has shown a factor a moment ago."""
    # A cookie of this name comes over HTTPS alone, or from this machine.
    url = person.url.replace("http:", "https:")
    person.context.add_cookies(
        [{"name": "__Host-session", "value": people.admin, "url": url, "secure": True}]
    )
    return person


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_administration_and_all_of_it_fits(
    someone: Opens, people: People, scheme: str
) -> None:
    person = someone(color_scheme=scheme, viewport=PHONE, locale="de")
    is_admin(person, people)
    # The record of the admin says English, which comes before what the browser asks for.
    person.goes_to("/language/de?next=/admin")
    for path in PAGES:
        person.goes_to(path)
        finds_nothing(person)
        fits(person)
        within = "main" if path == "/admin" else "h1"
        assert person.page.evaluate(BROKEN_WORDS, within) == []
    person.goes_to("/language/en?next=/admin/users")
    person.page.get_by_role("link", name="Mei Tanaka").click()
    for link in ("Change the record", "Disable the account"):
        finds_nothing(person)
        fits(person)
        person.page.get_by_role("link", name=link).click()
        finds_nothing(person)
        person.page.go_back()


def test_an_admin_adds_somebody_who_then_chooses_a_password(someone: Opens, people: People) -> None:
    admin, person = someone(java_script_enabled=False), someone()
    is_admin(admin, people)
    admin.goes_to("/")
    admin.page.get_by_role("link", name="Administration").click()
    admin.page.get_by_role("link", name="People Who has").click()
    admin.page.get_by_role("link", name="Add a person").click()
    admin.page.get_by_label("User ID").fill("wren@halden.example")
    admin.page.get_by_label("E-mail addresses").fill("wren@halden.example, no address")
    admin.page.get_by_label("Temporary password").fill("halden halden")
    admin.page.get_by_role("button", name="Add person").click()
    for field in ("display_name", "emails"):
        expect(admin.page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
    expect(admin.page.locator("#user_id")).to_have_value("wren@halden.example")
    admin.page.get_by_label("Display name").fill("Wren Aldous")
    admin.page.get_by_label("E-mail addresses").fill("wren@halden.example")
    admin.page.get_by_label("Temporary password").fill("halden halden")
    admin.page.get_by_role("button", name="Add person").click()
    expect(admin.page.locator("#password")).to_have_attribute("aria-invalid", "true")
    admin.page.get_by_label("Temporary password").fill("seven green umbrellas in rain")
    admin.page.get_by_role("button", name="Add person").click()
    admin.reads("The person was added.")
    admin.sees_heading("Wren Aldous")
    person.signs_in(Account("wren@halden.example", "seven green umbrellas in rain", "Wren Aldous"))
    person.sees_heading("Choose your own password")


def test_an_admin_looks_after_an_account(someone: Opens, people: People, account: Account) -> None:
    admin, person = someone(java_script_enabled=False), someone()
    page = admin.page
    person.signs_in(account)
    person.is_at("/")
    is_admin(admin, people)
    admin.goes_to("/admin/users")
    page.get_by_label("Find people").fill("no one")
    page.get_by_role("button", name="Find", exact=True).click()
    admin.reads("Nobody is called anything that begins so.")
    page.get_by_label("Find people").fill(account.user_id.upper())
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("link", name=account.name, exact=True).click()
    user = page.url

    def does(action: str, yes: str) -> None:
        page.goto(user)
        page.get_by_role("link", name=action).click()
        page.get_by_role("button", name=yes).click()

    page.get_by_role("link", name="Change the record").click()
    page.get_by_label("Office").fill("Utrecht, 2.20")
    page.get_by_label("Groups").fill("Not an id")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Groups")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Groups").fill("night-shift")
    page.get_by_role("button", name="Save").click()
    admin.reads("The record was changed.")
    admin.reads("Utrecht, 2.20")
    does("Disable the account", "Yes, disable it")
    admin.reads("The account is disabled.")
    person.page.get_by_role("alertdialog").wait_for()
    person.goes_to("/sign-in")
    person.signs_in(account)
    person.reads("That did not match")
    does("Enable the account", "Yes, enable it")
    admin.reads("The account is enabled again.")
    does("Set a temporary password", "Yes, set one")
    password = page.locator("#secret").inner_text()
    page.get_by_role("link", name="I have handed it over").click()
    assert password not in page.content()
    person.signs_in(account, password)
    person.sees_heading("Choose your own password")
    page.get_by_role("link", name="What was done to this account").click()
    for action in ("Temporary password set", "Account enabled", "Account disabled"):
        admin.reads(action)
    does("Delete the account", "Yes, delete it")
    admin.reads("The account was deleted.")
    page.goto(user)
    admin.sees_heading("There is nothing here")


def test_a_policy_is_saved_or_refused_as_a_whole(someone: Opens, people: People) -> None:
    admin = someone(java_script_enabled=False)
    is_admin(admin, people)
    admin.goes_to("/admin/policies")
    idle, lifetime = (
        admin.page.locator("#sessions-idle_minutes"),
        admin.page.locator("#sessions-lifetime_hours"),
    )
    before = idle.input_value(), lifetime.input_value()
    save = admin.page.get_by_role("button", name="Save policy for sessions")
    idle.fill("30")
    lifetime.fill("many")
    save.click()
    expect(lifetime).to_have_attribute("aria-invalid", "true")
    expect(lifetime).to_have_value("many")
    admin.goes_to("/admin/policies")
    assert (idle.input_value(), lifetime.input_value()) == before
    idle.fill("45")
    save.click()
    admin.reads("The policy for sessions was saved.")
    expect(idle).to_have_value("45")
    idle.fill(before[0])
    save.click()
    admin.page.get_by_label("Days a device may be trusted").fill("91")
    admin.page.get_by_label("Passkey").uncheck()
    admin.page.get_by_role("button", name="Save policy for methods").click()
    expect(admin.page.locator("#methods-trust_days")).to_have_attribute("aria-invalid", "true")
    expect(admin.page.get_by_label("Passkey")).not_to_be_checked()
    admin.goes_to("/admin/policies")
    expect(admin.page.get_by_label("Passkey")).to_be_checked()
    website = admin.page.locator("#portal-url")
    usual = website.input_value()
    for address in ("javascript:alert(1)", "https://desk.halden.example/help"):
        website.fill(address)
        admin.page.get_by_role("button", name="Save portal").click()
        if address.startswith("javascript"):
            expect(website).to_have_attribute("aria-invalid", "true")
            expect(website).to_have_value(address)
    admin.reads("The policy for the portal was saved.")
    admin.goes_to("/")
    expect(admin.page.get_by_role("link", name="desk.halden.example")).to_be_visible()
    admin.goes_to("/admin/policies")
    website.fill(usual)
    admin.page.get_by_role("button", name="Save portal").click()
    admin.reads("The policy for the portal was saved.")


def test_contact_methods_are_tried_and_then_imported(
    someone: Opens, people: People, account: Account
) -> None:
    admin, person = is_admin(someone(), people), someone()
    lines = admin.page.get_by_label("Lines")
    admin.goes_to("/admin/import")
    lines.fill(f"user_id,kind,target\n{account.user_id},email,robin@mail.example\nno one,sms,+1")
    for button, heading in (("Try it", "What would come of it"), ("Import", "What came of it")):
        admin.page.get_by_role("button", name=button).click()
        expect(admin.page.get_by_role("heading", name=heading)).to_be_visible()
        admin.reads("Added: 1. Unchanged: 0. Refused: 1.")
        finds_nothing(admin)
    admin.page.get_by_role("button", name="Import").click()
    admin.reads("Added: 0. Unchanged: 1. Refused: 1.")
    lines.fill("nothing of the kind")
    admin.page.get_by_role("button", name="Import").click()
    admin.page.locator("#refused").wait_for()
    person.signs_in(account)
    person.goes_to("/security")
    person.reads("r…@mail.example")


def test_what_another_admin_changed_in_between_is_not_overwritten(
    someone: Opens, people: People, admin: APIRequestContext
) -> None:
    policy, person = "/api/v1/admin/policy/sessions", someone()
    is_admin(person, people)
    person.goes_to("/admin/policies")
    before = admin.get(policy).json()
    assert admin.put(policy, data={**before, "idle_minutes": 47}).status == 200
    idle = person.page.locator("#sessions-idle_minutes")
    idle.fill("31")
    save = person.page.get_by_role("button", name="Save policy for sessions")
    save.click()
    person.reads("Somebody else changed")
    expect(idle).to_have_value("31")
    assert admin.get(policy).json()["idle_minutes"] == 47
    # Whoever has read that may save all the same.
    save.click()
    person.reads("The policy for sessions was saved.")
    assert admin.put(policy, data=before).status == 200


@pytest.mark.parametrize("path", PAGES)
def test_nobody_else_gets_there(person: Person, account: Account, path: str) -> None:
    person.signs_in(account)
    expect(person.page.get_by_role("link", name="Administration")).to_have_count(0)
    person.goes_to(path)
    person.sees_heading("Your organization does not allow this")


def test_who_has_no_second_step_is_told_to_set_one_up(person: Person, enroll: Enrolls) -> None:
    person.signs_in(enroll(roles=["admin"]))
    person.page.get_by_role("link", name="Administration").click()
    finds_nothing(person)
    person.page.get_by_role("link", name="Set up a second step").click()
    person.is_at("/security")
