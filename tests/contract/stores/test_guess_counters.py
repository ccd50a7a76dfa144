"""What every GuessCounters does, in memory and in Redis alike."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from deploy.local.ports import free
from services.credentials.errors import CountersUnreachable
from services.credentials.model import Counted, Ended, Guesses, Held, Limit, Turn
from services.credentials.redis import RedisGuessCounters
from services.credentials.store import GuessCounters
from shared import cache
from tests.memory.clock import StoppedClock
from tests.memory.guesses import MemoryCounters

NOTHING = Held()
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


@dataclass
class Key:
    """One key of the counters, and the guesses that were taken under it."""

    counters: GuessCounters
    guesses: Guesses = field(default_factory=lambda: Guesses(uuid4().hex, LIMIT))
    taken: list[Turn] = field(default_factory=list)

    async def reserve(self, held: Held = NOTHING) -> Turn | None:
        """Take a guess; by what name is the counters' own business."""
        (turn,) = await self.counters.reserve({self.guesses: held})
        if turn is None:
            return None
        if turn.was_taken:
            self.taken.append(turn)
        return replace(turn, attempt="")

    async def load(self, counted: Counted) -> None:
        """Load the durable state."""
        await self.counters.load({self.guesses: counted})

    async def release(self, counted: Counted | None) -> None:
        """Give the guess back that was taken first, or else one that nobody took."""
        turn = self.taken.pop(0) if self.taken else Turn(0, attempt="never")
        await self.counters.release([Ended(self.guesses, turn, counted)])


@pytest.fixture
def key(counters: GuessCounters) -> Key:
    return Key(counters)


async def test_an_unknown_key_has_to_be_loaded_first(key: Key) -> None:
    assert await key.reserve() is None
    await key.load(Counted())
    assert await key.reserve() == Turn(0, clean=True)


async def test_guesses_under_way_count_as_failures_until_they_end(key: Key) -> None:
    await key.load(Counted(failures=1, recent=("a",)))
    assert await key.reserve() == Turn(0, clean=False)
    assert await key.reserve() == Turn(0, clean=False)
    assert await key.reserve() == Turn(-1)
    await key.release(None)
    assert await key.reserve() == Turn(0, clean=False)


async def test_a_failure_replaces_what_is_known(key: Key) -> None:
    await key.load(Counted())
    await key.reserve()
    await key.release(Counted(failures=2, recent=("a", "b"), revision=2))
    assert await key.reserve() == Turn(0, clean=False)
    assert await key.reserve() == Turn(-1)


async def test_a_failure_that_is_told_late_does_not_undo_a_later_one(key: Key) -> None:
    await key.load(Counted())
    for _ in range(2):
        await key.reserve()
    await key.release(Counted(failures=2, recent=("b", "a"), revision=2))
    await key.release(Counted(failures=1, recent=("a",), revision=1))
    assert await key.reserve() == Turn(0, clean=False)
    assert await key.reserve() == Turn(-1)


async def test_a_failure_from_before_a_lock_does_not_count_after_it(key: Key) -> None:
    await key.load(Counted())
    for _ in range(2):
        await key.reserve()
    await key.release(Counted(failures=0, locked_seconds=0.3, recent=("c",), revision=3))
    await key.release(Counted(failures=2, recent=("b", "a"), revision=2))
    deadline = time.monotonic() + 5
    while (turn := await key.reserve()) is None or turn.wait_seconds > 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await key.reserve() == Turn(0, clean=False)


async def test_a_success_leaves_the_key_clean(key: Key) -> None:
    await key.load(Counted(failures=2, recent=("a", "b"), revision=2))
    await key.reserve()
    await key.release(Counted(revision=3))
    assert await key.reserve() == Turn(0, clean=True)


async def test_a_success_lifts_a_lock_of_before(key: Key) -> None:
    await key.load(Counted())
    for _ in range(2):
        await key.reserve()
    await key.release(Counted(locked_seconds=60, recent=("c",), revision=3))
    await key.release(Counted(revision=4))
    assert await key.reserve() == Turn(0, clean=True)


async def test_a_lock_is_told_by_the_time_left(key: Key) -> None:
    await key.load(Counted())
    await key.reserve()
    await key.release(Counted(failures=0, locked_seconds=60, recent=("a",), revision=1))
    turn = await key.reserve()
    assert turn is not None
    assert 50 < turn.wait_seconds <= 60


async def test_a_lock_is_loaded_with_the_rest(key: Key) -> None:
    await key.load(Counted(failures=0, locked_seconds=60, recent=("a",)))
    turn = await key.reserve()
    assert turn is not None
    assert turn.wait_seconds > 50


async def test_a_lock_runs_out(key: Key) -> None:
    await key.load(Counted(failures=0, locked_seconds=0.3, recent=("a",)))
    deadline = time.monotonic() + 5
    while (turn := await key.reserve()) is None or turn.wait_seconds > 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert turn.wait_seconds == 0


async def test_loading_again_does_not_undo_what_happened_since(key: Key) -> None:
    await key.load(Counted(failures=2, recent=("a", "b"), revision=2))
    await key.reserve()
    for earlier in (0, 1, 2):
        await key.load(Counted(revision=earlier))
    assert await key.reserve() == Turn(-1)


async def test_guesses_that_nobody_told_count_beside_those_that_are_known(key: Key) -> None:
    await key.load(Counted())
    assert await key.reserve() == Turn(0, clean=True)
    assert await key.reserve(Held(all=3, untold=2)) == Turn(-1)
    assert await key.reserve(Held(all=2, untold=1)) == Turn(0, clean=True)


async def test_guesses_that_were_forgotten_count_while_they_are_held(key: Key) -> None:
    await key.load(Counted(failures=1, recent=("a",), revision=1))
    assert await key.reserve(Held(all=2)) == Turn(-1)
    assert await key.reserve(Held(all=1)) == Turn(0, clean=False)


async def test_of_many_at_once_no_more_go_through_than_are_left(key: Key) -> None:
    await key.load(Counted())
    turns = await asyncio.gather(*(key.reserve() for _ in range(30)))
    assert sum(turn is not None and turn.wait_seconds == 0 for turn in turns) == 3


async def test_giving_back_what_nobody_took_gives_nobody_more(key: Key) -> None:
    await key.load(Counted())
    for _ in range(5):
        await key.release(None)
    turns = [await key.reserve() for _ in range(4)]
    assert [turn.wait_seconds for turn in turns if turn] == [0, 0, 0, -1]


async def test_giving_back_to_counters_that_forgot_makes_nothing_up(key: Key) -> None:
    await key.release(Counted(failures=0))
    assert await key.reserve() is None


async def test_several_keys_are_taken_and_given_back_together(counters: GuessCounters) -> None:
    known, unknown = Key(counters), Key(counters)
    await known.load(Counted(failures=2, recent=("a", "b")))
    both = [known.guesses, unknown.guesses]
    turns = await counters.reserve(dict.fromkeys(both, Held()))
    assert turns[0] is not None
    assert turns[0].was_taken
    assert turns[1] is None
    await counters.release([Ended(known.guesses, turns[0])])
    await unknown.load(Counted())
    turns = await counters.reserve(dict.fromkeys(both, Held()))
    assert [turn is not None and turn.was_taken for turn in turns] == [True, True]
    assert await known.reserve() == Turn(-1)


async def test_a_later_state_that_is_loaded_replaces_what_was_known(key: Key) -> None:
    await key.load(Counted())
    await key.reserve()
    await key.load(Counted(failures=0, locked_seconds=60, recent=("a",), revision=3))
    locked = await key.reserve()
    assert locked is not None
    assert locked.wait_seconds > 50
    await key.load(Counted(failures=1, recent=("a",), revision=4))
    assert await key.reserve() == Turn(0, clean=False)
    assert await key.reserve() == Turn(-1), "The guess that was under way before still counts."


async def test_a_guess_whose_end_is_never_told_counts_for_half_a_minute() -> None:
    clock = StoppedClock()
    key = Key(MemoryCounters(clock))
    await key.load(Counted(failures=2, recent=("a", "b")))
    await key.reserve()
    clock.advance(29)
    assert await key.reserve() == Turn(-1)
    clock.advance(2)
    assert await key.reserve() == Turn(0, clean=False)


async def test_redis_lets_go_of_a_guess_whose_time_is_up(redis: Redis) -> None:
    key = Key(RedisGuessCounters(redis))
    await key.load(Counted(failures=2, recent=("a", "b")))
    await key.reserve()
    name = f"under-way:{{{key.guesses.key}}}"
    held: list[Any] = list(await redis.zrange(name, 0, -1, withscores=True))
    ((attempt, until),) = held
    seconds, micros = map(int, await redis.time())
    assert 25_000 < until - (seconds * 1000 + micros / 1000) <= 30_000
    assert await key.reserve() == Turn(-1)
    await redis.zadd(name, {attempt: seconds * 1000 - 1})
    assert await key.reserve() == Turn(0, clean=False)


async def test_counters_that_are_away_say_so() -> None:
    nowhere = cache.connect(f"redis://127.0.0.1:{free(('redis',))['redis']}/0")
    for counters in (RedisGuessCounters(nowhere), MemoryCounters(away=True)):
        key = Key(counters)
        with pytest.raises(CountersUnreachable):
            await key.reserve()
        with pytest.raises(CountersUnreachable):
            await key.load(Counted())
        with pytest.raises(CountersUnreachable):
            await key.release(None)
    await nowhere.aclose()


async def test_a_count_is_not_kept_longer_for_being_looked_at(redis: Redis) -> None:
    key = Key(RedisGuessCounters(redis))
    await key.load(Counted(failures=1, recent=("a",), revision=1))
    await redis.expire(f"guesses:{{{key.guesses.key}}}", 5)
    await key.reserve()
    await key.release(None)
    assert 0 < await redis.ttl(f"guesses:{{{key.guesses.key}}}") <= 5


async def test_counters_that_nobody_uses_run_out(redis: Redis) -> None:
    key = Key(RedisGuessCounters(redis))
    await key.load(Counted())
    await key.reserve()
    for name in await redis.keys(f"*{key.guesses.key}*"):
        assert 0 < await redis.ttl(name) <= 900
