"""Terms of use in the browser: accepted on the way in, and written and published by an admin."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import APIRequestContext, expect

from tests.browser.conftest import Opens
from tests.browser.person import Account, Person
from tests.browser.test_accessibility import finds_nothing, fits
from tests.browser.test_administration import is_admin
from tests.e2e.portal import People
from tests.pdf import pdf

NARROW = {"width": 320, "height": 800}
TEXT = "# Be kind\n\n- to [everybody](https://example.org)\n- <script>alert(1)</script>\n"
CONTENT: dict[str, Any] = {
    "required": True,
    "re_accept": "next-sign-in",
    "texts": [
        {"language": "en", "title": "House rules", "text": TEXT},
        {"language": "de", "title": "Hausordnung", "text": "## Freundlich sein"},
    ],
}
TERMS = "/api/v1/admin/terms"


@pytest.fixture
def afterwards(admin: APIRequestContext) -> Iterator[Callable[[], None]]:
    """Have nobody have to accept anything when the test is over."""

    def nothing_is_required() -> None:
        for each in admin.get(TERMS).json()["items"]:
            if each["required"] and each["current"]:
                path, body = f"{TERMS}/{each['id']}", {**CONTENT, "required": False}
                assert admin.put(path, data=body).status == 200
                assert admin.post(f"{path}/publish", data={}).status == 200

    yield nothing_is_required
    nothing_is_required()


def with_file(admin: APIRequestContext, file: dict[str, str]) -> str:
    document = str(admin.post(TERMS, data={**CONTENT, "texts": []}).json()["id"])
    assert admin.put(f"{TERMS}/{document}/texts/en/pdf", data=file).status == 200
    return document


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.usefixtures("afterwards")
def test_what_is_required_is_accepted_on_the_way_in(
    someone: Opens, account: Account, admin: APIRequestContext, *, scripts: bool
) -> None:
    document = admin.post(TERMS, data=CONTENT).json()["id"]
    file = {"title": "Guest rules", "content": base64.b64encode(pdf()).decode()}
    for path in (f"{TERMS}/{document}", f"{TERMS}/{with_file(admin, file)}"):
        assert admin.post(f"{path}/publish", data={}).status == 200
    person = someone(java_script_enabled=scripts, viewport=NARROW, color_scheme="dark")
    page = person.page
    person.goes_to("/sign-in?next=/sessions")
    person.signs_in(account)
    person.sees_heading("Before you go in")
    expect(page.get_by_role("heading", name="Be kind")).to_be_visible()
    person.reads("<script>alert(1)</script>")
    expect(page.get_by_role("link", name="everybody")).to_have_attribute(
        "rel", "noopener noreferrer"
    )
    page.get_by_role("button", name="Accept and go on").click()
    person.reads("Tick the box once you have read it, or decline")
    if scripts:
        finds_nothing(person)
    fits(person)
    page.get_by_role("button", name="Decline").click()
    person.sees_heading("Decline the terms?")
    page.get_by_role("button", name="Yes, decline").click()
    person.sees_heading("You have declined")
    if scripts:
        finds_nothing(person)
    fits(person)

    person.goes_to("/sign-in?next=/sessions")
    person.signs_in(account)
    page.get_by_label("I have read “House rules” and accept it").check()
    expect(page.locator("object[title='Guest rules']")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download it").click()
    assert Path(download.value.path()).read_bytes() == pdf()
    page.get_by_label("I have read “Guest rules” and accept it").check()
    page.get_by_role("button", name="Accept and go on").click()
    person.is_at("/sessions")
    person.goes_to("/terms")
    person.reads("There is nothing that you have to accept.")
    person.reads("Declined on")
    if scripts:
        finds_nothing(person)
    fits(person)
    page.get_by_role("link", name="House rules").last.click()
    person.sees_heading("House rules")
    if scripts:
        finds_nothing(person)
    fits(person)


def writes(admin: Person, language: str, title: str, text: str) -> None:
    admin.page.locator("#language").fill(language)
    admin.page.locator("#title").fill(title)
    admin.page.locator("#text").fill(text)


def brings_a_file(admin: Person) -> None:
    page = admin.page
    page.get_by_role("link", name="Add a language").click()
    page.locator("#language").fill("fr")
    page.locator("#title").fill("Règles du quai")
    page.get_by_label("Or a PDF").set_input_files(
        {"name": "quai.pdf", "mimeType": "application/pdf", "buffer": pdf()}
    )
    page.get_by_role("button", name="Save the draft").click()
    admin.reads("Règles du quai")
    page.get_by_role("link", name="French").click()
    expect(page.locator("object[title='Règles du quai']")).to_have_count(1)
    finds_nothing(admin)
    fits(admin)
    page.get_by_role("link", name="Cancel").click()


def test_a_document_that_is_only_to_come_has_nothing_to_do(
    someone: Opens, admin: APIRequestContext, people: People
) -> None:
    document = admin.post(TERMS, data={**CONTENT, "required": False}).json()["id"]
    later = {"effective_at": "2101-01-31T18:00:00Z"}
    assert admin.post(f"{TERMS}/{document}/publish", data=later).status == 200
    person = is_admin(someone(), people)
    person.goes_to(f"/admin/terms/{document}")
    person.reads("Published versions")
    expect(person.page.get_by_text("What you can do")).to_have_count(0)
    finds_nothing(person)


@pytest.mark.usefixtures("afterwards")
def test_an_admin_publishes_what_open_sessions_have_to_accept_at_once(
    someone: Opens, account: Account, people: People
) -> None:
    admin, person = someone(viewport=NARROW), someone(locale="de")
    page = admin.page
    person.signs_in(account)
    person.is_at("/")
    is_admin(admin, people)
    admin.goes_to("/admin/terms/new")
    finds_nothing(admin)
    writes(admin, "en", "Rules of the quay", TEXT)
    page.get_by_label("Nobody uses the portal without having accepted it").check()
    page.get_by_label("accepts anew at once").check()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".prose h3")).to_have_text("Be kind")
    finds_nothing(admin)
    fits(admin)
    page.get_by_role("button", name="Save the draft").click()
    admin.reads("The draft is saved.")
    page.get_by_role("link", name="Add a language").click()
    writes(admin, "de", "Kaiordnung", "Freundlich sein.")
    page.get_by_role("button", name="Save the draft").click()
    admin.reads("Kaiordnung")
    finds_nothing(admin)
    fits(admin)
    brings_a_file(admin)
    page.get_by_role("link", name="Publish the draft").click()
    admin.reads("Everybody who is signed in has to accept it before going on, you too.")
    page.get_by_label("In force from").fill("tomorrow")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#effective_at")).to_have_attribute("aria-invalid", "true")
    finds_nothing(admin)
    page.get_by_label("In force from").fill("")
    page.get_by_role("button", name="Publish").click()
    # The admin is the first who has to accept it.
    admin.sees_heading("Terms of use")
    page.get_by_role("link", name="Rules of the quay").click()
    finds_nothing(admin)
    page.get_by_role("button", name="Accept").click()
    admin.sees_heading("Rules of the quay")

    person.goes_to("/sessions")
    person.sees_heading("Nutzungsbedingungen")
    person.page.get_by_role("link", name="Kaiordnung").click()
    person.reads("Freundlich sein.")
    person.page.get_by_role("button", name="Annehmen").click()
    person.is_at("/sessions")

    page.get_by_role("link", name="Who has accepted").click()
    admin.reads(account.name)
    finds_nothing(admin)
    fits(admin)
    page.get_by_role("link", name="Not decided").click()
    expect(page.get_by_role("link", name="Not decided")).to_have_attribute("aria-current", "true")
