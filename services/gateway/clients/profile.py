"""The profile service."""

from dataclasses import dataclass

from services.gateway.clients.peer import Peer
from shared.contracts.audit import AuditPage, NoteAudit, ReadAudit
from shared.contracts.body import Done
from shared.contracts.policy import KeptPortalPolicy, PutPortalPolicy, ReadPolicy
from shared.contracts.profile import (
    AddedPerson,
    AddPerson,
    GetPerson,
    ListPeople,
    Me,
    PeopleList,
    Person,
    Photo,
    PutOrganization,
    PutPhoto,
)
from shared.contracts.users import ChangeUser, NoteAccount, ReadUser, User


@dataclass(frozen=True)
class ProfileClient:
    """One method per call of its contract."""

    peer: Peer

    async def put_organization(self, asked: PutOrganization) -> Done:
        """Keep an organization."""
        return await self.peer.ask("/organizations/put", asked, Done)

    async def policy(self, asked: ReadPolicy) -> KeptPortalPolicy:
        """Return an organization's policy for the portal."""
        return await self.peer.ask("/policy/read", asked, KeptPortalPolicy, safe=True)

    async def put_policy(self, asked: PutPortalPolicy) -> KeptPortalPolicy:
        """Replace it."""
        return await self.peer.ask("/policy/put", asked, KeptPortalPolicy)

    async def add(self, asked: AddPerson) -> AddedPerson:
        """Add a person, or find the one that was added."""
        return await self.peer.ask("/people/add", asked, AddedPerson)

    async def get(self, asked: GetPerson) -> Person:
        """Return a person."""
        return await self.peer.ask("/people/get", asked, Person, safe=True)

    async def get_raw(self, asked: GetPerson) -> bytes:
        """Return a person as the JSON that clients read."""
        return await self.peer.ask_raw("/people/get", asked, safe=True)

    async def me(self, asked: GetPerson) -> Me:
        """Return a person as they see themselves."""
        return await self.peer.ask("/people/get", asked, Me, safe=True)

    async def list(self, asked: ListPeople) -> PeopleList:
        """Return a page of people."""
        return await self.peer.ask("/people/list", asked, PeopleList, safe=True)

    async def audit(self, asked: ReadAudit) -> AuditPage:
        """Return a page of an audit trail."""
        return await self.peer.ask("/audit/read", asked, AuditPage, safe=True)

    async def note(self, asked: NoteAudit) -> Done:
        """Keep what an admin is about to do."""
        return await self.peer.ask("/audit/note", asked, Done)

    async def user(self, asked: ReadUser) -> User:
        """Return a user as they are at this moment."""
        return await self.peer.ask("/users/read", asked, User, safe=True)

    async def change_user(self, asked: ChangeUser) -> User:
        """Change a user's record."""
        return await self.peer.ask("/users/change", asked, User)

    async def note_account(self, asked: NoteAccount) -> Done:
        """Have note taken of what is done to an account."""
        return await self.peer.ask("/users/note-account", asked, Done)

    async def put_photo(self, asked: PutPhoto) -> Done:
        """Keep a photo."""
        return await self.peer.ask("/people/put-photo", asked, Done)

    async def photo(self, asked: GetPerson) -> Photo:
        """Return a photo."""
        return await self.peer.ask("/people/photo", asked, Photo, safe=True)
