"""Time that passes only when a test says so."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class StoppedClock:
    """A clock that stands still until it is moved."""

    started: datetime = field(default_factory=lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))
    passed: float = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds

    async def pause(self, seconds: float) -> None:
        """Let time pass instead of waiting for it."""
        await asyncio.sleep(0)
        self.advance(seconds)

    def now(self) -> datetime:
        """Return the time of day."""
        return self.started + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        """Return the seconds that passed."""
        return self.passed
