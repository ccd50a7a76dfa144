"""Places: about where an address is, which are unfamiliar, and which nobody gets to in time."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.contracts.activity import Flag

FamiliarDays = 90
"""How far back a place is looked for among those that its account signed in from."""
FastestKmPerHour = 900
"""About the speed of an airliner between two airports, without the ways to them."""
FarKm = 500
"""Nearer places are no travel: networks leave a country in one city for the customers of another,
and databases are wrong by as much."""
_EARTH_RADIUS_KM = 6371.0
_AROUND = (-1, 0, 1)
_PARTS_WORDS = re.compile(r"[\s,-]+")


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, to be found by how they begin."""
    return [word for word in _PARTS_WORDS.split(text.lower()) if word]


@dataclass(frozen=True)
class Position:
    """Degrees north and east (WGS 84), and how far around them it may be, in kilometres."""

    latitude: float
    longitude: float
    radius_km: float = 0.0

    def distance_km(self, other: "Position") -> float:
        """Return how far apart they are at least, along a great circle."""
        north, other_north = math.radians(self.latitude), math.radians(other.latitude)
        half_east = math.radians(other.longitude - self.longitude) / 2
        chord = (
            math.sin((other_north - north) / 2) ** 2
            + math.cos(north) * math.cos(other_north) * math.sin(half_east) ** 2
        )
        apart = 2 * _EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))
        return max(0.0, apart - self.radius_km - other.radius_km)


@dataclass(frozen=True)
class Place:
    """About where an address is.

    `country` is its code (ISO 3166-1), `names` the city and the country, or the country alone, by
    language. There is a `position` where the database knows more than countries.
    """

    country: str
    names: Mapping[str, str] = field(hash=False)
    position: Position | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What it is found by, in every language."""
        return tuple(word for name in self.names.values() for word in words_of(name))

    @property
    def cell(self) -> str:
        """The degree of latitude and longitude that it is in, of its country."""
        return self._cell()

    @property
    def around(self) -> tuple[str, ...]:
        """The cells of what is near, about a hundred kilometres, and that of its country alone."""
        cells = {self._cell(north, east) for north in _AROUND for east in _AROUND}
        return tuple(sorted({*cells, self.country}))

    def is_near(self, other: "Place") -> bool:
        """Tell whether it is the same, as far as it is known where either is."""
        if self.position is None:
            return self.country == other.country
        return other.cell in self.around

    def _cell(self, north: int = 0, east: int = 0) -> str:
        if self.position is None:
            return self.country
        latitude = math.floor(self.position.latitude) + north
        # East of 179 degrees follows 180 degrees west.
        longitude = (math.floor(self.position.longitude) + east + 180) % 360 - 180
        return f"{self.country} {latitude} {longitude}"


class Places(Protocol):
    """What knows places."""

    def of(self, address: str) -> Place | None:
        """Return about where an address is; None where nobody knows, as of a private one."""
        ...


class NoPlaces:
    """No place is known, as there is no database."""

    def of(self, _address: str) -> Place | None:
        """Return None."""
        return None


@dataclass(frozen=True)
class Sighting:
    """An attempt from a place, with the id of its row."""

    id: str
    sub: str
    at: datetime
    place: Place


def is_impossible(last: Sighting, now: Sighting) -> bool:
    """Tell whether nobody gets from one to the other in time."""
    if last.place.position is None or now.place.position is None:
        return False
    hours = (now.at - last.at).total_seconds() / 3600
    distance = last.place.position.distance_km(now.place.position)
    # Where the clock was set back, there is no telling how long it was.
    return hours >= 0 and distance > FarKm and distance > hours * FastestKmPerHour


def flags_of(last: Sighting | None, now: Sighting, *, was_near: bool) -> tuple[Flag, ...]:
    """Return why its user should look at it, after where they were `last`.

    `was_near` says whether they have been near before at all. Whoever was nowhere yet has to begin
    somewhere.
    """
    if last is None:
        return ()
    new: tuple[Flag, ...] = () if was_near else ("new-place",)
    return (*new, "impossible-travel") if is_impossible(last, now) else new
