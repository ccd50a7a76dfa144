"""The audit trail, in memory."""

from dataclasses import asdict, dataclass, field

from services.profile.store import EVERYTHING
from services.profile.trail import Entry, Head, Seal, Told
from shared.clock import Clock, SystemClock
from shared.contracts.audit import AuditFilter


@dataclass
class MemoryAudit:
    """A list of entries per organization."""

    seal: Seal = field(default_factory=lambda: Seal(b"a test's key"))
    clock: Clock = field(default_factory=SystemClock)
    trails: dict[str, list[Entry]] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    inbox: set[str] = field(default_factory=set)

    async def append(self, told: Told) -> None:
        """Append it once."""
        if told.id in self.inbox:
            return
        before = self.heads.get(told.organization, Head(told.organization))
        entry = self.seal.entry(before, told, self.clock.now())
        self.inbox.add(told.id)
        self.trails.setdefault(told.organization, []).append(entry)
        self.heads[told.organization] = self.seal.head(entry)

    async def organizations(self) -> list[str]:
        """List them."""
        return sorted({*self.trails, *self.heads})

    async def entries(
        self,
        organization: str,
        *,
        after: int | None = None,
        limit: int,
        oldest_first: bool = True,
        wanted: AuditFilter = EVERYTHING,
    ) -> list[Entry]:
        """Return a page."""
        own, asked = self.trails.get(organization, []), wanted.model_dump(exclude_none=True)
        found = [each for each in own if asked.items() <= asdict(each.told).items()]
        if not oldest_first:
            found.reverse()
        if after is not None:
            found = [each for each in found if (each.sequence > after) is oldest_first]
            found = [each for each in found if each.sequence != after]
        return found[:limit]

    async def head(self, organization: str) -> Head | None:
        """Look it up."""
        return self.heads.get(organization)
