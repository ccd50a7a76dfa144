"""What the profile service keeps, in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from services.profile.model import Notice, OrganizationRecord, PersonRecord, user_id_key
from shared.clock import Clock, SystemClock
from shared.contracts.profile import AddPerson, Photo
from shared.contracts.refusals import UnknownCursor
from shared.mail import AddressRefused, Mail, MailUndelivered
from shared.owed import LeaseSeconds
from tests.memory.epochs import MemoryEpochs


@dataclass
class MemoryPeople:
    """People, organizations and photos."""

    organizations: dict[str, OrganizationRecord] = field(default_factory=dict)
    persons: dict[str, PersonRecord] = field(default_factory=dict)
    photos: dict[str, Photo] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def put_organization(self, organization: OrganizationRecord) -> None:
        """Keep it."""
        self.organizations[organization.id] = organization

    async def organization(self, organization_id: str) -> OrganizationRecord | None:
        """Look the id up."""
        return self.organizations.get(organization_id)

    async def add_person(self, record: AddPerson) -> tuple[PersonRecord, bool]:
        """Keep a new person."""
        key = user_id_key(record.user_id)
        for known in self.persons.values():
            if user_id_key(known.record.user_id) == key:
                return known, False
        person = PersonRecord(f"person-{next(self._numbers)}", record)
        self.persons[person.sub] = person
        return person, True

    async def person(self, sub: str) -> PersonRecord | None:
        """Look the subject up."""
        return self.persons.get(sub)

    async def people(
        self, organization: str, *, after: str | None, limit: int
    ) -> list[PersonRecord]:
        """Return a page."""
        own = [each for each in self.persons.values() if each.record.organization == organization]
        last = [user_id_key(each.record.user_id) for each in own if each.sub == after]
        if after is not None and not last:
            raise UnknownCursor
        least = last[0] if last else ""
        found = [each for each in own if user_id_key(each.record.user_id) > least]
        return sorted(found, key=lambda each: user_id_key(each.record.user_id))[:limit]

    async def admins(self, organization: str) -> list[PersonRecord]:
        """Return who has the role."""
        found = [each for each in self.persons.values() if "admin" in each.record.roles]
        return [each for each in found if each.record.organization == organization]

    async def put_photo(self, sub: str, photo: Photo) -> None:
        """Keep it."""
        self.photos[sub] = photo

    async def photo(self, sub: str) -> Photo | None:
        """Look the subject up."""
        return self.photos.get(sub)


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

    async def owe(self, event_id: str, notice: Notice) -> None:
        """Owe it once."""
        if event_id not in self.epochs.inbox:
            self.epochs.inbox[event_id] = True
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
