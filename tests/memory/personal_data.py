"""What is kept of people, and who was erased, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from services.profile.errors import NoSuchPerson, NotDeleted
from services.profile.model import user_id_key
from shared.contracts.accounts import DeletedDays
from shared.contracts.events import Event
from shared.contracts.personal_data import Erasure, FoundSubject, Keeper
from shared.mongo import Document
from shared.personal_data import Holding, PersonalData
from tests.memory.profile import MemoryPeople

_NOTHING = cast("Any", None)
_AGAIN, _AT_LEAST = timedelta(seconds=30), timedelta(seconds=60)


@dataclass(frozen=True)
class MemoryHolding(Holding):
    """Documents in the order of their ids."""

    documents: list[Document] = field(default_factory=list)

    async def page(self, after: Sequence[Any] | None, limit: int) -> list[Document]:
        """Look through all."""
        later = [each for each in self.documents if after is None or each["_id"] > after[1]]
        return sorted(later, key=lambda each: str(each["_id"]))[:limit]

    async def erase(self) -> None:
        """Forget them."""
        self.documents.clear()


def keeping(section: str, documents: list[Document], **more: Any) -> MemoryHolding:
    """Return a holding that shows ids and whatever is `said` of each."""
    return MemoryHolding(section, _NOTHING, {}, ("_id", "said"), documents=documents, **more)


def data_of(keeper: Keeper, people: MemoryPeople, *holdings: MemoryHolding) -> PersonalData:
    """Return a service's part of what is told, the same of everybody."""

    async def of(_sub: str) -> Sequence[Holding]:
        return holdings

    return PersonalData(keeper, of, _NOTHING, people.epochs.clock)


@dataclass
class MemoryErasures:
    """Who was erased, beside the people there are."""

    people: MemoryPeople
    records: dict[str, Erasure] = field(default_factory=dict)
    due: dict[str, Any] = field(default_factory=dict)
    outbox: dict[str, Event] = field(default_factory=dict)

    async def find(self, name: str) -> FoundSubject | None:
        """Look through all, then through the records."""
        for each in self.people.persons.values():
            if user_id_key(each.record.user_id) == user_id_key(name):
                return FoundSubject(
                    sub=each.sub, organization=each.record.organization, deleted=each.deleted
                )
        return FoundSubject(sub=name, deleted=True) if name in self.records else None

    async def begin(self, sub: str, told: Callable[[str | None], Sequence[Event]]) -> Erasure:
        """Keep a record."""
        person, known = self.people.persons.get(sub), self.records.get(sub)
        if person is None and known is None:
            raise NoSuchPerson
        if person is not None and not person.deleted:
            raise NotDeleted
        is_first = person is not None and known is None
        self._tell(*told(person.record.organization if person is not None and is_first else None))
        return self._record(sub)

    async def record(self, sub: str, told: Event) -> None:
        """Keep a record."""
        self._record(sub)
        self._tell(told)

    async def erasure(self, sub: str) -> Erasure | None:
        """Look it up."""
        return self.records.get(sub)

    async def all_after(self, sub: str, *, limit: int) -> list[Erasure]:
        """Sort them."""
        return [self.records[each] for each in sorted(self.records) if each > sub][:limit]

    async def confirm(self, sub: str, keeper: str) -> None:
        """Note it where there is a record."""
        if (known := self.records.get(sub)) is not None:
            confirmed = {**known.confirmed, keeper: self._now}
            self.records[sub] = known.model_copy(update={"confirmed": confirmed})

    async def tell_again(self, event_of: Callable[[str], Event]) -> bool:
        """Look through what is due."""
        sub = next((each for each, at in self.due.items() if at <= self._now), None)
        if sub is None:
            return False
        record = self.records[sub]
        if not record.waits_for and record.asked_at <= self._now - _AT_LEAST:
            del self.due[sub]
        else:
            self.due[sub] = self._now + _AGAIN
        self._tell(event_of(sub))
        return True

    async def next_forgotten(self) -> str | None:
        """Look through who was deleted."""
        long_ago = self._now - timedelta(days=DeletedDays)
        deleted = self.people.deleted_at.items()
        return next((sub for sub, at in deleted if at < long_ago and sub not in self.records), None)

    @property
    def _now(self) -> Any:
        return self.people.epochs.clock.now()

    def _record(self, sub: str) -> Erasure:
        self.records[sub] = Erasure(sub=sub, asked_at=self._now)
        self.due[sub] = self._now + _AGAIN
        return self.records[sub]

    def _tell(self, *events: Event) -> None:
        self.outbox |= {each.id: each for each in events}
