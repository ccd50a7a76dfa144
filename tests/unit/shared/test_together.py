"""What is asked for at the same time is asked once, and nobody notices but the store."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.together import Together


class Store:
    """Answers with the double of each number, and fails or waits when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.failing: Exception | None = None
        self.began = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def doubles(self, numbers: Sequence[int]) -> dict[int, int]:
        self.asked.append(list(numbers))
        self.began.set()
        await self.open.wait()
        if self.failing is not None:
            raise self.failing
        return {each: 2 * each for each in numbers if each < 100}


async def test_what_is_asked_in_one_turn_is_one_call() -> None:
    store = Store()
    together = Together(store.doubles)
    assert await asyncio.gather(*map(together.one, (1, 2, 2, 100))) == [2, 4, 4, None]
    assert store.asked == [[1, 2, 100]]


async def test_what_is_asked_after_a_call_began_is_a_call_of_its_own() -> None:
    """A read must not answer a question that was asked after it began."""
    store = Store()
    together = Together(store.doubles)
    store.open.clear()
    first = asyncio.create_task(together.one(1))
    await store.began.wait()
    second = asyncio.create_task(together.one(1))
    await asyncio.sleep(0.01)
    assert store.asked == [[1], [1]]
    store.open.set()
    assert (await first, await second) == (2, 2)


async def test_what_fails_fails_for_each_and_for_nobody_later() -> None:
    store = Store()
    together = Together(store.doubles)
    store.failing = LookupError("away")
    outcomes = await asyncio.gather(*map(together.one, (1, 2)), return_exceptions=True)
    assert outcomes == [store.failing, store.failing]
    store.failing = None
    assert await together.one(1) == 2


async def test_who_goes_away_takes_nobody_along() -> None:
    store = Store()
    together = Together(store.doubles)
    store.open.clear()
    leaving, staying = (asyncio.create_task(together.one(each)) for each in (1, 2))
    await store.began.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    store.open.set()
    assert await staying == 4
