"""The audit trail: what admins did, and what was done that they have to know of."""

from dataclasses import dataclass

from services.profile.store import AuditStore
from services.profile.trail import Told
from shared.contracts.events import Audited


@dataclass(frozen=True)
class Audit:
    """Keep what was done in every organization."""

    store: AuditStore

    async def keep(self, event: Audited) -> None:
        """Append what an event tells of; events may come twice and in any order."""
        await self.store.append(Told.by(event))
