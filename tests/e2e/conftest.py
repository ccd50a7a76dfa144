"""One portal for all stories: the one that BASE_URL names, or a stack of their own."""

from collections.abc import Iterator

import pytest

from tests.e2e.portal import People, Portal, where_it_runs
from tests.stack import Stack


@pytest.fixture(scope="session")
def portal() -> Iterator[Portal]:
    there = where_it_runs()
    if there is not None:
        yield there
        return
    with Stack() as stack:
        yield Portal(stack.url, stack.maildir)


@pytest.fixture(scope="session")
def people(portal: Portal) -> People:
    return People(portal)
