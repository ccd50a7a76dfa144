"""People and their organizations."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from services.profile.errors import (
    NoPhoto,
    NoSuchOrganization,
    NoSuchPerson,
    UnknownManager,
    UserExists,
)
from services.profile.model import OrganizationRecord, PersonRecord, photo_of
from services.profile.store import PeopleStore
from shared.clock import Clock
from shared.contracts.audit import Actor, Details
from shared.contracts.body import Done
from shared.contracts.events import Audited
from shared.contracts.profile import (
    AddedPerson,
    AddPerson,
    GetPerson,
    ListPeople,
    Manager,
    Me,
    Organization,
    PeopleList,
    Person,
    Photo,
    PutOrganization,
    PutPhoto,
    Role,
)
from shared.contracts.users import User

P = TypeVar("P", bound=Person)

_NOT_SHOWN = {"organization", "manager", "groups", "by"}
_FRESH_SECONDS = 1.0
_MOST_KEPT = 10_000


@dataclass
class People:
    """Read and add people. What is read may be a second old."""

    store: PeopleStore
    clock: Clock
    _kept: dict[str, tuple[float, Me]] = field(default_factory=dict)

    async def put_organization(self, asked: PutOrganization) -> Done:
        """Create an organization, or replace what its admins have not."""
        await self.store.put_organization(OrganizationRecord(asked.id, asked.name, asked.helpdesk))
        return Done()

    def forget(self) -> None:
        """Read everybody anew."""
        self._kept.clear()

    async def add(self, asked: AddPerson) -> AddedPerson:
        """Add a person. The same record again finds them; another with their user ID is refused."""
        if await self.store.organization(asked.organization) is None:
            raise NoSuchOrganization
        if asked.manager is not None and await self._manager(asked) is None:
            raise UnknownManager
        record = asked.model_copy(update={"by": None})

        def told(sub: str) -> Audited | None:
            return _added(asked.by, sub, asked.roles, self.clock.now()) if asked.by else None

        person, created = await self.store.add_person(record, told)
        if not created and not person.was_added_as(record):
            raise UserExists
        return AddedPerson(sub=person.sub, created=created)

    async def get(self, asked: GetPerson) -> Me:
        """Return a person as the portal shows them to themselves."""
        now = self.clock.monotonic()
        kept = self._kept.get(asked.sub)
        if kept is not None and kept[0] > now:
            return kept[1]
        found = await self.store.person(asked.sub)
        if found is None or found.deleted:
            raise NoSuchPerson
        shown = await self._shown(found, Me)
        if len(self._kept) >= _MOST_KEPT:
            self.forget()
        self._kept[asked.sub] = (now + _FRESH_SECONDS, shown)
        return shown

    async def list(self, asked: ListPeople) -> PeopleList:
        """Return a page of an organization's people."""
        found = await self.store.people(
            asked.organization, after=asked.after, limit=asked.limit + 1, search=asked.search
        )
        page = found[: asked.limit]
        more = page[-1].sub if len(found) > asked.limit else None
        items = [await self._shown(each, Person) for each in page]
        return PeopleList(items=tuple(items), next=more)

    async def as_user(self, person: PersonRecord) -> User:
        """Return a person as the organization's admins see them."""
        return await self._shown(
            person,
            User,
            groups=person.record.groups,
            disabled=person.disabled,
            revision=person.revision,
        )

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

    async def _shown(self, person: PersonRecord, kind: type[P], **more: Any) -> P:
        record = person.record
        organization = await self.store.organization(record.organization)
        if organization is None:
            raise NoSuchOrganization
        return kind(
            sub=person.sub,
            home_organization=Organization(
                id=organization.id, name=organization.name, helpdesk=organization.helpdesk
            ),
            helpdesk=organization.helpdesk,
            manager=await self._manager(record),
            **record.model_dump(exclude=_NOT_SHOWN),
            **more,
        )

    async def _manager(self, record: AddPerson) -> Manager | None:
        # Another organization's people are none of this one's business, not even by name.
        found = await self.store.person(record.manager) if record.manager else None
        if found is None or found.deleted or found.record.organization != record.organization:
            return None
        return Manager(display_name=found.record.display_name)


def _added(by: Actor, sub: str, roles: tuple[Role, ...], at: datetime) -> Audited:
    details: Details = {"roles": " ".join(roles)}
    return Audited.of(by, "add-user", at=at, subject=sub, details=details)
