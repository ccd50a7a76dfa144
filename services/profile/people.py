"""People and their organizations."""

from dataclasses import dataclass, field

from services.profile.errors import NoPhoto, NoSuchOrganization, NoSuchPerson, UserExists
from services.profile.model import OrganizationRecord, PersonRecord, photo_of
from services.profile.store import PeopleStore
from shared.clock import Clock
from shared.contracts.body import Done
from shared.contracts.profile import (
    AddedPerson,
    AddPerson,
    GetPerson,
    ListPeople,
    Manager,
    Organization,
    PeopleList,
    Person,
    Photo,
    PutOrganization,
    PutPhoto,
)

_FRESH_SECONDS = 1.0
_MOST_KEPT = 10_000


@dataclass
class People:
    """Read and add people. What is read may be a second old."""

    store: PeopleStore
    clock: Clock
    _kept: dict[str, tuple[float, Person]] = field(default_factory=dict)

    async def put_organization(self, asked: PutOrganization) -> Done:
        """Create an organization or replace what is known of it."""
        await self.store.put_organization(OrganizationRecord(asked.id, asked.name, asked.helpdesk))
        return Done()

    async def add(self, asked: AddPerson) -> AddedPerson:
        """Add a person. The same record again finds them; another with their user ID is refused."""
        if await self.store.organization(asked.organization) is None:
            raise NoSuchOrganization
        person, created = await self.store.add_person(asked)
        if not created and person.record != asked:
            raise UserExists
        return AddedPerson(sub=person.sub, created=created)

    async def get(self, asked: GetPerson) -> Person:
        """Return a person as the portal shows them."""
        now = self.clock.monotonic()
        kept = self._kept.get(asked.sub)
        if kept is not None and kept[0] > now:
            return kept[1]
        found = await self.store.person(asked.sub)
        if found is None:
            raise NoSuchPerson
        shown = await self._shown(found)
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[asked.sub] = (now + _FRESH_SECONDS, shown)
        return shown

    async def list(self, asked: ListPeople) -> PeopleList:
        """Return a page of an organization's people."""
        found = await self.store.people(
            asked.organization, after=asked.after, limit=asked.limit + 1
        )
        page = found[: asked.limit]
        more = page[-1].sub if len(found) > asked.limit else None
        return PeopleList(items=tuple([await self._shown(each) for each in page]), next=more)

    async def put_photo(self, asked: PutPhoto) -> Done:
        """Keep a photo of a person."""
        await self.store.put_photo(asked.sub, photo_of(asked.image))
        return Done()

    async def photo(self, asked: GetPerson) -> Photo:
        """Return a person's photo."""
        photo = await self.store.photo(asked.sub)
        if photo is None:
            raise NoPhoto
        return photo

    async def _shown(self, person: PersonRecord) -> Person:
        record = person.record
        organization = await self.store.organization(record.organization)
        if organization is None:
            raise NoSuchOrganization
        return Person(
            sub=person.sub,
            home_organization=Organization(
                id=organization.id, name=organization.name, helpdesk=organization.helpdesk
            ),
            helpdesk=organization.helpdesk,
            manager=await self._manager(record.manager),
            **record.model_dump(exclude={"organization", "manager"}),
        )

    async def _manager(self, sub: str | None) -> Manager | None:
        found = await self.store.person(sub) if sub else None
        return Manager(display_name=found.record.display_name) if found else None
