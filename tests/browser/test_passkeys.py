"""Passkeys in the browser, with Chromium's own virtual authenticator."""

import re
from dataclasses import dataclass
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import CDPSession, expect

from tests.browser.conftest import Opens
from tests.browser.person import Account, Person


@dataclass
class Authenticator:
    """What keeps the passkeys of one browser page. It can be told not to be unlocked."""

    cdp: CDPSession
    id: str

    @classmethod
    def of(cls, person: Person) -> "Authenticator":
        cdp = person.context.new_cdp_session(person.page)
        cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return cls(cdp, made["authenticatorId"])

    def unlocks(self, *, unlocks: bool) -> None:
        asked = {"authenticatorId": self.id, "isUserVerified": unlocks}
        self.cdp.send("WebAuthn.setUserVerified", asked)

    @property
    def credentials(self) -> list[dict[str, Any]]:
        found = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(found["credentials"])

    def also_on(self, other: "Authenticator") -> None:
        """Let another browser's authenticator have the same passkeys."""
        for each in self.credentials:
            copied = {**each, "signCount": each["signCount"] + 100}
            other.cdp.send(
                "WebAuthn.addCredential", {"authenticatorId": other.id, "credential": copied}
            )


def begins(person: Person, label: str = "Laptop") -> None:
    person.goes_to("/security")
    person.page.locator("#passkey-label").fill(label)
    person.page.get_by_role("button", name="Set up passkey").click()
    person.sees_heading("Set up a passkey")


def adds_passkey(person: Person, label: str = "Laptop") -> None:
    begins(person, label)
    person.page.get_by_role("button", name="Make the passkey").click()
    person.reads("From now on you are asked for it")
    person.reads(label)


def signs_in_alone(person: Person) -> None:
    person.goes_to("/sign-in")
    person.page.get_by_role("button", name="Sign in with a passkey").click()


def uses_passkey(person: Person) -> None:
    person.page.get_by_role("button", name="Use the passkey").click()


def test_a_passkey_is_made_and_asked_for_after_the_password(
    someone: Opens, account: Account
) -> None:
    person, other = someone(), someone()
    keeps, kept = Authenticator.of(person), Authenticator.of(other)
    person.signs_in(account)
    adds_passkey(person)
    person.reads("Passkey or security key, for signing in")
    assert len(keeps.credentials) == 1
    keeps.also_on(kept)
    other.goes_to("/sign-in?next=/sessions")
    other.signs_in(account)
    other.reads("Now your passkey Laptop")
    uses_passkey(other)
    other.is_at("/sessions")


def test_a_passkey_signs_in_alone(someone: Opens, account: Account) -> None:
    person, other = someone(), someone()
    keeps, kept = Authenticator.of(person), Authenticator.of(other)
    person.signs_in(account)
    adds_passkey(person)
    keeps.also_on(kept)
    signs_in_alone(other)
    other.is_at("/")
    other.sees_heading(account.name)
    other.goes_to("/security")
    other.reads("Laptop")


def test_a_passkey_that_nobody_unlocks_says_so_and_can_be_tried_again(
    someone: Opens, account: Account
) -> None:
    person, other = someone(), someone()
    keeps, kept = Authenticator.of(person), Authenticator.of(other)
    person.signs_in(account)
    begins(person)
    keeps.unlocks(unlocks=False)
    person.page.get_by_role("button", name="Make the passkey").click()
    person.reads("Nothing came of it")
    keeps.unlocks(unlocks=True)
    person.page.get_by_role("button", name="Make the passkey").click()
    person.reads("From now on you are asked for it")
    keeps.also_on(kept)
    kept.unlocks(unlocks=False)
    signs_in_alone(other)
    other.reads("Nothing came of it")
    other.signs_in(account)
    uses_passkey(other)
    other.reads("Nothing came of it")
    kept.unlocks(unlocks=True)
    uses_passkey(other)
    other.is_at("/")


def test_a_session_from_before_steps_up_with_a_passkey(someone: Opens, account: Account) -> None:
    before, person = someone(), someone()
    kept, keeps = Authenticator.of(before), Authenticator.of(person)
    before.signs_in(account)
    person.signs_in(account)
    adds_passkey(person)
    keeps.also_on(kept)
    before.goes_to("/security")
    before.sees_heading("Is it you?")
    uses_passkey(before)
    before.is_at("/security")
    before.reads("Laptop")


def test_removing_a_passkey_ends_what_was_signed_in_with_it(
    someone: Opens, account: Account
) -> None:
    person, other = someone(), someone()
    keeps, kept = Authenticator.of(person), Authenticator.of(other)
    person.signs_in(account)
    adds_passkey(person)
    keeps.also_on(kept)
    signs_in_alone(other)
    other.is_at("/")
    person.page.locator("summary").first.click()
    person.page.get_by_role("link", name="Remove").first.click()
    person.sees_heading("Remove Laptop?")
    person.page.get_by_role("button", name="Yes, remove").click()
    expect(person.page).to_have_url(re.compile(r"/sign-in\?"))
    expect(other.page.locator("dialog.ended")).to_be_visible()
    signs_in_alone(other)
    other.reads("Nobody can be signed in with this passkey here")
    other.signs_in(account)
    other.is_at("/")


def test_a_passkey_is_not_made_twice_on_one_device(person: Person, account: Account) -> None:
    keeps = Authenticator.of(person)
    person.signs_in(account)
    adds_passkey(person)
    begins(person, "Laptop again")
    person.page.get_by_role("button", name="Make the passkey").click()
    person.reads("Nothing came of it")
    assert len(keeps.credentials) == 1


def test_a_passkey_needs_a_name(person: Person, account: Account) -> None:
    person.signs_in(account)
    person.goes_to("/security")
    person.page.get_by_role("button", name="Set up passkey").click()
    expect(person.page.locator("#passkey-label")).to_have_attribute("aria-invalid", "true")
    expect(person.page.locator("#label")).not_to_have_attribute("aria-invalid", "true")
    expect(person.page.locator("#refused a")).to_have_text("Name")


def test_without_scripts_it_is_said_what_a_passkey_needs(someone: Opens, account: Account) -> None:
    person, plain = someone(), someone(java_script_enabled=False)
    Authenticator.of(person)
    plain.goes_to("/sign-in")
    expect(plain.page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
    person.signs_in(account)
    adds_passkey(person)
    person.page.get_by_role("button", name="Make recovery codes").click()
    code = person.page.locator(".codes code").first.inner_text()
    plain.signs_in(account)
    plain.reads("This takes a browser that knows passkeys")
    plain.page.get_by_role("button", name="Recovery codes").click()
    plain.page.locator("#code").fill(code)
    plain.page.get_by_role("button", name="Sign in", exact=True).click()
    plain.is_at("/")


def test_a_browser_without_passkeys_offers_none(someone: Opens) -> None:
    person = someone()
    person.context.add_init_script("delete window.PublicKeyCredential")
    person.goes_to("/sign-in")
    expect(person.page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(person.page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)


def test_a_browser_that_cannot_read_the_options_by_itself_is_helped(
    someone: Opens, account: Account
) -> None:
    person, other = someone(), someone()
    keeps, kept = Authenticator.of(person), Authenticator.of(other)
    for each in (person, other):
        each.context.add_init_script(
            "delete PublicKeyCredential.parseCreationOptionsFromJSON;"
            "delete PublicKeyCredential.parseRequestOptionsFromJSON;"
            "delete PublicKeyCredential.prototype.toJSON;"
        )
    person.signs_in(account)
    adds_passkey(person)
    keeps.also_on(kept)
    signs_in_alone(other)
    other.is_at("/")


def test_the_pages_of_passkeys_pass_axe_narrow_and_wide(someone: Opens, account: Account) -> None:
    first, second = (
        someone(color_scheme=scheme, viewport={"width": width, "height": 800}, locale=locale)
        for scheme, width, locale in (("light", 320, "en-GB"), ("dark", 1280, "en-GB"))
    )
    keeps, kept = Authenticator.of(first), Authenticator.of(second)
    first.signs_in(account)
    begins(first)
    good(first)
    keeps.unlocks(unlocks=False)
    first.page.get_by_role("button", name="Make the passkey").click()
    first.reads("Nothing came of it")
    good(first)
    keeps.unlocks(unlocks=True)
    adds_passkey(first)
    good(first)
    first.goes_to("/re-authenticate?next=/security")
    good(first)
    keeps.also_on(kept)
    second.goes_to("/sign-in")
    good(second)
    second.signs_in(account)
    second.reads("Now your passkey Laptop")
    good(second)


def good(person: Person) -> None:
    """Expect axe to find nothing and nothing to reach beyond the sides."""
    found = Axe().run(person.page, options={"resultTypes": ["violations"]})
    assert not found.violations_count, f"{person.page.url}\n{found.generate_report()}"
    width = person.page.evaluate("document.documentElement.scrollWidth")
    assert width <= person.page.evaluate("innerWidth"), person.page.url


def test_a_passkey_is_set_up_again_on_the_same_device(person: Person, account: Account) -> None:
    keeps = Authenticator.of(person)
    person.signs_in(account)
    adds_passkey(person)
    (before,) = keeps.credentials
    card = person.page.locator("li", has_text="Laptop")
    card.locator("summary").click()
    card.get_by_role("button", name="Set up again").click()
    person.page.get_by_role("button", name="Make the passkey").click()
    expect(person.page.locator("li", has_text="Laptop")).to_have_count(1)
    assert before["credentialId"] not in [each["credentialId"] for each in keeps.credentials]
    person.context.clear_cookies()
    signs_in_alone(person)
    person.is_at("/")
