"""Slow work in threads: told at once when nobody waits, together in a crowd, and never lost."""

import asyncio
import itertools
import sys
import threading
from collections.abc import Iterator

import pytest

from services.credentials.pool import Pool
from shared.contracts.refusals import Busy

QUEUE = 40


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool("slow", threads=1, queue=QUEUE)
    yield made
    made.close()


class Gate:
    """Work that ends when it is let, in the one thread that there is."""

    def __init__(self) -> None:
        self._permits = threading.Semaphore(0)
        self._begun = threading.Semaphore(0)
        self._ended = itertools.count(1)

    def work(self) -> int:
        self._begun.release()
        assert self._permits.acquire(timeout=10)
        return next(self._ended)

    async def began(self) -> None:
        """Return when the first piece of work is at the gate."""
        assert await asyncio.to_thread(self._begun.acquire, timeout=10)

    async def let(self, number: int) -> None:
        """Let so many through. The next is at the gate when all that they lead to has happened."""
        for _ in range(number):
            self._permits.release()
            await self.began()
        for _ in range(3):
            await asyncio.sleep(0)

    def open(self) -> None:
        """Let all of the rest through."""
        self._permits.release(QUEUE + 1)


def told(begun: list[asyncio.Task[int]]) -> int:
    return sum(each.done() for each in begun)


async def begin(pool: Pool, gate: Gate, number: int) -> list[asyncio.Task[int]]:
    begun = [asyncio.create_task(pool.run(gate.work)) for _ in range(number)]
    await asyncio.sleep(0)
    await gate.began()
    return begun


async def test_what_is_alone_is_told_at_once(pool: Pool) -> None:
    gate = Gate()
    begun = await begin(pool, gate, 2)
    await gate.let(1)
    assert told(begun) == 1
    gate.open()
    assert [await each for each in begun] == [1, 2]


async def test_in_a_crowd_results_are_told_together_and_each_to_its_own(pool: Pool) -> None:
    gate = Gate()
    begun = await begin(pool, gate, 30)
    await gate.let(11)
    assert told(begun) == 0
    await gate.let(1)
    assert told(begun) == 12
    # Seventeen wait behind the one at work: with nine over there are eight left.
    await gate.let(8)
    assert told(begun) == 12
    await gate.let(1)
    assert told(begun) == 21
    gate.open()
    assert [await each for each in begun] == list(range(1, 31))


async def test_what_was_held_back_is_told_when_those_behind_it_give_up(pool: Pool) -> None:
    gate = Gate()
    begun = await begin(pool, gate, 20)
    await gate.let(5)
    assert told(begun) == 0
    for each in begun[5:]:
        each.cancel()
    async with asyncio.timeout(5):
        assert [await each for each in begun[:5]] == [1, 2, 3, 4, 5]
    gate.open()


async def test_an_error_reaches_its_own_caller(pool: Pool) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    gate = Gate()
    failing = asyncio.create_task(pool.run(fail))
    (fine,) = await begin(pool, gate, 1)
    gate.open()
    with pytest.raises(ZeroDivisionError):
        await failing
    assert await fine == 1


async def test_places_come_back_however_the_work_ended(pool: Pool) -> None:
    gate = Gate()
    begun = await begin(pool, gate, QUEUE + 1)
    with pytest.raises(Busy):
        await pool.run(gate.work)
    for each in begun[1:]:
        each.cancel()
    await asyncio.gather(*begun[1:], return_exceptions=True)
    more = [asyncio.create_task(pool.run(gate.work)) for _ in range(QUEUE)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await pool.run(gate.work)
    gate.open()
    assert sorted(await asyncio.gather(begun[0], *more)) == list(range(1, QUEUE + 2))


async def test_nothing_is_left_behind_when_the_last_of_a_crowd_ends_as_it_is_told() -> None:
    hasty = Pool("slow", threads=2, queue=QUEUE)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for size in [*range(2, QUEUE)] * 20:
            async with asyncio.timeout(5):
                await asyncio.gather(*(hasty.run(lambda: sum(range(300))) for _ in range(size)))
    finally:
        sys.setswitchinterval(interval)
        hasty.close()
