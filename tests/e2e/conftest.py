"""One portal for all stories: the one that BASE_URL names, or a stack of their own."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.portal import People, Portal, Someone, where_it_runs
from tests.stack import Stack

METHODS = "/admin/policy/methods"
MAIL_SERVER = ("mail", "what the mail server shows the gateway")
CLIENTS = {"GATEWAY_APP_PASSWORD_CLIENTS": json.dumps(dict([MAIL_SERVER]))}
Demands = Callable[..., None]


@pytest.fixture(scope="session")
def portal() -> Iterator[Portal]:
    there = where_it_runs()
    if there is not None:
        yield there
        return
    with Stack(env={"gateway": CLIENTS}) as stack:
        yield Portal(stack.url, stack.maildir, stack.sms_file)


@pytest.fixture(scope="session")
def people(portal: Portal) -> People:
    return People(portal)


@pytest.fixture
def robin(people: People) -> Someone:
    return people.add()


@pytest.fixture
def token(portal: Portal, robin: Someone) -> str:
    return portal.token(robin.user_id, robin.password)


@pytest.fixture
def demands(portal: Portal, people: People) -> Iterator[Demands]:
    """Give a way to change the policy for methods, which is as it was after the test."""
    before = portal.call("GET", METHODS, token=people.admin).json()

    def put(**changed: object) -> None:
        answered = portal.call("PUT", METHODS, body={**before, **changed}, token=people.admin)
        assert answered.status_code == 200, answered.text
        assert answered.json() == {**before, **changed}
        assert portal.call("GET", METHODS, token=people.admin).json() == answered.json()

    yield put
    put()
