"""What all services keep of somebody, and its erasure."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from services.gateway.clients.peer import Peer
from shared.contracts.personal_data import (
    KEEPERS,
    AskErasure,
    Erasure,
    FindSubject,
    FoundSubject,
    PersonalDataPage,
    ReadErasure,
    ReadPersonalData,
)


@dataclass(frozen=True)
class PersonalDataClient:
    """One method per call of its contract; each service that keeps something answers for itself."""

    peers: Mapping[str, Peer]

    async def pages(self, sub: str) -> AsyncIterator[PersonalDataPage]:
        """Return everything page by page, one section after the other."""
        for keeper in KEEPERS:
            after: str | None = None
            while True:
                asked = ReadPersonalData(sub=sub, after=after)
                page = await self.peers[keeper].ask(
                    "/personal-data/read", asked, PersonalDataPage, safe=True
                )
                yield page
                after = page.next
                if after is None:
                    break

    async def find(self, asked: FindSubject) -> FoundSubject:
        """Return whose user ID or id it is."""
        return await self.peers["profile"].ask("/erasures/find", asked, FoundSubject, safe=True)

    async def ask_erasure(self, asked: AskErasure) -> Erasure:
        """Have somebody erased."""
        return await self.peers["profile"].ask("/erasures/ask", asked, Erasure)

    async def erasure(self, asked: ReadErasure) -> Erasure:
        """Return how far it is."""
        return await self.peers["profile"].ask("/erasures/read", asked, Erasure, safe=True)
