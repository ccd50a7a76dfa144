"""Putting a second factor off, and confirming one, in the browser: with and without scripts."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from playwright.sync_api import APIRequestContext, expect
from pymongo import MongoClient

from tests.browser.conftest import Opens
from tests.browser.person import Account
from tests.browser.test_accessibility import finds_nothing, fits
from tests.browser.test_second_factors import adds_authenticator, answers
from tests.browser.test_trust import METHODS, signs_out
from tests.stack import Stack

Demands = Callable[..., None]
NARROW = {"width": 320, "height": 800}


@pytest.fixture
def demands(admin: APIRequestContext) -> Iterator[Demands]:
    """Give a way to change the policy for methods, which is as it was after the test."""
    before = admin.get(METHODS).json()

    def put(**changed: Any) -> None:
        answered = admin.put(METHODS, data={**before, **changed})
        assert answered.status == 200, answered.text()

    yield put
    put()


def grows_old(stack: Stack, label: str) -> None:
    """Have a method been set up half a year ago."""
    then = datetime.now(UTC) - timedelta(days=181)
    rewrites(stack, label, created_at=then)


def fresh_code(stack: Stack, label: str, secret: str) -> str:
    """Return the code of now, which nobody has used any more: the next one is half a minute off."""
    rewrites(stack, label, last_step=0)
    return pyotp.TOTP(secret).now()


def rewrites(stack: Stack, label: str, **fields: Any) -> None:
    """Keep something else of a method."""
    with MongoClient[dict[str, Any]](stack.mongo_url) as mongo:
        changed = mongo["credentials"]["security_info"].update_one(
            {"methods.label": label},
            {"$set": {f"methods.$.{name}": value for name, value in fields.items()}},
        )
    assert changed.modified_count == 1


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_it_is_put_off_until_policy_allows_it_no_more(
    someone: Opens, account: Account, demands: Demands, *, scripts: bool
) -> None:
    demands(second_factor="required", skip_days=14)
    person = someone(java_script_enabled=scripts, viewport=NARROW)
    person.goes_to("/sign-in?next=/sessions")
    person.signs_in(account)
    person.sees_heading("Set up a second step")
    person.reads("It can wait until")
    if scripts:
        finds_nothing(person)
    fits(person)
    person.page.get_by_role("button", name="Not now").click()
    person.is_at("/sessions")
    person.goes_to("/")
    signs_out(person)
    person.signs_in(account)
    person.sees_heading("Set up a second step")
    demands(second_factor="required")
    person.page.get_by_role("button", name="Not now").click()
    person.reads("This cannot wait any longer")
    expect(person.page.get_by_role("button", name="Not now")).to_have_count(0)
    person.page.locator("#label").fill("Blue phone")
    person.page.get_by_role("button", name="Set up", exact=True).click()
    person.sees_heading("Set up an authenticator app")


@pytest.mark.parametrize(
    ("scripts", "scheme"), [(True, "dark"), (False, "light")], ids=["dark", "without scripts"]
)
def test_methods_are_looked_through_and_confirmed(
    someone: Opens, account: Account, stack: Stack, demands: Demands, *, scripts: bool, scheme: str
) -> None:
    demands(skip_days=1)
    owner, label = someone(), f"Phone of {account.name}"
    owner.signs_in(account)
    secret = adds_authenticator(owner, label)
    grows_old(stack, label)
    person = someone(java_script_enabled=scripts, color_scheme=scheme, viewport=NARROW)
    for button, place in (
        ("Not now", "/sessions"),
        ("Sign in and change something", "/security"),
    ):
        person.goes_to("/sign-in?next=/sessions")
        person.signs_in(account)
        answers(person, fresh_code(stack, label, secret))
        person.sees_heading("Is this still right?")
        person.reads(label)
        if scripts:
            finds_nothing(person)
        fits(person)
        person.page.get_by_role("button", name=button).click()
        person.is_at(place)
        person.goes_to("/")
        signs_out(person)
    person.goes_to("/sign-in?next=/sessions")
    person.signs_in(account)
    answers(person, fresh_code(stack, label, secret))
    person.is_at("/sessions")
