"""What the pages must never do, as a browser and its headers show."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Enrolls, Opens
from tests.browser.person import Account, Person
from tests.browser.test_accessibility import INSIDE

PERSONAL = ["/", "/photo", "/sessions", "/password", "/sign-out-everywhere", "/receipts"]


def test_cookies_are_out_of_reach_for_scripts_and_other_sites(
    person: Person, account: Account
) -> None:
    person.goes_to("/sign-in")
    person.signs_in(account)
    person.is_at("/")
    for name in ("__Host-session", "__Host-device"):
        cookie = person.cookie(name)
        assert cookie is not None
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
        assert cookie["path"] == "/"
        assert cookie["expires"] > 0
    assert person.page.evaluate("document.cookie") == ""


def test_each_session_has_a_cookie_of_its_own_and_the_device_stays_known(
    person: Person, account: Account
) -> None:
    person.signs_in(account)
    person.is_at("/")
    first, device = person.cookie("__Host-session"), person.cookie("__Host-device")
    person.page.get_by_role("button", name="Sign out").click()
    person.sees_heading("You are signed out")
    assert person.cookie("__Host-session") is None
    person.page.get_by_role("link", name="Sign in again").click()
    person.signs_in(account)
    person.sees_heading(account.name)
    second, again = person.cookie("__Host-session"), person.cookie("__Host-device")
    assert first
    assert second
    assert first["value"] != second["value"]
    assert device
    assert again
    assert device["value"] == again["value"]


@pytest.mark.asvs("7.2.4")
def test_a_session_cookie_that_somebody_else_chose_is_replaced(
    person: Person, account: Account
) -> None:
    planted = {"Cookie": f"__Host-session=chosen.by.{'x' * 40}; __Host-csrf={'c' * 43}"}
    asked = person.context.request.get(f"{person.url}/sign-in", headers=planted)
    found = re.search(r'name="csrf" value="(\w+)"', asked.text())
    assert found
    answer = person.context.request.post(
        f"{person.url}/sign-in",
        form={"user_id": account.user_id, "password": account.password, "csrf": found[1]},
        headers=planted,
        max_redirects=0,
    )
    assert answer.status == 303
    assert re.search(r"__Host-session=(?!chosen)[\w.-]{60,};", answer.headers["set-cookie"])


def test_nothing_personal_is_kept_by_anybody_on_the_way(person: Person, account: Account) -> None:
    person.signs_in(account)
    person.is_at("/")
    for path in PERSONAL:
        answer = person.context.request.get(person.url + path)
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store", path


def test_the_way_back_shows_nothing_after_signing_out(person: Person, account: Account) -> None:
    person.signs_in(account)
    person.goes_to("/sessions")
    person.goes_to("/")
    person.page.get_by_role("button", name="Sign out").click()
    person.sees_heading("You are signed out")
    person.page.go_back()
    person.page.wait_for_url(re.compile("/sign-in"))
    assert account.name not in person.page.content()


def test_files_are_kept_for_good_under_addresses_that_change_with_them(person: Person) -> None:
    person.goes_to("/sign-in")
    style = person.page.locator("link[rel=stylesheet]").get_attribute("href") or ""
    answer = person.context.request.get(person.url + style)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    older = re.sub(r"/static/\w+/", "/static/0000000000000000/", style)
    stale = person.context.request.get(person.url + older)
    assert stale.headers["cache-control"] == "no-cache"
    assert person.context.request.get(f"{person.url}/static/x/none.css").status == 404
    assert person.context.request.get(f"{person.url}/static/x/..%2fpages.py").status == 404


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/%0d%0aX:1",
        "/.//evil.example",
        "/sign-out",
        "/api/v1/me",
        "/signed-out",
    ],
)
def test_no_link_to_the_sign_in_page_leads_elsewhere(
    person: Person, account: Account, elsewhere: str
) -> None:
    person.page.goto(f"{person.url}/sign-in?next={elsewhere}")
    person.signs_in(account)
    person.page.wait_for_url(lambda url: "/sign-in" not in url)
    person.is_at("/")
    person.page.goto(f"{person.url}/language/en?next={elsewhere}")
    assert person.page.url.startswith(person.url + "/")


@pytest.mark.parametrize(
    "path", ["/sign-out", "/sign-out-everywhere", "/password", "/sessions/end"]
)
def test_a_form_of_another_site_does_nothing(person: Person, account: Account, path: str) -> None:
    person.signs_in(account)
    person.is_at("/")
    forms: list[dict[str, str | float | bool]] = [{}, {"csrf": "0" * 64}]
    for form in forms:
        answer = person.context.request.post(
            person.url + path, form={"answer": "yes", **form}, headers={"Accept": "text/html"}
        )
        assert answer.status == 403
        assert "This page was out of date" in answer.text()
    person.page.reload()
    person.sees_heading(account.name)


@pytest.mark.asvs("7.6.2")
def test_nobody_is_signed_in_by_a_form_of_another_site(person: Person, account: Account) -> None:
    answer = person.context.request.post(
        f"{person.url}/sign-in",
        form={"user_id": account.user_id, "password": account.password, "csrf": "0" * 64},
        headers={"Accept": "text/html"},
    )
    assert answer.status == 403
    assert person.cookie("__Host-session") is None
    person.page.set_content(answer.text())
    expect(person.page.locator("#refused")).to_contain_text("Please try once more.")


def test_another_language_shows_the_same_page_again(person: Person, account: Account) -> None:
    person.goes_to("/sign-in?next=/sessions&why=expired")
    person.page.get_by_role("link", name="Deutsch").click()
    person.reads("Sie wurden abgemeldet")
    person.page.locator("#user_id").fill(account.user_id)
    person.page.locator("#password").fill("wrong")
    person.page.locator("main form button.wide").click()
    expect(person.page.locator("#refused")).to_be_visible()
    person.page.get_by_role("link", name="English").click()
    person.is_at("/sign-in?next=/sessions")
    person.signs_in(account)
    person.is_at("/sessions")


def test_another_language_after_a_refused_form_is_no_dead_end(
    person: Person, account: Account
) -> None:
    person.signs_in(account)
    person.is_at("/")
    person.page.evaluate(
        "for (const sent of document.querySelectorAll('[name=csrf]')) sent.value = 'x'"
    )
    person.page.get_by_role("button", name="Sign out").click()
    person.sees_heading("This page was out of date")
    person.page.get_by_role("link", name="Deutsch").click()
    person.sees_heading(account.name)


def test_what_somebody_is_called_is_never_markup(person: Person, enroll: Enrolls) -> None:
    account = enroll(display_name="<script>alert(1)</script> & <b>Bo</b>")
    person.signs_in(account)
    person.sees_heading("<script>alert(1)</script> & <b>Bo</b>")


def test_a_stranger_cannot_read_a_receipt(someone: Opens, account: Account) -> None:
    owner, stranger = someone(), someone()
    owner.signs_in(account)
    owner.goes_to("/sign-out-everywhere")
    owner.page.get_by_role("button", name="Yes").click()
    owner.sees_heading("Signed out everywhere")
    path = owner.page.url.removeprefix(owner.url)
    stranger.goes_to(path)
    stranger.is_at(f"/sign-in?next={path}")
    cookie = owner.cookie("__Host-receipt")
    assert cookie is not None
    assert cookie["httpOnly"] is True
    assert cookie["value"].split(".")[1] not in owner.page.content()


def test_problems_say_what_to_do_next_and_their_number(person: Person) -> None:
    person.goes_to("/nowhere")
    person.sees_heading("There is nothing here")
    number = person.page.locator("main code").inner_text()
    answer = person.context.request.get(f"{person.url}/nowhere", headers={"Accept": "text/html"})
    assert answer.status == 404
    assert number
    assert answer.headers["x-request-id"] in answer.text()
    posted = person.context.request.post(f"{person.url}/receipts", headers={"Accept": "text/html"})
    assert posted.status == 405
    assert "This address takes no such request" in posted.text()


@pytest.mark.asvs("6.2.6", "6.2.7")
def test_a_password_is_hidden_and_may_be_pasted(person: Person) -> None:
    person.goes_to("/sign-in")
    password = person.page.locator("#password")
    expect(password).to_have_attribute("type", "password")
    expect(password).to_have_attribute("autocomplete", "current-password")
    person.page.locator("#user_id").fill("violet otter counts nine lamps")
    person.page.locator("#user_id").press("Control+a")
    person.page.locator("#user_id").press("Control+c")
    password.press("Control+v")
    expect(password).to_have_value("violet otter counts nine lamps")


@pytest.mark.asvs("7.4.4")
def test_every_page_has_a_way_to_sign_out(person: Person, account: Account) -> None:
    person.signs_in(account)
    person.is_at("/")
    for path in (*INSIDE, "/security"):
        person.goes_to(path)
        expect(person.page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
