"""One stack for all browser tests; each test has an account and browsers of its own."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import APIRequestContext, Browser, Playwright, expect, sync_playwright

from deploy.local.packages import HEADLESS_CHROMIUM
from tests import mmdb
from tests.browser.person import Account, Person
from tests.e2e.portal import People, Portal
from tests.stack import Stack

PATIENCE_MILLISECONDS = 20_000
expect.set_options(timeout=PATIENCE_MILLISECONDS)
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Opens = Callable[..., Person]
Enrolls = Callable[..., Account]
Demands = Callable[..., None]
METHODS = "/api/v1/admin/policy/methods"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run the stack, in which everybody is in Berlin."""
    here = {"127.0.0.0/8": mmdb.BERLIN, "::1/128": mmdb.BERLIN}
    database = mmdb.write(tmp_path_factory.mktemp("geoip") / "city.mmdb", here)
    told = {
        "SESSIONS_GEOIP_DATABASE": database,
        # Work that no event brings is found late, so that a page can be seen waiting for it.
        "SESSIONS_RECONCILE_SECONDS": "5",
    }
    with Stack(env={"sessions": told}) as started:
        yield started


# A module's, not the session's: while it runs, no other event loop can in this thread.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Run Playwright."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Run the system's Chromium."""
    running = playwright.chromium.launch(executable_path=HEADLESS_CHROMIUM, args=FLAGS)
    yield running
    running.close()


@pytest.fixture(scope="session")
def people(stack: Stack) -> People:
    """Give the admin of the demonstration organization, who signs in once: codes work once."""
    return People(Portal(stack.url, None))


@pytest.fixture(scope="module")
def admin(stack: Stack, people: People, playwright: Playwright) -> Iterator[APIRequestContext]:
    """Give the API as the admin."""
    headers = {"Authorization": f"Bearer {people.admin}"}
    signed_in = playwright.request.new_context(base_url=stack.url, extra_http_headers=headers)
    yield signed_in
    signed_in.dispose()


_numbers = itertools.count(1)


@pytest.fixture
def enroll(admin: APIRequestContext) -> Enrolls:
    """Give what makes an account that nobody else uses."""

    def make(*, temporary: bool = False, **more: Any) -> Account:
        number = next(_numbers)
        account = Account(
            user_id=f"robin{number}@halden.example",
            password=f"harbour lights and {number} teapots",
            name=f"Robin Okafor {number}",
        )
        record = {
            "user_id": account.user_id,
            "password": account.password,
            "display_name": account.name,
            "temporary": temporary,
            "emails": [account.user_id],
            **more,
        }
        answer = admin.post("/api/v1/admin/users", data=record)
        assert answer.status == 201, answer.text()
        return account

    return make


@pytest.fixture
def demands(admin: APIRequestContext) -> Iterator[Demands]:
    """Give a way to change the policy for methods, which is as it was after the test."""
    before = admin.get(METHODS).json()

    def put(**changed: Any) -> None:
        answered = admin.put(METHODS, data={**before, **changed})
        assert answered.status == 200, answered.text()

    yield put
    put()


@pytest.fixture
def account(enroll: Enrolls) -> Account:
    """Give an account of the test's own."""
    return enroll(job_title="Lighthouse keeper", office="Bremen, 1.01", phones=["+49 421 5550 199"])


@pytest.fixture
def someone(stack: Stack, browser: Browser) -> Iterator[Opens]:
    """Give what opens one more browser. At last, nothing may have gone wrong in any of them."""
    opened: list[Person] = []

    def open_browser(**options: Any) -> Person:
        context = browser.new_context(**{"locale": "en-GB", **options})
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        opened.append(Person(context, stack.url))
        return opened[-1]

    yield open_browser
    faults = [fault for each in opened for fault in each.faults]
    for each in opened:
        each.context.close()
    assert not faults


@pytest.fixture
def person(someone: Opens) -> Person:
    """Give somebody at a browser of their own."""
    return someone()
