"""One stack for all fault tests: each of them heals what it hurt, and begins with a whole one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from tests.fault.oracle import Oracle
from tests.fault.portal import Portal, WoundableStack


@pytest.fixture(scope="session")
def stack() -> Iterator[WoundableStack]:
    """Run the stack."""
    with WoundableStack() as started:
        yield started


@pytest.fixture
async def portal(stack: WoundableStack) -> AsyncIterator[Portal]:
    """Give the whole stack, as people use it."""
    await asyncio.to_thread(stack.recover)
    async with Portal(stack) as opened:
        yield opened


@pytest.fixture
async def oracle(portal: Portal) -> AsyncIterator[Oracle]:
    """Give the oracle of the stack."""
    mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        portal.stack.mongo_url, tz_aware=True
    )
    async with mongo:
        yield Oracle(portal, mongo)
