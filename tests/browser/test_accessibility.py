"""Every page, by the rules of axe, at the widths and in the colours that people use."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Enrolls, Opens
from tests.browser.person import Account, Person

INSIDE = [
    "/",
    "/sessions",
    "/activity",
    "/personal-data",
    "/devices",
    "/password",
    "/sign-out-everywhere",
    "/receipts",
    "/terms",
    "/nowhere",
]
OUTSIDE = ["/sign-in", "/sign-in?why=password-changed", "/signed-out", "/problems/not-found"]
PHONE = {"width": 320, "height": 640}
SCHEMES = ["light", "dark"]
# A word that has no place to break at but is on more than one line.
BROKEN_WORDS = r"""(within) => {
    const broken = [];
    const root = document.querySelector(within ?? "main");
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const { currentNode: text } = walker;
        if (!text.parentElement.checkVisibility()) continue;
        for (const word of text.data.matchAll(/[^\s\u00ad-]+[\u00ad-]?/g)) {
            const range = document.createRange();
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
            // The hyphen that is drawn for a soft one is counted to the word after it.
            const most = text.data[word.index - 1] === "\u00ad" ? 2 : 1;
            if (lines.size > most) broken.push(word[0]);
        }
    }
    return broken;
}"""
# Lists and frames that begin right below a line of text, and lists of nothing.
CROWDED = """() => [...document.querySelectorAll(
    "main :is(h2, p) + :is(.actions, .card, .file, .people, .record, .sessions)")]
    .filter((each) => each.checkVisibility())
    .filter((each) => each.getBoundingClientRect().top
        - each.previousElementSibling.getBoundingClientRect().bottom < 8)
    .map((each) => each.previousElementSibling.outerHTML)"""
EMPTY_LISTS = """() => [...document.querySelectorAll("main :is(ul, ol, dl)")]
    .filter((each) => each.checkVisibility() && !each.children.length)
    .map((each) => each.parentElement.outerHTML)"""
SPACE_BEFORE_A_SIGN = re.compile(r"\w [.,;:](?:\s|$)")


def finds_nothing(person: Person) -> None:
    found = Axe().run(person.page, options={"resultTypes": ["violations"]})
    assert not found.violations_count, f"{person.page.url}\n{found.generate_report()}"
    assert person.page.locator("h1").count() == 1
    assert person.page.evaluate(CROWDED) == [], person.page.url
    assert person.page.evaluate(EMPTY_LISTS) == [], person.page.url
    said = person.page.locator("main").inner_text()
    assert SPACE_BEFORE_A_SIGN.findall(said) == [], person.page.url


def fits(person: Person) -> None:
    """Expect nothing to reach beyond the sides of the window, or of the column."""
    width = person.page.evaluate("document.documentElement.scrollWidth")
    assert width <= person.page.evaluate("innerWidth"), person.page.url
    reach, column = person.page.locator("main").evaluate(
        "each => [each.scrollWidth, each.clientWidth]"
    )
    assert reach <= column, person.page.url


def every_page(person: Person, account: Account) -> Iterator[None]:
    """Go through every page there is, stopping at each."""
    for path in OUTSIDE:
        person.goes_to(path)
        yield
    person.goes_to("/sign-in")
    person.page.locator("main form button.wide").click()
    person.page.locator("#refused").wait_for()
    yield
    person.signs_in(account)
    for path in INSIDE:
        person.goes_to(path)
        yield
    person.goes_to("/")
    person.page.get_by_role("link", name="Sign out everywhere").click()
    yield
    person.goes_to("/password")
    person.page.locator("#new_password").fill("halden")
    person.page.locator("#strength").wait_for()
    yield
    person.page.get_by_role("button", name="Change password").click()
    person.page.locator("#refused").wait_for()
    yield
    person.goes_to("/sign-out-everywhere")
    person.page.get_by_role("button", name="Yes").click()
    person.page.locator("#receipt").wait_for()
    yield
    person.page.get_by_role("link", name="Sign in again").click()
    person.signs_in(account)
    person.goes_to("/receipts")
    yield
    person.page.locator(".actions a").first.click()
    person.page.locator("#receipt").wait_for()
    yield


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_any_page(someone: Opens, account: Account, scheme: str) -> None:
    person = someone(color_scheme=scheme)
    for _ in every_page(person, account):
        finds_nothing(person)
        fits(person)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_in_the_notice_that_one_was_signed_out(
    someone: Opens, account: Account, scheme: str
) -> None:
    here, there = someone(color_scheme=scheme), someone()
    here.signs_in(account)
    here.is_at("/")
    there.signs_in(account)
    there.goes_to("/sign-out-everywhere")
    there.page.get_by_role("button", name="Yes").click()
    here.page.get_by_role("alertdialog").wait_for()
    found = Axe().run(here.page, options={"rules": {"page-has-heading-one": {"enabled": False}}})
    assert not found.violations_count, found.generate_report()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_where_a_first_password_is_chosen(
    someone: Opens, enroll: Enrolls, scheme: str
) -> None:
    person = someone(color_scheme=scheme)
    person.signs_in(enroll(temporary=True))
    person.page.locator("#new_password").fill("okafor")
    person.page.locator("#strength").wait_for()
    finds_nothing(person)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_in_the_reference_of_the_api(someone: Opens, scheme: str) -> None:
    person = someone(color_scheme=scheme)
    person.goes_to("/api/v1/docs")
    finds_nothing(person)


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_every_page_fits_a_small_telephone(someone: Opens, account: Account, locale: str) -> None:
    person = someone(viewport=PHONE, locale=locale)
    pages = [*OUTSIDE, "/api/v1/docs"]
    for path in pages:
        person.goes_to(path)
        fits(person)
    person.signs_in(account)
    for path in INSIDE:
        person.goes_to(path)
        fits(person)
        assert person.page.evaluate(BROKEN_WORDS, "h1") == []


def test_a_button_keeps_its_shape_when_it_has_the_focus(someone: Opens) -> None:
    person = someone()
    person.goes_to("/sign-in")
    button = person.page.locator("main form button.wide")
    before = button.evaluate("each => getComputedStyle(each).borderRadius")
    person.presses_tab_until("main form button.wide")
    expect(button).to_have_css("border-radius", before)


def test_what_can_be_touched_is_large_enough(someone: Opens, account: Account) -> None:
    person = someone(viewport={"width": 360, "height": 780}, has_touch=True)
    person.signs_in(account)
    for path in INSIDE:
        person.goes_to(path)
        small = person.page.evaluate(
            """[...document.querySelectorAll("a, button, input:not([type=hidden])")]
                .filter((each) => each.checkVisibility({visibilityProperty: true}))
                .filter((each) => !each.matches(".skip"))
                .map((each) => [each, each.getBoundingClientRect()])
                .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
                .map(([each]) => each.outerHTML)"""
        )
        assert small == [], path


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_a_long_name_and_user_id_can_be_read_whole_on_a_narrow_screen(
    someone: Opens, enroll: Enrolls, locale: str
) -> None:
    long = "maximiliane.oberhollenzer-schaffgotsch.of.the.northern.harbours"
    user_id = f"{long}.{locale.lower()}@halden.example"
    account = enroll(
        user_id=user_id,
        emails=[user_id],
        display_name="Maximiliane Oberhollenzer-Schaffgotsch",
        job_title="Donaudampfschifffahrtskapitänin",
        department="Verkehrsinfrastrukturfinanzierung",
    )
    account = Account(user_id, account.password, account.name)
    person = someone(viewport={"width": 360, "height": 780}, locale=locale)
    person.signs_in(account)
    person.page.locator("#name").wait_for()
    assert person.page.evaluate(BROKEN_WORDS) == []
    person.goes_to("/password")
    shown = person.page.locator("main").get_by_text(user_id)
    expect(shown).to_be_visible()
    assert shown.evaluate("each => each.scrollWidth <= each.clientWidth")
    assert person.page.evaluate(BROKEN_WORDS) == []
    # Password managers still learn whose password it is.
    expect(person.page.locator("input[autocomplete=username]")).to_have_value(user_id)
