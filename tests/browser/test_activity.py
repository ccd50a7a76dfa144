"""Recent sign-ins in the browser: read, searched, and the account secured against one of them."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect
from pymongo import MongoClient

from tests.browser.conftest import Opens
from tests.browser.person import Account
from tests.browser.test_accessibility import PHONE, finds_nothing, fits
from tests.stack import Stack


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_sign_in_that_was_not_me_is_found_and_the_account_secured(
    someone: Opens, account: Account, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts, viewport=PHONE, color_scheme="dark")
    person.signs_in(account, "not the password")
    person.reads("wrong")
    person.signs_in(account)
    person.page.get_by_role("link", name="All sign-ins").click()
    person.sees_heading("Recent sign-ins")
    rows = person.page.get_by_role("row")
    expect(rows).to_have_count(3)
    expect(person.page.locator(".extent time")).to_have_count(2)
    wrong = rows.filter(has_text="Wrong password")
    expect(wrong).to_contain_text("On a device or browser that was not known")
    if scripts:
        person.page.locator("summary").click()
        finds_nothing(person)
        fits(person)
    rows.filter(has_text="Signed in").get_by_role("button", name="This was me").click()
    person.reads("It is noted that this was you")
    person.page.locator("#search").fill("wrong pass")
    if not scripts:
        person.page.get_by_role("button", name="Show", exact=True).click()
    expect(rows).to_have_count(2)
    expect(person.page).to_have_url(
        f"{person.url}/activity?search=wrong+pass" + ("" if scripts else "&outcome=")
    )
    wrong.get_by_role("link", name="This wasn't me").click()
    person.sees_heading("This wasn't you?")
    if scripts:
        finds_nothing(person)
        fits(person)
    person.page.get_by_role("button", name="Yes, secure my account").click()
    person.page.locator("#receipt").wait_for()
    person.reads("A sign-in that wasn't you")
    person.goes_to("/sign-in")
    person.signs_in(account)
    person.sees_heading("Choose your own password")


def test_a_sign_in_from_where_nobody_gets_in_time_says_so(
    someone: Opens, account: Account, stack: Stack
) -> None:
    person = someone(locale="de-DE", viewport=PHONE)
    person.signs_in(account)
    person.page.wait_for_url(f"{person.url}/")
    with MongoClient[dict[str, Any]](stack.mongo_url) as client:
        rows = client["sessions"]["activity"]
        here = rows.find_one({"outcome": "signed-in"}, sort=[("at", -1)])
        assert here is not None
        names = {"de": "Tokio, Japan", "en": "Tokyo, Japan"}
        far = {"country": "JP", "names": names, "cell": "JP 35 139", "position": [35.7, 139.7, 0]}
        later = {"at": here["at"] + timedelta(minutes=1), "compare_at": here["at"], "place": far}
        rows.insert_one({**here, **later, "_id": f"far from {here['_id']}"})
    row = person.page.get_by_role("row").filter(has_text="Tokio, Japan")
    said = row.filter(has_text="So weit von Ihrem letzten Ort")
    # A worker compares the places a moment later.
    for _ in range(20):
        person.goes_to("/activity")
        if said.count():
            break
        person.page.wait_for_timeout(250)
    expect(said).to_contain_text("Von einem Ort, an dem Sie sich in letzter Zeit nicht")
    expect(person.page.get_by_role("row").filter(has_text="Berlin, Deutschland")).to_have_count(1)
    finds_nothing(person)
    fits(person)
    # As a table, where there is room for one.
    person.page.set_viewport_size({"width": 1280, "height": 800})
    fits(person)
    person.goes_to("/devices")
    expect(person.page.get_by_text("Berlin, Deutschland")).to_be_visible()
