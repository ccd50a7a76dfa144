"""Taking somebody's methods away, which an admin does for who has lost them."""

from dataclasses import dataclass

from services.credentials.kinds import MethodChanges
from services.credentials.methods import Changed
from shared.contracts.events import Audited, Event
from shared.contracts.methods import Cleared, RequireSecurityInfo


@dataclass(frozen=True)
class Clearing:
    """Have a second factor registered anew at the next sign-in."""

    changes: MethodChanges

    async def require(self, asked: RequireSecurityInfo) -> Cleared:
        """Take all methods away. What rests on them ends."""
        also: tuple[Event, ...] = ()
        if asked.by is not None:
            at = self.changes.clock.now()
            action = "require-security-info"
            also = (Audited.of(asked.by, action, at=at, subject=asked.sub),)
        done = await self.changes.make(asked.sub, Changed.cleared, also=also)
        return Cleared(gone=done.gone)
