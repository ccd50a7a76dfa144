"""What open pages say of a change that was made elsewhere, on a phone and without a reload."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opens
from tests.browser.person import Account, Person
from tests.browser.test_accessibility import PHONE, finds_nothing, fits
from tests.browser.test_sent_codes import mailed, types
from tests.browser.test_tabs import opens_tab
from tests.stack import Stack

CHANGED = "Your security information was changed"


def is_told(page: Page) -> None:
    """Expect the notice, where a screen reader announces it, with what to do."""
    status = page.get_by_role("status").filter(has_text=CHANGED)
    expect(status).to_be_visible()
    expect(status.locator("time")).not_to_be_empty()
    expect(status.get_by_role("link", name="change your password")).to_have_attribute(
        "href", "/password"
    )


def hears(tab: Page, revision: int) -> None:
    """Let a tab hear of a change, and pass it on to the others as it does."""
    tab.evaluate(
        """revision => new BroadcastChannel(`credential-change-${document.body.dataset.sid}`)
            .postMessage({ at: "2026-03-01T12:00:00Z", cause: "method-added", revision })""",
        revision,
    )


def adds_address(person: Person, stack: Stack, address: str) -> None:
    person.goes_to("/security")
    person.page.locator("#address").fill(address)
    person.page.get_by_role("button", name="Send a code").click()
    person.reads("We sent a mail with a code")
    types(person, mailed(stack, address))
    person.reads("The address is added")


def test_other_pages_of_a_person_tell_of_a_change_and_the_one_that_made_it_does_not(
    someone: Opens, account: Account, stack: Stack
) -> None:
    person, elsewhere = someone(viewport=PHONE), someone(viewport=PHONE, color_scheme="dark")
    person.signs_in(account)
    elsewhere.signs_in(account)
    elsewhere.is_at("/")
    tab = opens_tab(person, "/sessions")
    adds_address(person, stack, "two-tabs@mail.example")
    for page in (tab, elsewhere.page):
        is_told(page)
    person.reads("Last change to your security information")
    person.reads("Added: E-mail t…@mail.example")
    expect(person.page.get_by_text(CHANGED)).to_have_count(0)
    revision = int(str(person.page.locator("body").get_attribute("data-revision")))
    person.goes_to("/sessions")
    # What comes twice or late is no news to the tab that made the change, on no page of it.
    hears(tab, revision)
    hears(tab, revision - 1)
    person.page.wait_for_timeout(500)
    expect(person.page.get_by_text(CHANGED)).to_have_count(0)
    hears(tab, revision + 1)
    is_told(person.page)
    finds_nothing(elsewhere)
    fits(elsewhere)
    elsewhere.page.get_by_role("button", name="Close this notice").click()
    expect(elsewhere.page.get_by_text(CHANGED)).to_have_count(0)
    assert elsewhere.page.evaluate("document.activeElement.id") == "content"
    tab.reload()
    tab.wait_for_timeout(500)
    expect(tab.get_by_text(CHANGED)).to_have_count(0)
