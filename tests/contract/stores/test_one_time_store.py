"""What every OneTimeStore does, in memory and in MongoDB alike."""

import asyncio

import pytest

from services.credentials.model import OneTime
from services.credentials.mongo.one_time import MongoOneTimeStore
from services.credentials.store import OneTimeStore
from tests.memory.credentials import MemoryOneTimes


@pytest.fixture(params=["memory", "mongodb"])
def store(request: pytest.FixtureRequest) -> OneTimeStore:
    if request.param == "memory":
        return MemoryOneTimes()
    return MongoOneTimeStore(request.getfixturevalue("credentials").database)


async def test_what_was_begun_is_taken_once(store: OneTimeStore) -> None:
    await store.keep(OneTime("a", "$proof", 60))
    assert await store.take("a", "$proof")
    assert not await store.take("a", "$proof")


async def test_what_is_not_what_was_begun_uses_nothing_up(store: OneTimeStore) -> None:
    await store.keep(OneTime("a", "proof", 60))
    assert not await store.take("a", "another")
    assert not await store.take("b", "proof")
    assert await store.take("a", "proof")


async def test_what_is_begun_anew_ends_what_was_begun_before(store: OneTimeStore) -> None:
    await store.keep(OneTime("a", "older", 60))
    await store.keep(OneTime("a", "newer", 60))
    assert not await store.take("a", "older")
    assert await store.take("a", "newer")


async def test_what_is_over_is_not_taken(store: OneTimeStore) -> None:
    await store.keep(OneTime("a", "proof", 0))
    assert not await store.take("a", "proof")


async def test_of_fifty_who_take_it_at_once_one_has_it(store: OneTimeStore) -> None:
    await store.keep(OneTime("a", "proof", 60))
    taken = await asyncio.gather(*(store.take("a", "proof") for _ in range(50)))
    assert sum(taken) == 1
