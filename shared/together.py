"""Asking a store once for what several requests ask for at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Together(Generic[K, V]):
    """Answer all that is asked for in one turn of the event loop by one call.

    In a crowd requests come in bunches, and most of what a small read costs is its way to the store
    and back. Nobody waits for somebody else: the call begins before the loop looks for news again,
    and so after each of the questions that it answers.
    """

    ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]
    _waiting: dict[K, list[asyncio.Future[V | None]]] = field(default_factory=dict)
    _asking: set[asyncio.Task[None]] = field(default_factory=set)

    async def one(self, key: K) -> V | None:
        """Return what the call says of a key; None where it says nothing."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._begin)
        answer: asyncio.Future[V | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(answer)
        return await answer

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, {}
        asking = asyncio.get_running_loop().create_task(self._answer(waiting))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)

    async def _answer(self, waiting: Mapping[K, list[asyncio.Future[V | None]]]) -> None:
        # What goes wrong goes wrong for each who waits; who has gone away is left alone.
        said: Mapping[K, V] = {}
        failure: BaseException | None = None
        try:
            said = await self.ask(list(waiting))
        except BaseException as error:
            failure = error
        for key, answers in waiting.items():
            for answer in answers:
                if answer.done():
                    continue
                if failure is None:
                    answer.set_result(said.get(key))
                else:
                    answer.set_exception(failure)
