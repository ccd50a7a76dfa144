"""The audit trail: what admins did, and what was done that they have to know of."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from services.profile.store import AuditStore, PeopleStore
from services.profile.trail import Entry, Fault, Inspection, Seal, Told
from shared.clock import Clock
from shared.contracts.audit import (
    AuditedPerson,
    AuditEntry,
    AuditPage,
    NoteAudit,
    ReadAudit,
)
from shared.contracts.body import Done
from shared.contracts.events import Audited
from shared.contracts.refusals import UnknownCursor

_PAGE = 500
_LONGEST_NUMBER = 18


@dataclass(frozen=True)
class Audit:
    """Keep and show what was done in every organization."""

    store: AuditStore
    people: PeopleStore
    clock: Clock

    async def keep(self, event: Audited) -> None:
        """Append what an event tells of; events may come twice and in any order."""
        await self.store.append(Told.by(event))

    async def note(self, asked: NoteAudit) -> Done:
        """Append what an admin is about to do. When this returns, it is kept."""
        await self.keep(
            Audited.of(asked.by, asked.action, at=self.clock.now(), details=asked.details)
        )
        return Done()

    async def read(self, asked: ReadAudit) -> AuditPage:
        """Return a page of an organization's trail."""
        found = await self.store.entries(
            asked.organization,
            after=_number(asked.after),
            limit=asked.limit + 1,
            oldest_first=asked.oldest_first,
            wanted=asked.wanted,
        )
        page = found[: asked.limit]
        people = await self._people(asked.organization, page)
        return AuditPage(
            items=tuple(_shown(each, people) for each in page),
            next=str(page[-1].sequence) if len(found) > asked.limit else None,
        )

    async def _people(self, organization: str, page: Collection[Entry]) -> dict[str, AuditedPerson]:
        subs = {sub for each in page for sub in (each.told.actor, each.told.subject) if sub}
        return {
            each.sub: AuditedPerson(
                sub=each.sub,
                user_id=each.record.user_id,
                display_name=each.record.display_name,
            )
            for each in await self.people.persons_of(subs)
            # Another organization's people are none of this one's business, not even by name.
            if each.record.organization == organization
        }


@dataclass(frozen=True)
class Inspected:
    """An organization's trail, gone through: `hash` is that of its last entry."""

    organization: str
    entries: int
    hash: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class AuditInspection:
    """Go through the trails and find what was altered, taken out, moved or cut off."""

    store: AuditStore
    seal: Seal

    async def all(self) -> AsyncIterator[Inspected]:
        """Go through every organization's trail, page by page, while it may grow."""
        for organization in await self.store.organizations():
            yield await self._one(organization)

    async def _one(self, organization: str) -> Inspected:
        inspection = Inspection(self.seal, organization, await self.store.head(organization))
        faults: list[Fault] = []
        entries = 0
        while page := await self.store.entries(
            organization, after=inspection.last.sequence, limit=_PAGE
        ):
            entries += len(page)
            faults += [fault for entry in page for fault in inspection.entry(entry)]
        faults += inspection.end(await self.store.head(organization))
        return Inspected(organization, entries, inspection.last.hash, tuple(faults))


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= _LONGEST_NUMBER):
        raise UnknownCursor
    return int(cursor)


def _shown(entry: Entry, people: dict[str, AuditedPerson]) -> AuditEntry:
    told = entry.told
    return AuditEntry(
        id=told.id,
        sequence=entry.sequence,
        at=entry.at,
        actor=_person(told.actor, people),
        subject=_person(told.subject, people),
        action=told.action,
        outcome=told.outcome,
        reason=told.reason,
        details=told.details,
        hash=entry.hash,
    )


def _person(sub: str | None, people: dict[str, AuditedPerson]) -> AuditedPerson | None:
    return people.get(sub, AuditedPerson(sub=sub)) if sub else None
