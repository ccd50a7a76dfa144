"""The picture of the last days: a bar for each, stacked by what attempts came to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

from shared.contracts.activity import AttemptCounts, AttemptOutcome, PictureDays

Series = Literal["signed-in", "wrong-password", "second-factor", "other"]
SERIES: tuple[Series, ...] = get_args(Series)
_SERIES_OF: Mapping[AttemptOutcome, Series] = {
    "signed-in": "signed-in",
    "wrong-password": "wrong-password",
    "throttled": "wrong-password",
    "second-factor-failed": "second-factor",
    "second-factor-throttled": "second-factor",
}
_STEP, _BAR = 20, 14
_HIGHEST, _LOWEST = 100, 3
"""In the units of the drawing. Whatever there is at all is high enough to be seen."""


@dataclass(frozen=True)
class Part:
    """A part of a bar, where it stands in the drawing."""

    series: Series
    x: int
    y: float
    height: float


@dataclass(frozen=True)
class Day:
    """A day and how many attempts it had of each kind."""

    day: date
    counts: Mapping[Series, int]

    @property
    def total(self) -> int:
        """How many it had."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Picture:
    """The days, oldest first."""

    days: tuple[Day, ...]

    width = PictureDays * _STEP
    height = _HIGHEST + len(SERIES) * _LOWEST
    bar = _BAR
    series = SERIES

    @classmethod
    def of(cls, counted: AttemptCounts) -> "Picture":
        """Return the picture of what was counted, with the days that had nothing."""
        found: dict[date, Counter[Series]] = {}
        for each in counted.items:
            series = _SERIES_OF.get(each.outcome, "other")
            found.setdefault(each.day, Counter())[series] += each.count
        days = [counted.today - timedelta(days=ago) for ago in reversed(range(PictureDays))]
        return cls(tuple(Day(day, found.get(day, Counter())) for day in days))

    @property
    def most(self) -> int:
        """How many attempts the busiest day had."""
        return max(each.total for each in self.days)

    @property
    def with_any(self) -> list[Day]:
        """Return the days that had any attempts, newest first, for who reads them as a table."""
        return [each for each in reversed(self.days) if each.total]

    @property
    def parts(self) -> list[Part]:
        """Return every part of every bar."""
        return [part for at, day in enumerate(self.days) for part in self._stacked(at, day)]

    def _stacked(self, at: int, day: Day) -> list[Part]:
        parts, y = [], float(self.height)
        for series in SERIES:
            if count := day.counts.get(series, 0):
                height = round(max(_LOWEST, _HIGHEST * count / self.most), 1)
                y = round(y - height, 1)
                parts.append(Part(series, at * _STEP + (_STEP - _BAR) // 2, y, height))
        return parts
