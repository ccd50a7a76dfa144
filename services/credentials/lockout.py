"""Telling people that guessing at their account was stopped."""

import asyncio
from dataclasses import dataclass

from services.credentials.model import sign_in_locked
from services.credentials.store import LockStore
from shared.clock import Clock

_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Lockouts:
    """Tell of the first lock of a series, so that a long attack makes one mail a day at most.

    Locks are noted with the guess that brings them, whether or not there is such an account, and
    are told afterwards: no answer takes longer for it.
    """

    store: LockStore
    clock: Clock

    async def tell_next(self) -> bool:
        """Tell of a lock that was not looked at yet; return whether there was one."""
        return await self.store.tell_next(lambda lock: sign_in_locked(lock, at=self.clock.now()))

    async def keep_telling(self) -> None:
        """Tell of whatever is locked, for ever."""
        while True:
            while await self.tell_next():
                pass
            await asyncio.sleep(_LOOK_SECONDS)
