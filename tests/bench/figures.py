"""Figures, each beside its bare reference where it has one, and the bars they are held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of the values that this many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def ratio(ours: Sequence[float], bare: Sequence[float]) -> float:
    """Return the median of the ratios, each taken within one repeat."""
    return median(mine / reference for mine, reference in zip(ours, bare, strict=True))


@dataclass(frozen=True)
class Figure:
    """What was measured, one value per repeat, and the same of the bare reference."""

    what: str
    unit: str
    ours: tuple[float, ...]
    bare: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Ours in terms of the bare reference."""
        return ratio(self.ours, self.bare) if self.bare else None


@dataclass(frozen=True)
class Bar:
    """What a value must not miss, and what it should rather reach."""

    what: str
    value: float
    limit: float
    at_least: bool = False
    aim: float | None = None
    unit: str = "times"

    @property
    def passed(self) -> bool:
        """Tell whether the limit is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True)
class Section:
    """One subject: how it was measured, what came out, and what had to."""

    title: str
    method: str
    figures: tuple[Figure, ...]
    bars: tuple[Bar, ...] = ()
