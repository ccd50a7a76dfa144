"""Throttling of guesses: per account, per known device, per client address.

Redis counts, and holds the guesses under way, so that many at once get no more than
one after the other. Every failure is written to the store too, so that a Redis that was flushed
or restarted is told what it has forgotten, and one that is away is done without.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import ceil

from services.credentials.errors import CountersUnreachable, SignInThrottled
from services.credentials.model import Counted, Guesses, Turn
from services.credentials.store import GuessCounters, GuessStore
from shared.contracts.refusals import Busy

_TURN_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 5.0


@dataclass
class Attempt:
    """A guess under way; its outcome is told before it ends, or it does not count."""

    wrong_guess: str | None = None
    was_right: bool = False

    def wrong(self, guess: str) -> None:
        """Say that the guess, known by its fingerprint, was wrong."""
        self.wrong_guess = guess

    def right(self) -> None:
        """Say that the guess was right."""
        self.was_right = True


@dataclass
class Throttle:
    """Let guesses through while there are any left."""

    store: GuessStore
    counters: GuessCounters
    # Guesses under way in this process, for when Redis cannot count them.
    _local: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def attempt(self, *guesses: Guesses) -> AsyncIterator[Attempt]:
        """Take one guess under every key, or raise `SignInThrottled` and evaluate nothing.

        The first key is the account's: a right guess clears it, and a wrong one that repeats one
        of its last three counts under no key.
        """
        reserved: list[tuple[Guesses, Turn]] = []
        attempt = Attempt()
        try:
            for each in guesses:
                turn = await self._reserve(each)
                reserved.append((each, turn))
            yield attempt
        finally:
            # Shielded, so that a client that goes away cannot leave its guess uncounted.
            await asyncio.shield(self._settle(reserved, attempt))

    async def _reserve(self, guesses: Guesses) -> Turn:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LONGEST_WAIT_SECONDS
        while (turn := await self._try_reserve(guesses)).wait_seconds != 0:
            if turn.wait_seconds > 0:
                raise SignInThrottled(retry_after=ceil(turn.wait_seconds))
            if loop.time() > deadline:
                raise Busy
            await asyncio.sleep(_TURN_SECONDS)
        return turn

    async def _try_reserve(self, guesses: Guesses) -> Turn:
        try:
            turn = await self.counters.reserve(guesses)
            if turn is None:
                (counted,) = await self.store.counted([guesses])
                await self.counters.load(guesses, counted)
                turn = await self.counters.reserve(guesses)
        except CountersUnreachable:
            turn = await self._reserve_without_counters(guesses)
        return turn or Turn(-1)

    async def _reserve_without_counters(self, guesses: Guesses) -> Turn:
        (counted,) = await self.store.counted([guesses])
        if counted.locked_seconds > 0:
            return Turn(counted.locked_seconds)
        if counted.failures + self._local[guesses.key] >= guesses.limit.failures:
            return Turn(-1)
        self._local[guesses.key] += 1
        return Turn(0, clean=counted.is_clean)

    async def _settle(self, reserved: Sequence[tuple[Guesses, Turn]], attempt: Attempt) -> None:
        guess = attempt.wrong_guess
        counts = guess is not None and not await self._repeats(reserved[0][0], guess)
        for position, (guesses, turn) in enumerate(reserved):
            counted = None
            if guess is not None and counts:
                counted = await self.store.count(guesses, guess)
            elif attempt.was_right and position == 0 and not turn.clean:
                await self.store.clear(guesses)
                counted = Counted()
            await self._release(guesses, counted)

    async def _repeats(self, account: Guesses, guess: str) -> bool:
        (counted,) = await self.store.counted([account])
        return guess in counted.recent

    async def _release(self, guesses: Guesses, counted: Counted | None) -> None:
        if guesses.key in self._local:
            self._local -= Counter([guesses.key])
            return
        try:
            await self.counters.release(guesses, counted)
        except CountersUnreachable:
            # Redis keeps the guess as one under way until the key runs out, which is
            # on the safe side.
            return
