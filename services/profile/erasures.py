"""Erasures: who was deleted is purged after thirty days, or when an operator asks for it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime

from services.profile.errors import NoSuchPerson
from services.profile.store import ErasureStore
from shared.clock import Clock
from shared.contracts.events import AccountErased, AccountPurged, Audited, AuditedPayload, Event
from shared.contracts.personal_data import (
    AskErasure,
    Erasure,
    FindSubject,
    FoundSubject,
    ReadErasure,
)

_LOOK_SECONDS = 2.0
_PAGE = 500


class NoRecordError(ValueError):
    """A line that is no record of an erasure."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Line {number} is none that `erasures` has written. Nobody is erased.")


def recorded(lines: Iterable[str]) -> list[str]:
    """Return the subjects of lines as `erasures` writes them, or raise `NoRecordError`.

    Whatever stood for a subject would be erased, and its record kept for good.
    """
    subs = []
    for number, line in enumerate(lines, start=1):
        try:
            sub, asked_at, _ = line.rstrip("\r\n").split("\t")
            datetime.fromisoformat(asked_at)
        except ValueError as error:
            raise NoRecordError(number) from error
        subs.append(sub)
    return subs


@dataclass(frozen=True)
class Erasures:
    """Have every service erase what it keeps of somebody, until each has confirmed it."""

    store: ErasureStore
    clock: Clock

    async def find(self, asked: FindSubject) -> FoundSubject:
        """Return whose user ID it is, or who was erased under this id."""
        found = await self.store.find(asked.name)
        if found is None:
            raise NoSuchPerson
        return found

    async def ask(self, asked: AskErasure) -> Erasure:
        """Have somebody erased who was deleted. Asked again it is done again."""
        return await self._begin(asked.sub)

    async def read(self, asked: ReadErasure) -> Erasure:
        """Return how far it is."""
        erasure = await self.store.erasure(asked.sub)
        if erasure is None:
            raise NoSuchPerson
        return erasure

    async def confirm(self, event: AccountErased) -> None:
        """Take note that a service keeps nothing any more; events may come twice."""
        await self.store.confirm(event.subject, event.payload.service)

    async def work_off(self) -> None:
        """Ask for what is due after thirty days, and tell once more what waits."""
        while (sub := await self.store.next_forgotten()) is not None:
            await self._begin(sub)
        while await self.store.tell_again(self._purged):
            pass

    async def keep_working(self) -> None:
        """Do so for ever."""
        while True:
            await self.work_off()
            await asyncio.sleep(_LOOK_SECONDS)

    async def all(self) -> AsyncIterator[Erasure]:
        """Go through the records there are."""
        last = ""
        while page := await self.store.all_after(last, limit=_PAGE):
            for erasure in page:
                yield erasure
            last = page[-1].sub

    async def repeat(self, subs: Iterable[str]) -> None:
        """Have erased once more who was before: a backup may have brought them back."""
        for sub in subs:
            await self.store.record(sub, self._purged(sub))

    def _purged(self, sub: str) -> AccountPurged:
        return AccountPurged.of(sub, at=self.clock.now())

    async def _begin(self, sub: str) -> Erasure:
        def told(organization: str | None) -> list[Event]:
            purged: list[Event] = [self._purged(sub)]
            return purged if organization is None else [*purged, self._audited(sub, organization)]

        return await self.store.begin(sub, told)

    def _audited(self, sub: str, organization: str) -> Audited:
        return Audited(
            id=secrets.token_urlsafe(16),
            subject=sub,
            occurred_at=self.clock.now(),
            initiating_entity="system",
            payload=AuditedPayload(organization=organization, action="erase-user"),
        )
