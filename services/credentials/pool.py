"""Threads for slow work, with a queue that refuses rather than grows."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.contracts.refusals import Busy

T = TypeVar("T")


class Pool:
    """Do slow work off the event loop.

    At most `threads` run and `queue` wait at once; more raise `Busy`. `begin` is called first in
    each thread.
    """

    def __init__(
        self, name: str, *, threads: int, queue: int, begin: Callable[[], None] | None = None
    ) -> None:
        self._threads = ThreadPoolExecutor(threads, name, initializer=begin)
        self._room = threads + queue

    async def run(self, work: Callable[[], T], *, leaving: int = 0) -> T:
        """Do the work in one of the threads and return what it returns.

        What can best be done without is `leaving` so many places to the rest.
        """
        if self._room <= leaving:
            raise Busy
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room += 1

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
