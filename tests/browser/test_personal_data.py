"""All that is stored about oneself, taken along from the browser."""

import json
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.browser.person import Account


def test_everybody_takes_along_what_is_stored_about_them(
    someone: Opens, account: Account, tmp_path: Path
) -> None:
    person = someone(java_script_enabled=False)
    person.signs_in(account)
    person.page.get_by_role("link", name="Your data").first.click()
    person.sees_heading("Your data")
    expect(person.page.get_by_role("listitem").filter(has_text="every attempt")).to_be_visible()
    with person.page.expect_download() as begun:
        person.page.get_by_role("link", name="Download the file").click()
    assert begun.value.suggested_filename == "personal-data.json"
    file = tmp_path / "mine.json"
    begun.value.save_as(file)
    told = json.loads(file.read_text())
    assert told["person"][0]["user_id"] == account.user_id
    assert told["account"][0]["kept_but_not_shown"] == ["verifier"]
    assert [each["outcome"] for each in told["sign-ins"]] == ["signed-in"]
