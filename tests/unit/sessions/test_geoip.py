"""Places as a GeoIP database knows them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.sessions.geoip import GeoIP, UnusableDatabase, places_of
from services.sessions.places import Place, Position
from tests import mmdb

_METADATA = b"\xab\xcd\xefMaxMind.com"


def test_a_place_is_called_by_city_and_country_in_each_language(tmp_path: Path) -> None:
    places = GeoIP.open(mmdb.write(tmp_path / "city.mmdb"))
    assert places.of("81.2.69.160") == Place(
        "DE", {"de": "Berlin, Deutschland", "en": "Berlin, Germany"}, Position(52.52, 13.41, 20)
    )
    tokyo = Place("JP", {"de": "Tokyo, Japan", "en": "Tokyo, Japan"}, Position(35.69, 139.69))
    assert places.of("2001:218::1") == places.of("2.125.160.1") == tokyo


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "fe80::1", "::1", "8.8.8.8", "", "x"])
def test_what_the_database_does_not_have_is_nowhere(tmp_path: Path, address: str) -> None:
    assert GeoIP.open(mmdb.write(tmp_path / "city.mmdb")).of(address) is None
    assert places_of("").of(address) is None


def test_a_database_of_countries_knows_countries(tmp_path: Path) -> None:
    germany = {"81.2.69.0/24": {"country": mmdb.BERLIN["country"]}}
    file = mmdb.write(tmp_path / "country.mmdb", germany, "DBIP-Country-Lite")
    place = GeoIP.open(file).of("81.2.69.160")
    assert place == Place("DE", {"de": "Deutschland", "en": "Germany"})


def test_what_is_said_of_no_country_is_no_place(tmp_path: Path) -> None:
    record = {"continent": {"code": "EU"}, "location": {"latitude": 1.0, "longitude": 2.0}}
    file = mmdb.write(tmp_path / "sea.mmdb", {"81.2.69.0/24": record})
    assert GeoIP.open(file).of("81.2.69.1") is None


def test_what_is_of_no_use_is_refused_in_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"no database")
    networks = mmdb.write(tmp_path / "asn.mmdb", {"81.2.69.0/24": {"asn": 1}}, "GeoLite2-ASN")
    for path, said in (
        (str(tmp_path / "none.mmdb"), "cannot be read: No such file or directory."),
        (str(tmp_path), "no GeoIP database"),
        (str(broken), "no GeoIP database"),
        (networks, "GeoLite2-ASN"),
    ):
        with pytest.raises(UnusableDatabase, match=said):
            places_of(path)


def test_a_damaged_database_stops_nobody_from_signing_in(tmp_path: Path) -> None:
    whole = Path(mmdb.write(tmp_path / "whole.mmdb")).read_bytes()
    damaged = tmp_path / "damaged.mmdb"
    # What describes it stands at the end, so it opens all the same.
    end = whole.rindex(_METADATA)
    damaged.write_bytes(b"\xff" * end + whole[end:])
    assert GeoIP.open(str(damaged)).of("81.2.69.160") is None


def test_the_service_does_not_start_without_the_database_that_it_is_told_of() -> None:
    servers = {f"SESSIONS_{name}_URL": "x://" for name in ("MONGO", "REDIS", "RABBITMQ")}
    told = {"SESSIONS_GEOIP_DATABASE": "/none.mmdb", "SESSIONS_SERVICE_KEY": "key", **servers}
    ended = subprocess.run(
        [sys.executable, "-m", "services.sessions"],
        env={**os.environ, **told}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("The GeoIP database /none.mmdb cannot be read")
    assert "Traceback" not in ended.stderr
