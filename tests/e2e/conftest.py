"""One portal for all stories: the one that BASE_URL names, or a stack of their own."""

from collections.abc import Iterator

import pytest

from tests.e2e.portal import People, Portal, Someone, where_it_runs
from tests.stack import Stack


@pytest.fixture(scope="session")
def portal() -> Iterator[Portal]:
    there = where_it_runs()
    if there is not None:
        yield there
        return
    with Stack() as stack:
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
