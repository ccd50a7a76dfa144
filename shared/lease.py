"""What changes seldom and is asked for often, remembered for a second."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.clock import Clock

V = TypeVar("V")

LeaseSeconds = 1.0
_GRACE = 0.1
_MOST_KEYS = 1000


@dataclass(frozen=True)
class Lease(Generic[V]):
    """Remember what a store says, each process for itself and for a second at most.

    Nobody is told of a change: whoever makes one waits until none can be remembered from before it.
    """

    read: Callable[[str], Awaitable[V]]
    clock: Clock
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    kept: dict[str, tuple[float, V]] = field(default_factory=dict)

    async def of(self, key: str) -> V:
        """Return what the store says, or said a second ago."""
        known, began = self.kept.get(key), self.clock.monotonic()
        if known is not None and began < known[0]:
            return known[1]
        said = await self.read(key)
        if len(self.kept) >= _MOST_KEYS:
            self.kept.clear()
        # The second begins before the reading, which may have seen what was there until then.
        self.kept[key] = (began + LeaseSeconds, said)
        return said

    async def lapse(self) -> None:
        """Return once what was committed before this call is what everybody goes by."""
        await self.pause(LeaseSeconds + _GRACE)
        self.kept.clear()
