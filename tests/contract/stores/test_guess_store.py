"""What every GuessStore does, in memory and in MongoDB alike. Times are the store's own."""

import asyncio
import time
from uuid import uuid4

import pytest

from services.credentials.model import Counted, Guesses, Limit
from services.credentials.mongo.guesses import MongoGuessStore
from services.credentials.store import GuessStore
from shared.wiring import Wiring
from tests.memory.guesses import MemoryGuesses

LASTING = Limit(failures=3, window_seconds=600, first_lock_seconds=100, longest_lock_seconds=350)
BRIEF = Limit(failures=1, window_seconds=1, first_lock_seconds=1, longest_lock_seconds=1)


@pytest.fixture(params=["memory", "mongodb"])
def store(request: pytest.FixtureRequest) -> GuessStore:
    if request.param == "memory":
        return MemoryGuesses()
    wiring: Wiring = request.getfixturevalue("credentials")
    return MongoGuessStore(wiring.database)


def fresh(limit: Limit) -> Guesses:
    return Guesses(uuid4().hex, limit)


async def counted(store: GuessStore, guesses: Guesses) -> Counted:
    (found,) = await store.counted([guesses])
    return found


async def test_what_was_never_guessed_is_clean(store: GuessStore) -> None:
    found = await counted(store, fresh(LASTING))
    assert found == Counted()
    assert found.is_clean


async def test_a_failure_is_counted_and_remembered(store: GuessStore) -> None:
    guesses = fresh(LASTING)
    assert await store.count(guesses, "wrong") == Counted(1, 0, ("wrong",))
    assert await counted(store, guesses) == Counted(1, 0, ("wrong",))


async def test_the_last_three_wrong_guesses_are_remembered_newest_first(store: GuessStore) -> None:
    guesses = fresh(Limit(9, 600, 60, 60))
    for guess in ("a", "b", "c", "d"):
        last = await store.count(guesses, guess)
    assert last.recent == ("d", "c", "b")


async def test_the_failure_that_reaches_the_limit_locks_and_begins_a_new_count(
    store: GuessStore,
) -> None:
    guesses = fresh(LASTING)
    await store.count(guesses, "a")
    assert (await store.count(guesses, "b")).locked_seconds == 0
    third = await store.count(guesses, "c")
    assert third.failures == 0
    assert 95 < third.locked_seconds <= 100


async def test_each_lock_is_twice_as_long_up_to_the_longest(store: GuessStore) -> None:
    guesses = fresh(LASTING)
    locks = [(await store.count(guesses, str(number))).locked_seconds for number in range(12)]
    assert [round(each, -1) for each in locks[2::3]] == [100, 200, 350, 350]


async def test_a_lock_runs_out(store: GuessStore) -> None:
    guesses = fresh(BRIEF)
    assert (await store.count(guesses, "wrong")).locked_seconds > 0
    deadline = time.monotonic() + 5
    while (await counted(store, guesses)).locked_seconds > 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_failures_are_forgotten_after_the_window(store: GuessStore) -> None:
    guesses = fresh(Limit(3, 1, 1, 1))
    await store.count(guesses, "a")
    await store.count(guesses, "b")
    deadline = time.monotonic() + 5
    while not (await counted(store, guesses)).is_clean:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await store.count(guesses, "c") == Counted(1, 0, ("c",))


async def test_a_lock_longer_than_the_window_holds_to_its_end(store: GuessStore) -> None:
    guesses = fresh(Limit(1, 1, 30, 30))
    began = time.monotonic()
    await store.count(guesses, "wrong")
    while time.monotonic() < began + 1.3:
        assert (await counted(store, guesses)).locked_seconds > 0
        await asyncio.sleep(0.1)


async def test_clearing_forgets_failures_and_locks(store: GuessStore) -> None:
    guesses = fresh(LASTING)
    for guess in "abc":
        await store.count(guesses, guess)
    await store.clear(guesses)
    assert await counted(store, guesses) == Counted()
    for guess in "ab":
        await store.count(guesses, guess)
    assert round((await store.count(guesses, "c")).locked_seconds, -1) == 100


async def test_keys_are_counted_apart_and_answered_in_order(store: GuessStore) -> None:
    known, unknown, other = fresh(LASTING), fresh(LASTING), fresh(LASTING)
    await store.count(known, "a")
    await store.count(other, "b")
    await store.count(other, "c")
    found = await store.counted([other, unknown, known])
    assert [each.failures for each in found] == [2, 0, 1]


async def test_failures_at_once_are_all_counted(store: GuessStore) -> None:
    guesses = fresh(Limit(100, 600, 60, 60))
    await asyncio.gather(*(store.count(guesses, str(number)) for number in range(20)))
    assert (await counted(store, guesses)).failures == 20


async def test_of_failures_at_once_each_that_reaches_the_limit_locks_once(
    store: GuessStore,
) -> None:
    guesses = fresh(LASTING)
    await asyncio.gather(*(store.count(guesses, str(number)) for number in range(6)))
    assert round((await counted(store, guesses)).locked_seconds, -1) == 200


async def test_a_guess_is_kept_as_it_is_whatever_it_looks_like(store: GuessStore) -> None:
    guesses = fresh(LASTING)
    assert (await store.count(guesses, "$failures")).recent == ("$failures",)
