"""What a service keeps of somebody, and its erasure."""

from dataclasses import dataclass

from services.gateway.clients.peer import Peer
from shared.contracts.personal_data import (
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
    """The call of each service that keeps something."""

    peer: Peer

    async def page(self, asked: ReadPersonalData) -> PersonalDataPage:
        """Return a page of what is kept of somebody."""
        return await self.peer.ask("/personal-data/read", asked, PersonalDataPage, safe=True)


@dataclass(frozen=True)
class ErasureClient:
    """The calls of the profile service, which knows who is erased."""

    peer: Peer

    async def find(self, asked: FindSubject) -> FoundSubject:
        """Return whose user ID it is, or who was erased under this id."""
        return await self.peer.ask("/erasures/find", asked, FoundSubject, safe=True)

    async def ask(self, asked: AskErasure) -> Erasure:
        """Have somebody erased."""
        return await self.peer.ask("/erasures/ask", asked, Erasure)

    async def read(self, asked: ReadErasure) -> Erasure:
        """Return how far it is."""
        return await self.peer.ask("/erasures/read", asked, Erasure, safe=True)
