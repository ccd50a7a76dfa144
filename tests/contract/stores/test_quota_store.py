"""What every QuotaStore does, in memory and in MongoDB alike."""

import asyncio

import pytest

from services.credentials.model import Quota
from services.credentials.mongo.guesses import MongoQuotaStore
from services.credentials.store import QuotaStore
from tests.memory.guesses import MemoryQuotas


@pytest.fixture(params=["memory", "mongodb"])
def store(request: pytest.FixtureRequest) -> QuotaStore:
    if request.param == "memory":
        return MemoryQuotas()
    return MongoQuotaStore(request.getfixturevalue("credentials").database)


async def test_as_many_as_there_may_be_are_taken_and_then_one_waits(store: QuotaStore) -> None:
    quota = Quota("a", 3, 60)
    assert [await store.take(quota) for _ in range(3)] == [0, 0, 0]
    assert 50 < await store.take(quota) <= 60
    # Asking again makes nobody wait longer.
    assert 50 < await store.take(quota) <= 60


async def test_of_fifty_at_once_as_many_are_taken_as_may_be(store: QuotaStore) -> None:
    taken = await asyncio.gather(*(store.take(Quota("a", 5, 60)) for _ in range(50)))
    assert sum(each == 0 for each in taken) == 5


async def test_what_is_past_the_window_counts_no_more(store: QuotaStore) -> None:
    assert await store.take(Quota("a", 1, 1)) == 0
    assert await store.take(Quota("a", 1, 1)) > 0
    await asyncio.sleep(1.05)
    assert await store.take(Quota("a", 1, 1)) == 0


async def test_keys_are_counted_apart(store: QuotaStore) -> None:
    assert await store.take(Quota("a", 1, 60)) == 0
    assert await store.take(Quota("b", 1, 60)) == 0


async def test_what_was_cleared_is_there_again(store: QuotaStore) -> None:
    await store.take(Quota("a", 1, 60))
    await store.clear("a")
    assert await store.take(Quota("a", 1, 60)) == 0
