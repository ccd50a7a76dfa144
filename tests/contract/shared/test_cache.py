"""The leased cache in Redis: what a reader may find, and when a writer may answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from deploy.local.ports import HOST, free
from shared import cache as leased
from shared.cache import AcceptanceCache, Accepted, LeaseSeconds
from shared.clock import SystemClock
from tests.memory.clock import StoppedClock
from tests.stack import Link


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = leased.connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def cache(redis: Redis) -> AcceptanceCache:
    return AcceptanceCache(redis, SystemClock())


@pytest.fixture
async def away() -> AsyncIterator[AcceptanceCache]:
    client = leased.connect(f"redis://{HOST}:{free(('redis',))['redis']}/0")
    yield AcceptanceCache(client, SystemClock())
    await client.aclose()


@pytest.fixture
def link(redis_url: str) -> Iterator[Link]:
    port = free(("link",))["link"]
    target = int(redis_url.rpartition(":")[2].partition("/")[0])
    made = Link(port, target)
    yield made
    made.close()


@pytest.fixture
def sub() -> str:
    return uuid4().hex


async def begun(cache: AcceptanceCache, sub: str) -> str:
    generation = await cache.begin(sub)
    assert generation is not None
    return generation


async def test_what_was_filled_is_found(cache: AcceptanceCache, sub: str) -> None:
    assert await cache.look(sub, "s1") is None
    await cache.fill(sub, await begun(cache, sub), 3, "s1", b"record \x00\xff")
    assert await cache.look(sub, "s1") == Accepted(3, b"record \x00\xff")
    assert await cache.look(sub, "s2") is None
    assert await cache.look(f"not-{sub}", "s1") is None


async def test_readers_at_once_share_a_generation(cache: AcceptanceCache, sub: str) -> None:
    generations = await asyncio.gather(*(cache.begin(sub) for _ in range(5)))
    assert len(set(generations)) == 1
    for number, generation in enumerate(generations):
        await cache.fill(sub, str(generation), 1, f"s{number}", b"r")
    assert await cache.look(sub, "s0")
    assert await cache.look(sub, "s4")


async def test_nothing_is_found_after_a_writer_forgot(cache: AcceptanceCache, sub: str) -> None:
    await cache.fill(sub, await begun(cache, sub), 1, "s1", b"r")
    await cache.forget(sub)
    assert await cache.look(sub, "s1") is None


async def test_a_reader_that_read_before_a_change_and_fills_after_it_is_dropped(
    cache: AcceptanceCache, sub: str
) -> None:
    before = await begun(cache, sub)
    await cache.forget(sub)
    await cache.fill(sub, before, 1, "s1", b"of before the change")
    assert await cache.look(sub, "s1") is None


async def test_a_late_reader_is_dropped_even_when_another_has_filled_since(
    cache: AcceptanceCache, sub: str
) -> None:
    before = await begun(cache, sub)
    await cache.forget(sub)
    after = await begun(cache, sub)
    assert after != before
    await cache.fill(sub, after, 2, "s2", b"of after the change")
    await cache.fill(sub, before, 1, "s1", b"of before the change")
    assert await cache.look(sub, "s1") is None
    assert await cache.look(sub, "s2") == Accepted(2, b"of after the change")


async def test_a_reader_whose_lease_ran_out_is_dropped(
    cache: AcceptanceCache, redis: Redis, sub: str
) -> None:
    before = await begun(cache, sub)
    await redis.pexpire(f"accepted:{{{sub}}}", 1)
    await asyncio.sleep(0.05)
    await cache.fill(sub, before, 1, "s1", b"r")
    assert await cache.look(sub, "s1") is None


async def test_filling_again_and_again_does_not_lengthen_the_lease(
    cache: AcceptanceCache, redis: Redis, sub: str
) -> None:
    generation = await begun(cache, sub)
    await redis.pexpire(f"accepted:{{{sub}}}", 600)
    deadline = time.monotonic() + 5
    while await redis.exists(f"accepted:{{{sub}}}"):
        assert time.monotonic() < deadline
        await cache.fill(sub, generation, 1, "s1", b"r")
        await cache.look(sub, "s1")
        await asyncio.sleep(0.02)
    assert await cache.look(sub, "s1") is None


async def test_beginning_again_does_not_lengthen_the_lease(
    cache: AcceptanceCache, redis: Redis, sub: str
) -> None:
    first = await begun(cache, sub)
    await redis.pexpire(f"accepted:{{{sub}}}", 300)
    deadline = time.monotonic() + 5
    while await begun(cache, sub) == first:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_lease_is_as_long_as_writers_wait_and_no_longer(
    cache: AcceptanceCache, redis: Redis, sub: str
) -> None:
    await begun(cache, sub)
    left = await redis.pttl(f"accepted:{{{sub}}}")
    assert 0 < left <= LeaseSeconds * 1000


async def test_a_writer_that_reaches_redis_does_not_wait(cache: AcceptanceCache, sub: str) -> None:
    began = time.monotonic()
    await cache.forget(sub)
    assert time.monotonic() - began < 1


async def test_a_writer_that_cannot_reach_redis_waits_the_lease_out(
    away: AcceptanceCache, sub: str
) -> None:
    began = time.monotonic()
    await away.forget(sub)
    took = time.monotonic() - began
    assert LeaseSeconds < took < LeaseSeconds + 2


async def test_a_writer_that_redis_does_not_answer_waits_the_lease_out(
    link: Link, sub: str
) -> None:
    client = leased.connect(f"redis://{HOST}:{link.port}/0")
    writer = AcceptanceCache(client, SystemClock())
    await writer.forget(sub)
    await asyncio.to_thread(link.freeze)
    began = time.monotonic()
    await writer.forget(sub)
    assert LeaseSeconds < time.monotonic() - began < LeaseSeconds + 2
    await asyncio.to_thread(link.heal)
    await client.aclose()


async def test_when_the_writer_is_done_waiting_nothing_older_is_found_by_anybody(
    cache: AcceptanceCache, away: AcceptanceCache, sub: str
) -> None:
    # The reader reaches Redis and the writer does not, as in a partition. The
    # reader took its generation as late as it could: right before the commit.
    generation = await begun(cache, sub)
    committed = asyncio.create_task(away.forget(sub))
    await cache.fill(sub, generation, 1, "s1", b"of before the change")
    await committed
    assert await cache.look(sub, "s1") is None


async def test_redis_that_is_back_in_time_ends_the_waiting(link: Link, sub: str) -> None:
    client = leased.connect(f"redis://{HOST}:{link.port}/0")
    writer = AcceptanceCache(client, SystemClock())
    await asyncio.to_thread(link.cut)
    waiting = asyncio.create_task(writer.forget(sub))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await asyncio.to_thread(link.heal)
    await waiting
    await client.aclose()


async def test_without_redis_nothing_is_known_and_nothing_fails(
    away: AcceptanceCache, sub: str
) -> None:
    assert await away.look(sub, "s1") is None
    assert await away.begin(sub) is None
    await away.fill(sub, "generation", 1, "s1", b"r")
    assert not await away.answers()


async def test_after_a_failure_redis_is_left_alone_for_a_second(redis: Redis, sub: str) -> None:
    clock = StoppedClock()
    cache = AcceptanceCache(redis, clock)
    await cache.fill(sub, await begun(cache, sub), 1, "s1", b"r")
    cache.redis = leased.connect(f"redis://{HOST}:{free(('redis',))['redis']}/0")
    assert await cache.look(sub, "s1") is None
    await cache.redis.aclose()
    cache.redis = redis
    assert await cache.look(sub, "s1") is None
    assert await cache.begin(sub) is None
    clock.advance(1.1)
    assert await cache.look(sub, "s1") is not None


async def test_redis_that_lost_its_scripts_is_told_them_again(
    cache: AcceptanceCache, redis: Redis, sub: str
) -> None:
    generation = await begun(cache, sub)
    await redis.script_flush()
    await cache.fill(sub, generation, 1, "s1", b"r")
    assert await cache.look(sub, "s1") is not None


async def test_redis_that_answers_is_there(cache: AcceptanceCache) -> None:
    assert await cache.answers()
