"""What the profile service keeps, in memory."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from services.profile.memberships import Invitation, Membership
from services.profile.model import Noted, Notice, OrganizationRecord, PersonRecord, user_id_key
from services.profile.store import UserTransaction, nothing_told
from shared.clock import Clock, SystemClock
from shared.contracts.accounts import DeletedDays
from shared.contracts.events import Event
from shared.contracts.policy import PortalPolicy
from shared.contracts.portal import PortalRules
from shared.contracts.profile import AddPerson, Helpdesk, Photo
from shared.contracts.refusals import ChangedMeanwhile, UnknownCursor
from shared.mail import AddressRefused, Mail, MailUndelivered
from shared.owed import LeaseSeconds
from shared.policies import Replaced, Telling
from tests.memory.epochs import MemoryEpochs

T = TypeVar("T")


@dataclass(frozen=True)
class MemoryUserTransaction:
    """The changes of one transaction."""

    people: "MemoryPeople"

    async def user(self, organization: str, sub: str) -> PersonRecord | None:
        """Look the subject up."""
        found = self.people.persons.get(sub)
        if found is None or found.deleted or found.record.organization != organization:
            return None
        return found

    async def has_another_admin(self, organization: str, sub: str) -> bool:
        """Look through all."""
        return any(each.sub != sub for each in await self.people.admins(organization))

    async def put(self, changed: PersonRecord) -> None:
        """Replace the revision before this one."""
        if self.people.persons[changed.sub].revision != changed.revision - 1:
            raise ChangedMeanwhile
        self.people.persons[changed.sub] = changed

    async def note_account(self, sub: str, noted: Noted) -> bool:
        """Compare the revisions."""
        known = self.people.persons.get(sub)
        if known is None or not noted.replaces(self.people.account_revisions.get(sub, -1)):
            return False
        deleted = known.deleted or noted.deleted
        self.people.persons[sub] = replace(known, disabled=noted.disabled, deleted=deleted)
        self.people.account_revisions[sub] = noted.revision
        if noted.deleted:
            self.people.deleted_at[sub] = self.people.epochs.clock.now()
        return True

    async def forget_memberships(self, sub: str) -> None:
        """Take them out."""
        people = self.people
        for place in [each for each in people.memberships if sub in each]:
            del people.memberships[place]
        for each in [each for each in people.invitations.values() if each.sub == sub]:
            del people.invitations[each.id]

    async def owe(self, notices: Iterable[Notice]) -> None:
        """Keep them."""
        for notice in notices:
            self.people.owed[notice.receipt] = notice

    async def emit(self, event: Event) -> None:
        """Keep the event."""
        self.people.outbox[event.id] = event


@dataclass
class MemoryPeople:
    """People, organizations and photos."""

    epochs: MemoryEpochs = field(default_factory=MemoryEpochs)
    account_revisions: dict[str, int] = field(default_factory=dict)
    deleted_at: dict[str, datetime] = field(default_factory=dict)
    owed: dict[str, Notice] = field(default_factory=dict)
    organizations: dict[str, OrganizationRecord] = field(default_factory=dict)
    persons: dict[str, PersonRecord] = field(default_factory=dict)
    photos: dict[str, Photo] = field(default_factory=dict)
    outbox: dict[str, Event] = field(default_factory=dict)
    memberships: dict[tuple[str, str], Membership] = field(default_factory=dict)
    invitations: dict[str, Invitation] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def put_organization(self, organization: OrganizationRecord) -> None:
        """Keep it, with the policy that an admin chose."""
        known = self.organizations.get(organization.id)
        if known is not None and known.version:
            organization = replace(known, name=organization.name)
        self.organizations[organization.id] = organization

    async def put_portal_policy(
        self,
        organization: str,
        policy: PortalPolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Keep it."""
        known = self.organizations.get(organization)
        before = dict(known.policy) if known is not None else dict(PortalRules())
        replaced = self.epochs.replaced(before, dict(policy), replaces, told)
        kept = known or OrganizationRecord(organization, "", Helpdesk())
        rules = PortalRules(**policy.model_dump(exclude={"helpdesk"}))
        self.organizations[organization] = replace(
            kept, helpdesk=policy.helpdesk, rules=rules, version=replaced.version
        )
        return replaced

    async def organization(self, organization_id: str) -> OrganizationRecord | None:
        """Look the id up."""
        return self.organizations.get(organization_id)

    async def in_transaction(self, work: Callable[[UserTransaction], Awaitable[T]]) -> T:
        """Do the work, all or nothing."""
        tables = (self.persons, self.account_revisions, self.deleted_at, self.owed, self.outbox)
        guests = (self.memberships, self.invitations)
        async with self.epochs.transaction(*tables, *guests):
            return await work(MemoryUserTransaction(self))

    async def person_called(self, user_id: str) -> PersonRecord | None:
        """Look through all."""
        key = user_id_key(user_id)
        there = (each for each in self.persons.values() if not each.deleted)
        return next((e for e in there if user_id_key(e.record.user_id) == key), None)

    async def user_now(self, sub: str) -> PersonRecord | None:
        """Look the subject up."""
        return self.persons.get(sub)

    async def admins(self, organization: str) -> list[PersonRecord]:
        """Look through all."""
        own = (each for each in self.persons.values() if each.record.organization == organization)
        return [each for each in own if each.is_admin]

    def _is_forgotten(self, sub: str) -> bool:
        deleted_at, kept = self.deleted_at.get(sub), timedelta(days=DeletedDays)
        return deleted_at is not None and self.epochs.clock.now() - deleted_at > kept

    async def add_person(
        self, record: AddPerson, told: Callable[[str], Event | None] = nothing_told
    ) -> tuple[PersonRecord, bool]:
        """Keep a new person."""
        key = user_id_key(record.user_id)
        for known in self.persons.values():
            if not self._is_forgotten(known.sub) and user_id_key(known.record.user_id) == key:
                return known, False
        person = PersonRecord(
            f"person-{next(self._numbers)}", record.model_copy(update={"by": None})
        )
        self.persons[person.sub] = person
        if (event := told(person.sub)) is not None:
            self.outbox[event.id] = event
        return person, True

    async def person(self, sub: str) -> PersonRecord | None:
        """Look the subject up."""
        return self.persons.get(sub)

    async def people(
        self, organization: str, *, after: str | None, limit: int, search: str | None = None
    ) -> list[PersonRecord]:
        """Return a page."""
        own = [each for each in self.persons.values() if each.record.organization == organization]
        last = [user_id_key(each.record.user_id) for each in own if each.sub == after]
        if after is not None and not last:
            raise UnknownCursor
        least = last[0] if last else ""
        left = [each for each in own if not each.deleted and _begins(each.record, search or "")]
        found = [each for each in left if user_id_key(each.record.user_id) > least]
        return sorted(found, key=lambda each: user_id_key(each.record.user_id))[:limit]

    async def persons_of(self, subs: Collection[str]) -> list[PersonRecord]:
        """Look them up."""
        return [self.persons[each] for each in subs if each in self.persons]

    async def put_photo(self, sub: str, photo: Photo) -> None:
        """Keep it."""
        self.photos[sub] = photo

    async def photo(self, sub: str) -> Photo | None:
        """Look the subject up."""
        return self.photos.get(sub)


def _begins(record: AddPerson, search: str) -> bool:
    names = (record.user_id, record.display_name, *record.emails)
    return any(user_id_key(each).startswith(user_id_key(search)) for each in names)


@dataclass(frozen=True)
class Owed:
    """A notice's record."""

    notice: Notice
    due_at: float
    outcome: str | None = None
    reason: str | None = None


@dataclass
class MemoryNotices:
    """Mails that are owed."""

    clock: Clock = field(default_factory=SystemClock)
    epochs: MemoryEpochs = field(default_factory=MemoryEpochs)
    owed: dict[str, Owed] = field(default_factory=dict)

    async def owe(self, event_id: str, *notices: Notice) -> None:
        """Owe them once."""
        if event_id not in self.epochs.inbox:
            self.epochs.inbox[event_id] = True
            for notice in notices:
                self._insert(notice)

    async def owe_missed(self, after: datetime | None) -> datetime | None:
        """Go through the revocations."""
        missed = sorted(self.epochs.revocations.values(), key=lambda each: each.committed_at)
        for each in missed:
            self._insert(Notice(each.receipt, each.sub, each.cause, each.committed_at))
        return missed[-1].committed_at if missed else after

    async def claim(self) -> Notice | None:
        """Lease what has been due longest."""
        now = self.clock.monotonic()
        due = [each for each in self.owed.values() if each.outcome is None and each.due_at <= now]
        if not due:
            return None
        first = min(due, key=lambda each: each.due_at)
        notice = replace(first.notice, attempts=first.notice.attempts + 1)
        self.owed[notice.receipt] = Owed(notice, now + LeaseSeconds)
        return notice

    async def sent(self, notice_id: str) -> None:
        """Close it."""
        self.owed[notice_id] = replace(self.owed[notice_id], outcome="sent")

    async def undeliverable(self, notice_id: str, reason: str) -> None:
        """Close it."""
        self.owed[notice_id] = replace(self.owed[notice_id], outcome="undeliverable", reason=reason)

    async def postpone(self, notice_id: str, *, seconds: float) -> None:
        """Let it be due later."""
        due_at = self.clock.monotonic() + seconds
        self.owed[notice_id] = replace(self.owed[notice_id], due_at=due_at)

    def _insert(self, notice: Notice) -> None:
        self.owed.setdefault(notice.receipt, Owed(notice, self.clock.monotonic()))


@dataclass
class Postbox:
    """A mail server that takes everything, or says what it was told to say."""

    taken: list[Mail] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    away: bool = False
    broken_for: set[str] = field(default_factory=set)

    async def send(self, mail: Mail) -> None:
        """Take the mail."""
        if mail.to in self.broken_for:
            raise ZeroDivisionError
        if self.away:
            raise MailUndelivered("away")
        if mail.to in self.refused:
            raise AddressRefused("no such mailbox")
        self.taken.append(mail)
