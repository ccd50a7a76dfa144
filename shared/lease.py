"""What changes seldom and is asked for often, remembered for a second."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Generic, TypeVar

from shared.clock import Clock
from shared.contracts.refusals import Refusal

V = TypeVar("V")

LeaseSeconds = 1.0
_GRACE = 0.1
_MOST_KEYS = 1000
_REST_SECONDS = 1.0


@dataclass(frozen=True)
class Lease(Generic[V]):
    """Remember what a store says, each process for itself and for a second at most.

    Nobody is told of a change: whoever makes one waits until none can be remembered from before it.
    """

    read: Callable[[str], Awaitable[V]]
    clock: Clock
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    most_keys: int = _MOST_KEYS
    kept: dict[str, tuple[float, V]] = field(default_factory=dict)
    _rests: dict[str, float] = field(default_factory=dict)

    async def of(self, key: str) -> V:
        """Return what the store says, or said a second ago."""
        known, began = self.kept.get(key), self.clock.monotonic()
        if known is not None and began < known[0]:
            return known[1]
        said = await self.read(key)
        if len(self.kept) >= self.most_keys:
            self.kept.clear()
        # The second begins before the reading, which may have seen what was there until then.
        self.kept[key] = (began + LeaseSeconds, said)
        return said

    async def known(self, key: str) -> V | None:
        """Return the same or, where the store is away, what it said last; None if it never did.

        Raise what the store refuses.
        """
        now, kept = self.clock.monotonic(), self.kept.get(key)
        last = kept[1] if kept is not None else None
        if now < self._rests.get(key, now):
            return last
        try:
            return await self.of(key)
        except Refusal as refusal:
            if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            if len(self._rests) >= self.most_keys:
                self._rests.clear()
            # Not every request is to wait for a store that does not answer.
            self._rests[key] = self.clock.monotonic() + _REST_SECONDS
            return last

    async def lapse(self) -> None:
        """Return once what was committed before this call is what everybody goes by."""
        await self.pause(LeaseSeconds + _GRACE)
        self.kept.clear()
