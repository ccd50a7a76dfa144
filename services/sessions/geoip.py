"""A GeoIP database in the MaxMind DB format (version 2.0), with cities or with countries alone."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import maxminddb

from services.sessions.places import NoPlaces, Place, Places, Position
from shared.telemetry import log

_KINDS = ("City", "Country")
_OTHERWISE = "en"


class UnusableDatabase(Exception):
    """There is no such database, or it is of no use for places. It says so in a sentence."""


def places_of(path: str) -> Places:
    """Return what knows the places; nothing does where no path is given."""
    return GeoIP.open(path) if path else NoPlaces()


class GeoIP:
    """An open database. The file is mapped into memory: no more of it is there than is read."""

    def __init__(self, reader: maxminddb.Reader, languages: tuple[str, ...]) -> None:
        self._reader = reader
        self._languages = languages

    @classmethod
    def open(cls, path: str) -> Self:
        """Open the file, or raise `UnusableDatabase`."""
        try:
            reader = maxminddb.open_database(path)
        except OSError as error:
            why = error.strerror or str(error)
            raise UnusableDatabase(f"The GeoIP database {path} cannot be read: {why}.") from error
        except maxminddb.InvalidDatabaseError as error:
            raise UnusableDatabase(f"{path} is no GeoIP database in the mmdb format.") from error
        kind = reader.metadata().database_type
        if not any(each in kind for each in _KINDS):
            reader.close()
            raise UnusableDatabase(
                f"The GeoIP database {path} is of the type {kind}. It has to be one of cities or of"
                " countries."
            )
        return cls(reader, _languages())

    def of(self, address: str) -> Place | None:
        """Look it up; what cannot be is nowhere, since a sign-in must not fail for it."""
        try:
            found = self._reader.get(address)
        except maxminddb.InvalidDatabaseError as error:
            log.error("geoip-database-damaged", error=str(error))
            return None
        except ValueError:
            # It is no address, or one of IPv6 in a database of IPv4.
            return None
        return self._place(found) if isinstance(found, dict) else None

    def _place(self, found: Mapping[str, Any]) -> Place | None:
        country, city = found.get("country", {}), found.get("city", {})
        code = country.get("iso_code")
        if not code:
            return None
        names = {
            language: ", ".join(
                filter(None, (_name(city, language), _name(country, language) or code))
            )
            for language in self._languages
        }
        return Place(code, names, _position(found.get("location", {})))


def _name(of: Mapping[str, Any], language: str) -> str | None:
    names = of.get("names", {})
    name: str | None = names.get(language) or names.get(_OTHERWISE)
    return name


def _position(location: Mapping[str, Any]) -> Position | None:
    latitude, longitude = location.get("latitude"), location.get("longitude")
    if latitude is None or longitude is None:
        return None
    return Position(latitude, longitude, float(location.get("accuracy_radius", 0)))


def _languages() -> tuple[str, ...]:
    """Return the languages that there are texts in, without reading the texts."""
    spec = find_spec("shared.texts")
    beside = spec.submodule_search_locations if spec else None
    found = (path.stem for folder in beside or () for path in Path(folder).glob("*.po"))
    return tuple(sorted(found))
