"""Security questions in the browser: chosen, refused in their rows, replaced and removed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import APIRequestContext, expect

from tests.browser.conftest import Opens
from tests.browser.person import Account
from tests.browser.test_accessibility import PHONE, finds_nothing, fits

POLICY = "/api/v1/admin/policy/methods"


@pytest.fixture
def allowed(admin: APIRequestContext) -> Iterator[None]:
    before = admin.get(POLICY).json()
    with_them = {**before, "allowed": [*before["allowed"], "security-questions"]}
    assert admin.put(POLICY, data=with_them).status == 200
    yield
    assert admin.put(POLICY, data=before).status == 200


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_questions_are_chosen_replaced_and_removed(
    someone: Opens, account: Account, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts, viewport=PHONE, color_scheme="dark")
    page = person.page
    person.signs_in(account)
    person.goes_to("/security")
    page.get_by_role("link", name="Choose questions").click()
    person.is_at("/security/questions")
    save = page.get_by_role("button", name="Save questions")
    page.locator("#question-1").select_option("first-dish")
    page.locator("#answer-1").fill("Lentils")
    page.locator("#question-2").select_option(label="A question of my own")
    page.locator("#own-2").fill("What hung on the kitchen wall?")
    page.locator("#answer-2").fill("kitchen")
    page.locator("#question-5").select_option("first-boss")
    page.locator("#answer-5").fill("lentils")
    save.click()
    for field in ("answer-2", "answer-5"):
        expect(page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#own-2")).to_have_value("What hung on the kitchen wall?")
    if scripts:
        finds_nothing(person)
        fits(person)
    page.locator("#answer-2").fill("a barometer")
    page.locator("#answer-5").fill("Okafor")
    save.click()
    person.is_at("/security?done=questions")
    person.reads("Your security questions were saved.")
    assert "barometer" not in page.content()
    page.get_by_role("link", name="Choose other questions").click()
    expect(page.locator("#answer-1")).to_have_value("")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Remove questions").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_role("link", name="Choose questions")).to_be_visible()
