"""Devices that a client shows the keys of: a browser has one for each user who signs in there."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.gateway.clients.sessions import SessionsClient
from shared.contracts.sessions import RecognisedDevice, RecogniseDevice


@dataclass(frozen=True)
class ShownDevice:
    """A device as it was recognised by its key; nobody's where there is no such key."""

    key: str | None = None
    recognised: RecognisedDevice = field(default_factory=RecognisedDevice)


@dataclass(frozen=True)
class ShownDevices:
    """At most one device of each user."""

    all: tuple[ShownDevice, ...]

    @classmethod
    async def of(cls, sessions: SessionsClient, keys: Sequence[str]) -> "ShownDevices":
        """Recognise them all at once."""
        found = await asyncio.gather(
            *(sessions.recognise(RecogniseDevice(device_key=each)) for each in keys)
        )
        return cls(tuple(map(ShownDevice, keys, found)))

    @property
    def familiar(self) -> tuple[str, ...]:
        """Return whose they are, but for those that are disabled."""
        subs = (each.recognised.sub for each in self.all)
        return tuple(sub for sub in subs if sub is not None)

    @property
    def is_any_trusted(self) -> bool:
        """Tell whether one of them may do without a second factor."""
        return any(each.recognised.trust is not None for each in self.all)

    def of_sub(self, sub: str) -> ShownDevice:
        """Return the device of a subject, also where it is disabled; one without key else."""
        owned = (
            each for each in self.all if sub in {each.recognised.sub, each.recognised.disabled_for}
        )
        return next(owned, ShownDevice())
