"""Small GeoIP databases in the layout of those with cities or with countries."""

from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

BERLIN: dict[str, Any] = {
    "country": {"iso_code": "DE", "names": {"en": "Germany", "de": "Deutschland"}},
    "city": {"names": {"en": "Berlin", "de": "Berlin", "pl": "Berlin"}},
    "location": {"latitude": 52.52, "longitude": 13.41, "accuracy_radius": 20},
}
TOKYO: dict[str, Any] = {
    # Some databases have no names but in English.
    "country": {"iso_code": "JP", "names": {"en": "Japan"}},
    "city": {"names": {"en": "Tokyo"}},
    "location": {"latitude": 35.69, "longitude": 139.69},
}
PLACES = {"81.2.69.0/24": BERLIN, "2001:218::/32": TOKYO, "2.125.160.0/24": TOKYO}


def write(
    file: Path, places: dict[str, dict[str, Any]] = PLACES, kind: str = "GeoLite2-City"
) -> str:
    """Write a database, and return its path."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type=kind, float_type="f64")
    for network, record in places.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(file))
    return str(file)
