"""What admins do in the browser."""

import pytest
from playwright.sync_api import APIRequestContext, expect

from tests.browser.conftest import ADMIN, Opens
from tests.browser.person import Account, Person
from tests.browser.test_accessibility import PHONE, finds_nothing, fits

ADA = Account(ADMIN["user_id"], ADMIN["password"], "Ada Marsh")
PAGES = ["/admin", "/admin/users", "/admin/users/new", "/admin/policies", "/admin/events"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_administration_and_all_of_it_fits(
    someone: Opens, scheme: str
) -> None:
    person = someone(color_scheme=scheme, viewport=PHONE, locale="de")
    person.signs_in(ADA)
    for path in PAGES:
        person.goes_to(path)
        finds_nothing(person)
        fits(person)


def test_an_admin_adds_somebody_who_then_chooses_a_password(someone: Opens) -> None:
    admin, person = someone(java_script_enabled=False), someone()
    admin.signs_in(ADA)
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
    admin.reads("Wren Aldous")
    person.signs_in(Account("wren@halden.example", "seven green umbrellas in rain", "Wren Aldous"))
    person.sees_heading("Choose your own password")


def test_a_policy_is_saved_or_refused_as_a_whole(someone: Opens) -> None:
    admin = someone(java_script_enabled=False)
    admin.signs_in(ADA)
    admin.goes_to("/admin/policies")
    idle, lifetime = admin.page.locator("#idle_minutes"), admin.page.locator("#lifetime_hours")
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
    expect(admin.page.locator("#trust_days")).to_have_attribute("aria-invalid", "true")
    expect(admin.page.get_by_label("Passkey")).not_to_be_checked()
    admin.goes_to("/admin/policies")
    expect(admin.page.get_by_label("Passkey")).to_be_checked()


def test_what_another_admin_changed_in_between_is_not_overwritten(
    someone: Opens, admin: APIRequestContext
) -> None:
    policy, person = "/api/v1/admin/policy/sessions", someone()
    person.signs_in(ADA)
    person.goes_to("/admin/policies")
    before = admin.get(policy).json()
    assert admin.put(policy, data={**before, "idle_minutes": 47}).status == 200
    idle = person.page.locator("#idle_minutes")
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
