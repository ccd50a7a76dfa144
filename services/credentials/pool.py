"""Threads for slow work, with a queue that refuses rather than grows."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.contracts.refusals import Busy

T = TypeVar("T")

_MOST_TOGETHER = 12


class Pool:
    """Do slow work off the event loop.

    At most `threads` run and `queue` wait at once; more raise `Busy`. `begin` is called first in
    each thread.

    In a crowd, results are handed over several at a time: slow work leaves the processor's caches
    without what everybody else needs, and who is woken for each result has to fetch all of it each
    time (decision 19).
    """

    def __init__(
        self, name: str, *, threads: int, queue: int, begin: Callable[[], None] | None = None
    ) -> None:
        self._threads = ThreadPoolExecutor(threads, name, initializer=begin)
        self._at_once, self._places = threads, threads + queue
        self._counting = threading.Lock()
        self._unfinished = 0
        self._over: deque[asyncio.Future[None]] = deque()

    async def run(self, work: Callable[[], T], *, leaving: int = 0) -> T:
        """Do the work in one of the threads and return what it returns.

        What can best be done without is `leaving` so many places to the rest.
        """
        with self._counting:
            if self._unfinished >= self._places - leaving:
                raise Busy
            self._unfinished += 1
        loop = asyncio.get_running_loop()
        told: asyncio.Future[None] = loop.create_future()
        doing = self._threads.submit(work)
        doing.add_done_callback(lambda _: self._end(told, loop))
        try:
            await told
        finally:
            doing.cancel()
        return doing.result()

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _end(self, told: asyncio.Future[None], loop: asyncio.AbstractEventLoop) -> None:
        # Called in the thread that did the work. Whoever waits will come here too, so what
        # is held back for them is never left behind.
        with self._counting:
            self._unfinished -= 1
            self._over.append(told)
            waiting = self._unfinished - self._at_once
            enough = len(self._over) >= min(_MOST_TOGETHER, waiting)
        if enough:
            loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        while self._over:
            told = self._over.popleft()
            if not told.done():
                told.set_result(None)
