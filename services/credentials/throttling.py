"""Throttling of guesses: per account, per known device, per client address.

Redis counts, and holds the guesses under way, so that many at once get no more than
one after the other. Every failure is written to the store too, so that a Redis that was flushed
or restarted is told what it has forgotten, and one that is away is done without.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import ceil
from weakref import WeakValueDictionary

from services.credentials.errors import CountersUnreachable, SignInThrottled
from services.credentials.model import (
    Counted,
    CountersKeptSeconds,
    Ended,
    Guesses,
    Held,
    Turn,
    new_attempt,
)
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
    # Guesses under way in this process, and those of them that Redis was not told of, by key:
    # it may be away for some and be there for others, which must not get more by it.
    _held: Counter[str] = field(default_factory=Counter)
    _untold: Counter[str] = field(default_factory=Counter)
    _asking: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    _doubted_until: float = 0.0
    _releasing: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def attempt(self, *guesses: Guesses) -> AsyncIterator[Attempt]:
        """Take one guess under every key, or raise `SignInThrottled` and evaluate nothing.

        The first key is the account's: a right guess clears it, and a wrong one that repeats one
        of its last three does not count under it.
        """
        attempt, taken = Attempt(), await self._reserve(guesses)
        try:
            yield attempt
        finally:
            # Shielded, so that a client that goes away cannot leave its guess uncounted.
            await asyncio.shield(self._settle(taken, attempt))

    async def prepare(self, guesses: Guesses) -> None:
        """Let Redis know what is stored under a key before somebody has to wait for that."""
        with suppress(CountersUnreachable):
            await self.counters.load(await self._counted([guesses]))

    async def clear(self, *guesses: Guesses) -> None:
        """Forget what was counted under these keys, and their locks."""
        cleared = {each: await self.store.clear(each) for each in guesses}
        try:
            await self.counters.load(cleared)
        except CountersUnreachable:
            self._doubt([Ended(each, Turn(0), state) for each, state in cleared.items()])

    async def failures(self, guesses: Guesses) -> int:
        """Return how many failures are stored under a key."""
        (counted,) = await self.store.counted([guesses])
        return counted.failures

    async def is_locked(self, *guesses: Guesses) -> bool:
        """Tell whether the store says that one of these keys is locked."""
        return any(each.locked_seconds > 0 for each in await self.store.counted(guesses))

    async def count(self, guesses: Guesses) -> None:
        """Count one failure that was no guess."""
        counted = await self.store.count(guesses, new_attempt())
        await self._release([Ended(guesses, Turn(0), counted)])

    async def _reserve(self, guesses: Sequence[Guesses]) -> dict[Guesses, Turn]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LONGEST_WAIT_SECONDS
        # Under an account they ask one after the other: what is held must not change meanwhile
        # but by guesses that end, which are counted by then.
        asking = self._asking.setdefault(guesses[0].key, asyncio.Lock())
        while True:
            async with asking:
                if loop.time() > deadline:
                    raise Busy
                turns = await self._try_reserve(guesses)
                if all(turn.was_taken for turn in turns.values()):
                    self._hold(turns, 1)
                    return turns
            await self._release([Ended(*each) for each in turns.items() if each[1].was_taken])
            locked = max(turn.wait_seconds for turn in turns.values())
            if locked > 0:
                raise SignInThrottled(retry_after=ceil(locked))
            await asyncio.sleep(_TURN_SECONDS)

    async def _try_reserve(self, guesses: Sequence[Guesses]) -> dict[Guesses, Turn]:
        held = {each: Held(self._held[each.key], self._untold[each.key]) for each in guesses}
        if any(each.limit.failures <= under_way.all for each, under_way in held.items()):
            return dict.fromkeys(guesses, Turn(-1))
        try:
            if asyncio.get_running_loop().time() < self._doubted_until:
                await self.counters.load(await self._counted(guesses))
            turns = dict(zip(guesses, await self.counters.reserve(held), strict=True))
            if unknown := [each for each, turn in turns.items() if turn is None]:
                await self.counters.load(await self._counted(unknown))
                loaded = await self.counters.reserve({each: held[each] for each in unknown})
                turns |= zip(unknown, loaded, strict=True)
        except CountersUnreachable:
            counted = await self._counted(guesses)
            return {
                each: _turn_without_counters(each, state, held[each])
                for each, state in counted.items()
            }
        return {each: turn or Turn(-1) for each, turn in turns.items()}

    async def _counted(self, guesses: Sequence[Guesses]) -> dict[Guesses, Counted]:
        return dict(zip(guesses, await self.store.counted(guesses), strict=True))

    async def _settle(self, taken: Mapping[Guesses, Turn], attempt: Attempt) -> None:
        try:
            counted = await self._outcome(taken, attempt)
        finally:
            # Not before it is counted, or there would be a moment in which it is neither.
            self._hold(taken, -1)
        ended = [Ended(guesses, turn, counted.get(guesses)) for guesses, turn in taken.items()]
        if counted or not attempt.was_right:
            await self._release(ended)
        else:
            # Nothing is counted, so nobody waits for Redis to hear of it. Until it does, and for
            # as long as a guess may take where it never does, it counts as one under way.
            releasing = asyncio.create_task(self._release(ended))
            self._releasing.add(releasing)
            releasing.add_done_callback(self._releasing.discard)

    async def _outcome(
        self, taken: Mapping[Guesses, Turn], attempt: Attempt
    ) -> dict[Guesses, Counted]:
        account, turn = next(iter(taken.items()))
        if (guess := attempt.wrong_guess) is not None:
            (known,) = await self.store.counted([account])
            counting = [each for each in taken if each != account or guess not in known.recent]
            return {each: await self.store.count(each, guess) for each in counting}
        if attempt.was_right and not turn.clean:
            return {account: await self.store.clear(account)}
        return {}

    def _hold(self, taken: Mapping[Guesses, Turn], number: int) -> None:
        for guesses, turn in taken.items():
            for holding in (self._held,) if turn.attempt else (self._held, self._untold):
                holding[guesses.key] += number
                if not holding[guesses.key]:
                    del holding[guesses.key]

    async def _release(self, ended: Sequence[Ended]) -> None:
        told = [each for each in ended if each.turn.attempt]
        self._doubt([each for each in ended if not each.turn.attempt])
        try:
            if told:
                await self.counters.release(told)
        except CountersUnreachable:
            # Redis keeps the guess as one under way until its time runs out, which is
            # on the safe side.
            self._doubt(told)

    def _doubt(self, untold: Sequence[Ended]) -> None:
        # Redis may be back with the counts of before, so for as long as it can
        # have kept them it is told the store's each time.
        if any(each.counted is not None for each in untold):
            self._doubted_until = asyncio.get_running_loop().time() + CountersKeptSeconds


def _turn_without_counters(guesses: Guesses, counted: Counted, held: Held) -> Turn:
    if counted.locked_seconds > 0:
        return Turn(counted.locked_seconds)
    if counted.failures + held.all >= guesses.limit.failures:
        return Turn(-1)
    return Turn(0, clean=counted.is_clean)
