"""Taking somebody's methods away, which an admin does for who has lost them."""

from dataclasses import dataclass

from services.credentials.errors import MethodsChangedMeanwhile
from services.credentials.methods import SecurityInfo, methods_cleared
from services.credentials.store import MethodStore
from shared.clock import Clock
from shared.contracts.methods import Cleared, RequireSecurityInfo
from shared.contracts.refusals import Busy

_TRIES = 20


@dataclass(frozen=True)
class Clearing:
    """Have a second factor registered anew at the next sign-in."""

    store: MethodStore
    clock: Clock

    async def require(self, asked: RequireSecurityInfo) -> Cleared:
        """Take all methods away. What rests on them ends."""
        for _ in range(_TRIES):
            try:
                return await self._cleared(await self.store.security_info(asked.sub))
            except MethodsChangedMeanwhile:
                continue
        raise Busy

    async def _cleared(self, info: SecurityInfo) -> Cleared:
        gone = tuple(each.id for each in info.proved)
        await self.store.put(info.cleared(), methods_cleared(info, at=self.clock.now()))
        return Cleared(gone=gone)
