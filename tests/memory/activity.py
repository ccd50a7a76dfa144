"""Sign-in activity, in memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from services.sessions.attempts import NewAttempt, outcomes_called
from services.sessions.places import FamiliarDays, Sighting
from shared.clock import Clock
from shared.contracts.activity import Attempt, AttemptOutcome, AttemptsOfDay, Flag, Reported
from shared.contracts.refusals import UnknownCursor
from tests.memory.clock import StoppedClock


@dataclass(frozen=True)
class Row:
    """An attempt that is kept."""

    id: str
    attempt: NewAttempt
    at: datetime
    number: int
    count: int = 1
    reported: Reported | None = None
    found: tuple[Flag, ...] = ()
    to_compare: bool = True

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Why its user should look at it."""
        return (*self.attempt.flags, *self.found)

    @property
    def is_seen(self) -> bool:
        """Tell whether its user was there."""
        said = self.reported or ("mine" if self.attempt.outcome == "signed-in" else "not-mine")
        return self.attempt.place is not None and said == "mine"

    @property
    def sighting(self) -> Sighting | None:
        """Where it was from, if anybody knows."""
        place = self.attempt.place
        return Sighting(self.id, self.attempt.sub, self.at, place) if place else None

    @property
    def shown(self) -> Attempt:
        """Return it as its user sees it."""
        attempt = self.attempt
        return Attempt(
            id=self.id,
            at=self.at,
            outcome=attempt.outcome,
            address=attempt.address,
            browser=attempt.browser,
            system=attempt.system,
            app=attempt.app,
            device_id=attempt.device_id,
            flagged=bool(self.flags),
            flags=self.flags,
            place_names=dict(attempt.place.names) if attempt.place else {},
            reported=self.reported,
            count=self.count,
        )

    def says(self, word: str) -> bool:
        """Tell whether one of its words begins like this."""
        if self.attempt.outcome in outcomes_called(word):
            return True
        return any(each.startswith(word) for each in self.attempt.words)


@dataclass
class MemoryActivity:
    """Attempts to sign in."""

    clock: Clock = field(default_factory=StoppedClock)
    rows: dict[str, Row] = field(default_factory=dict)
    tallies: Counter[str] = field(default_factory=Counter)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def add_attempt(self, id: str, attempt: NewAttempt) -> None:
        """Keep it, or count one more."""
        if not await self.count_again(id):
            self.rows[id] = Row(id, attempt, self.clock.now(), next(self._numbers))

    async def count_again(self, id: str) -> bool:
        """Count one more."""
        row = self.rows.get(id)
        if row is not None:
            self.rows[id] = replace(row, count=row.count + 1)
        return row is not None

    async def tally(self, name: str) -> int:
        """Count."""
        self.tallies[name] += 1
        return self.tallies[name]

    async def change_outcome(self, id: str, outcome: AttemptOutcome) -> None:
        """Put another in its place."""
        row = self.rows[id]
        self.rows[id] = replace(row, attempt=replace(row.attempt, outcome=outcome))

    async def attempts(
        self,
        sub: str,
        *,
        words: Sequence[str],
        outcome: AttemptOutcome | None,
        after: str | None,
        limit: int,
    ) -> list[Attempt]:
        """Return a page."""
        last = self._row(sub, after) if after is not None else None
        if after is not None and last is None:
            raise UnknownCursor
        found = [
            each
            for each in sorted(self._rows(sub), key=lambda each: -each.number)
            if (last is None or each.number < last.number)
            and outcome in {None, each.attempt.outcome}
            and all(each.says(word) for word in words)
        ]
        return [each.shown for each in found[:limit]]

    async def attempt(self, sub: str, id: str) -> Attempt | None:
        """Look it up."""
        row = self._row(sub, id)
        return row.shown if row else None

    async def report(self, sub: str, id: str, reported: Reported) -> Attempt | None:
        """Note it."""
        row = self._row(sub, id)
        if row is None:
            return None
        self.rows[id] = replace(row, reported=reported)
        return self.rows[id].shown

    async def by_day(self, sub: str, *, since: datetime) -> list[AttemptsOfDay]:
        """Sum up."""
        found: Counter[tuple[str, AttemptOutcome]] = Counter()
        for row in self._rows(sub):
            if row.at >= since:
                found[row.at.strftime("%Y-%m-%d"), row.attempt.outcome] += row.count
        return [
            AttemptsOfDay.model_validate({"day": day, "outcome": outcome, "count": number})
            for (day, outcome), number in sorted(found.items())
        ]

    async def to_compare(self, *, limit: int) -> list[Sighting]:
        """Look through them."""
        marked = (each.sighting for each in self.rows.values() if each.to_compare)
        return [each for each in marked if each is not None][:limit]

    async def last_sighting(self, *, before: Sighting) -> Sighting | None:
        """Look through them."""
        return next(iter(self._seen(before)), None)

    async def was_near(self, sighting: Sighting) -> bool:
        """Look through them."""
        return any(sighting.place.is_near(each.place) for each in self._seen(sighting))

    async def compared(self, id: str, flags: Sequence[Flag]) -> None:
        """Take note."""
        row = self.rows[id]
        found = (*row.found, *(each for each in flags if each not in row.found))
        self.rows[id] = replace(row, found=found, to_compare=False)

    def _seen(self, before: Sighting) -> list[Sighting]:
        since = before.at - timedelta(days=FamiliarDays)
        seen = [
            each.sighting
            for each in self._rows(before.sub)
            if each.is_seen and each.sighting and since <= each.at < before.at
        ]
        return sorted(seen, key=lambda each: each.at, reverse=True)

    def _rows(self, sub: str) -> list[Row]:
        now = self.clock.now()
        return [
            each
            for each in self.rows.values()
            if each.attempt.sub == sub
            and now < each.at + timedelta(seconds=each.attempt.kept_seconds)
        ]

    def _row(self, sub: str, id: str) -> Row | None:
        return next((each for each in self._rows(sub) if each.id == id), None)
