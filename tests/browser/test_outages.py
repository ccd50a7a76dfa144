"""The pages while a part of the portal is away."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.browser.person import Account, Person
from tests.stack import Stack


@contextmanager
def without(stack: Stack, name: str) -> Iterator[None]:
    """End a service, and bring it back."""
    stack.term(name)
    try:
        yield
    finally:
        stack.start(name)
        stack.wait_ready(name)


@contextmanager
def frozen(stack: Stack, name: str) -> Iterator[None]:
    """Let a server answer nobody for a while."""
    stack.stop(name)
    try:
        yield
    finally:
        stack.cont(name)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_receipt_that_is_not_complete_yet_fills_itself_in(
    stack: Stack, someone: Opens, account: Account, *, scripts: bool
) -> None:
    person = someone(java_script_enabled=scripts)
    person.signs_in(account)
    person.goes_to("/sign-out-everywhere")
    with frozen(stack, "rabbitmq"):
        person.page.get_by_role("button", name="Yes").click()
        person.sees_heading("Signed out everywhere")
        person.reads("Everything older was refused")
        person.reads("Sessions are being closed")
        # The event cannot travel, so the sessions service finds the work by itself.
        person.reads("1 session was closed")
        person.reads("Complete: nothing older is left")


def test_who_cannot_be_named_can_still_sign_out_everywhere(
    stack: Stack, person: Person, account: Account
) -> None:
    person.signs_in(account)
    person.is_at("/")
    with without(stack, "profile"):
        person.goes_to("/")
        person.sees_heading("Part of the portal is not answering")
        expect(person.page.get_by_role("link", name="Try again")).to_have_attribute("href", "/")
        person.goes_to("/sessions")
        person.sees_heading("Where you're signed in")
        person.goes_to("/sign-out-everywhere")
        person.page.get_by_role("button", name="Yes").click()
        person.sees_heading("Signed out everywhere")
    person.goes_to("/sign-in")
    person.signs_in(account)
    person.sees_heading(account.name)


def test_a_sign_in_that_cannot_be_checked_says_so_and_keeps_the_user_id(
    stack: Stack, person: Person, account: Account
) -> None:
    with without(stack, "credentials"):
        person.signs_in(account)
        person.reads("Part of the portal is not answering")
        expect(person.page.locator("#user_id")).to_have_value(account.user_id)
    person.signs_in(account)
    person.sees_heading(account.name)


def test_a_page_stays_live_over_the_gateways_restart(
    stack: Stack, person: Person, account: Account
) -> None:
    person.signs_in(account)
    person.goes_to("/sessions")
    with without(stack, "gateway"):
        pass
    token = person.cookie("__Host-session")
    assert token
    ended = person.context.request.post(
        f"{person.url}/api/v1/sign-out", headers={"Authorization": f"Bearer {token['value']}"}
    )
    assert ended.status == 204
    expect(person.page.get_by_role("alertdialog")).to_be_visible()
