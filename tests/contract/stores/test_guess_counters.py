"""What every GuessCounters does, in memory and in Redis alike."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from deploy.local.ports import free
from services.credentials.errors import CountersUnreachable
from services.credentials.model import Counted, Guesses, Limit, Turn
from services.credentials.redis import RedisGuessCounters
from services.credentials.store import GuessCounters
from shared import cache
from tests.memory.credentials import MemoryCounters

LIMIT = Limit(failures=3, window_seconds=600, first_lock_seconds=60, longest_lock_seconds=60)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    # More patient than the service is: on a busy machine a slow answer is no refusal.
    client = Redis.from_url(redis_url, socket_timeout=30)
    yield client
    await client.aclose()


@pytest.fixture(params=["memory", "redis"])
def counters(request: pytest.FixtureRequest) -> GuessCounters:
    if request.param == "memory":
        return MemoryCounters()
    return RedisGuessCounters(request.getfixturevalue("redis"))


@pytest.fixture
def guesses() -> Guesses:
    return Guesses(uuid4().hex, LIMIT)


async def test_an_unknown_key_has_to_be_loaded_first(
    counters: GuessCounters, guesses: Guesses
) -> None:
    assert await counters.reserve(guesses) is None
    await counters.load(guesses, Counted())
    assert await counters.reserve(guesses) == Turn(0, clean=True)


async def test_guesses_under_way_count_as_failures_until_they_end(
    counters: GuessCounters, guesses: Guesses
) -> None:
    await counters.load(guesses, Counted(failures=1, recent=("a",)))
    assert await counters.reserve(guesses) == Turn(0, clean=False)
    assert await counters.reserve(guesses) == Turn(0, clean=False)
    assert await counters.reserve(guesses) == Turn(-1)
    await counters.release(guesses, None)
    assert await counters.reserve(guesses) == Turn(0, clean=False)


async def test_a_failure_replaces_what_is_known(counters: GuessCounters, guesses: Guesses) -> None:
    await counters.load(guesses, Counted())
    await counters.reserve(guesses)
    await counters.release(guesses, Counted(failures=2, recent=("a", "b")))
    assert await counters.reserve(guesses) == Turn(0, clean=False)
    assert await counters.reserve(guesses) == Turn(-1)


async def test_a_failure_that_is_told_late_does_not_undo_a_later_one(
    counters: GuessCounters, guesses: Guesses
) -> None:
    await counters.load(guesses, Counted())
    for _ in range(2):
        await counters.reserve(guesses)
    await counters.release(guesses, Counted(failures=2, recent=("b", "a")))
    await counters.release(guesses, Counted(failures=1, recent=("a",)))
    assert await counters.reserve(guesses) == Turn(0, clean=False)
    assert await counters.reserve(guesses) == Turn(-1)


async def test_a_failure_from_before_a_lock_does_not_count_after_it(
    counters: GuessCounters, guesses: Guesses
) -> None:
    await counters.load(guesses, Counted())
    for _ in range(2):
        await counters.reserve(guesses)
    await counters.release(guesses, Counted(failures=0, locked_seconds=0.3, recent=("c",)))
    await counters.release(guesses, Counted(failures=2, recent=("b", "a")))
    deadline = time.monotonic() + 5
    while (turn := await counters.reserve(guesses)) is None or turn.wait_seconds > 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await counters.reserve(guesses) == Turn(0, clean=False)


async def test_a_success_leaves_the_key_clean(counters: GuessCounters, guesses: Guesses) -> None:
    await counters.load(guesses, Counted(failures=2, recent=("a", "b")))
    await counters.reserve(guesses)
    await counters.release(guesses, Counted())
    assert await counters.reserve(guesses) == Turn(0, clean=True)


async def test_a_lock_is_told_by_the_time_left(counters: GuessCounters, guesses: Guesses) -> None:
    await counters.load(guesses, Counted())
    await counters.reserve(guesses)
    await counters.release(guesses, Counted(failures=0, locked_seconds=60, recent=("a",)))
    turn = await counters.reserve(guesses)
    assert turn is not None
    assert 50 < turn.wait_seconds <= 60


async def test_a_lock_is_loaded_with_the_rest(counters: GuessCounters, guesses: Guesses) -> None:
    await counters.load(guesses, Counted(failures=0, locked_seconds=60, recent=("a",)))
    turn = await counters.reserve(guesses)
    assert turn is not None
    assert turn.wait_seconds > 50


async def test_a_lock_runs_out(counters: GuessCounters, guesses: Guesses) -> None:
    await counters.load(guesses, Counted(failures=0, locked_seconds=0.3, recent=("a",)))
    deadline = time.monotonic() + 5
    while (turn := await counters.reserve(guesses)) is None or turn.wait_seconds > 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert turn.wait_seconds == 0


async def test_loading_again_does_not_undo_what_happened_since(
    counters: GuessCounters, guesses: Guesses
) -> None:
    await counters.load(guesses, Counted(failures=2, recent=("a", "b")))
    await counters.reserve(guesses)
    await counters.load(guesses, Counted())
    assert await counters.reserve(guesses) == Turn(-1)


async def test_of_many_at_once_no_more_go_through_than_are_left(
    counters: GuessCounters, guesses: Guesses
) -> None:
    await counters.load(guesses, Counted())
    turns = await asyncio.gather(*(counters.reserve(guesses) for _ in range(30)))
    assert sum(turn is not None and turn.wait_seconds == 0 for turn in turns) == 3


async def test_giving_back_what_nobody_took_gives_nobody_more(
    counters: GuessCounters, guesses: Guesses
) -> None:
    await counters.load(guesses, Counted())
    for _ in range(5):
        await counters.release(guesses, None)
    turns = [await counters.reserve(guesses) for _ in range(4)]
    assert [turn.wait_seconds for turn in turns if turn] == [0, 0, 0, -1]


async def test_giving_back_to_counters_that_forgot_makes_nothing_up(
    counters: GuessCounters, guesses: Guesses
) -> None:
    await counters.release(guesses, Counted(failures=0))
    assert await counters.reserve(guesses) is None


async def test_counters_that_are_away_say_so(guesses: Guesses) -> None:
    nowhere = cache.connect(f"redis://127.0.0.1:{free(('redis',))['redis']}/0")
    away = MemoryCounters(away=True)
    for counters in (RedisGuessCounters(nowhere), away):
        with pytest.raises(CountersUnreachable):
            await counters.reserve(guesses)
        with pytest.raises(CountersUnreachable):
            await counters.load(guesses, Counted())
        with pytest.raises(CountersUnreachable):
            await counters.release(guesses, None)
    await nowhere.aclose()


async def test_counters_that_nobody_uses_run_out(redis: Redis, guesses: Guesses) -> None:
    counters = RedisGuessCounters(redis)
    await counters.load(guesses, Counted())
    await counters.reserve(guesses)
    (key,) = await redis.keys(f"*{guesses.key}*")
    assert 0 < await redis.ttl(key) <= 900
