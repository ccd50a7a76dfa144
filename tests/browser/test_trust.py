"""A trusted device in the browser: offered, kept, forgotten, with and without scripts."""

from collections.abc import Callable, Iterator

import pyotp
import pytest
from playwright.sync_api import APIRequestContext, expect

from tests.browser.conftest import Enrolls, Opens
from tests.browser.person import Account, Person
from tests.browser.test_accessibility import finds_nothing, fits
from tests.browser.test_second_factors import adds_authenticator, answers

METHODS = "/api/v1/admin/policy/methods"
OFFER = "Don't ask again on this device for 30 days"
Allows = Callable[[int], None]


@pytest.fixture
def allows(admin: APIRequestContext) -> Iterator[Allows]:
    """Give a way to say for how long devices may be trusted; after the test it is as before."""
    before = admin.get(METHODS).json()

    def put(days: int) -> None:
        answered = admin.put(METHODS, data={**before, "trust_days": days})
        assert answered.status == 200, answered.text()

    yield put
    put(before["trust_days"])


def signs_out(person: Person) -> None:
    person.page.get_by_role("button", name="Sign out", exact=True).first.click()
    person.is_at("/signed-out")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_trusted_browser_is_asked_again_when_it_is_told_to(
    someone: Opens, account: Account, allows: Allows, *, scripts: bool
) -> None:
    allows(30)
    owner, person = someone(), someone(java_script_enabled=scripts)
    owner.signs_in(account)
    secret = adds_authenticator(owner)
    owner.goes_to("/security")
    expect(owner.page.get_by_role("button", name="Ask again everywhere")).to_have_count(0)

    person.signs_in(account)
    person.sees_heading("One more step")
    person.page.get_by_label(OFFER).check()
    answers(person, "12345")
    # What was ticked is ticked still when a code was mistyped.
    person.reads("That code is not right")
    expect(person.page.get_by_label(OFFER)).to_be_checked()
    answers(person, pyotp.TOTP(secret).now())
    person.is_at("/")
    signs_out(person)
    person.signs_in(account)
    person.is_at("/")
    person.goes_to("/security")
    person.sees_heading("Is it you?")

    owner.goes_to("/security")
    owner.page.get_by_role("button", name="Ask again everywhere").click()
    owner.is_at("/security?done=trust-forgotten")
    owner.reads("Every device asks for the second step again")
    expect(owner.page.get_by_role("button", name="Ask again everywhere")).to_have_count(0)
    person.goes_to("/")
    signs_out(person)
    person.signs_in(account)
    person.sees_heading("One more step")
    expect(person.page.get_by_label(OFFER)).not_to_be_checked()


def test_it_is_offered_only_where_policy_allows_it_and_not_for_a_recovery_code(
    someone: Opens, account: Account, allows: Allows
) -> None:
    allows(0)
    owner, person = someone(), someone()
    owner.signs_in(account)
    adds_authenticator(owner)
    owner.page.get_by_role("button", name="Make recovery codes").click()
    owner.sees_heading("Your recovery codes")
    person.signs_in(account)
    person.sees_heading("One more step")
    expect(person.page.locator("input[type=checkbox]")).to_have_count(0)
    allows(1)
    person.goes_to("/sign-in")
    person.signs_in(account)
    person.page.get_by_label("Don't ask again on this device for 1 day", exact=True).check()
    person.page.get_by_role("button", name="Recovery codes").click()
    person.reads("Now one of your recovery codes")
    expect(person.page.locator("input[type=checkbox]")).to_have_count(0)


def test_trust_is_not_somebody_elses_in_the_same_browser(
    someone: Opens, enroll: Enrolls, allows: Allows
) -> None:
    allows(30)
    kim, lou, elsewhere, person = enroll(), enroll(), someone(), someone()
    elsewhere.signs_in(kim)
    secret = adds_authenticator(elsewhere)
    other = someone()
    other.signs_in(lou)
    adds_authenticator(other)
    person.signs_in(kim)
    person.page.get_by_label(OFFER).check()
    answers(person, pyotp.TOTP(secret).now())
    person.is_at("/")
    signs_out(person)
    person.signs_in(lou)
    person.sees_heading("One more step")


@pytest.mark.parametrize(
    ("scheme", "locale", "offer"),
    [
        ("light", "en-GB", OFFER),
        ("dark", "de-DE", "Auf diesem Gerät 30 Tage lang nicht mehr fragen"),
    ],
    ids=["light", "dark, in German"],
)
def test_the_pages_are_accessible_on_a_narrow_screen(
    someone: Opens, account: Account, allows: Allows, scheme: str, locale: str, offer: str
) -> None:
    allows(30)
    owner = someone()
    owner.signs_in(account)
    secret = adds_authenticator(owner)
    person = someone(color_scheme=scheme, locale=locale, viewport={"width": 320, "height": 800})
    person.signs_in(account)
    person.page.get_by_label(offer).check()
    finds_nothing(person)
    fits(person)
    person.page.locator("#code").fill(pyotp.TOTP(secret).now())
    person.page.locator("main form button.wide").first.click()
    person.is_at("/")
    person.goes_to("/security")
    expect(person.page.locator("#trust")).to_be_visible()
    finds_nothing(person)
    fits(person)
