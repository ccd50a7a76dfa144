"""Which places are unfamiliar, and which nobody gets to in time."""

from datetime import UTC, datetime, timedelta

import pytest

from services.sessions.places import Place, Position, Sighting, flags_of, is_impossible
from shared.contracts.activity import Attempt, ListAttempts, NoteAttempt, ReportMine
from shared.contracts.sessions import EstablishSession, Where
from tests.memory.places import BERLIN, POTSDAM, TOKYO
from tests.unit.sessions.system import System

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOME, NEAR, FAR, NOWHERE = "192.0.2.1", "192.0.2.2", "198.51.100.1", "10.0.0.1"


def at(place: Place, hours: float = 0) -> Sighting:
    return Sighting("a", "ada", AT + timedelta(hours=hours), place)


def test_distances_are_those_on_the_earth_less_what_is_not_known() -> None:
    berlin, tokyo = Position(52.52, 13.41), Position(35.69, 139.69)
    assert berlin.distance_km(tokyo) == pytest.approx(8918, rel=0.01)
    assert Position(0, 179.5).distance_km(Position(0, -179.5)) == pytest.approx(111, rel=0.01)
    assert Position(90, 0).distance_km(Position(-90, 0)) == pytest.approx(20015, rel=0.01)
    vague = Position(35.69, 139.69, radius_km=1000)
    assert vague.distance_km(berlin) == pytest.approx(7918, rel=0.01)
    assert Position(52.0, 13.0, 50).distance_km(Position(52.1, 13.0, 50)) == 0


def test_what_is_near_is_in_the_same_country_and_about_a_hundred_kilometres_away() -> None:
    munich = Place("DE", {}, Position(48.14, 11.58))
    assert BERLIN.is_near(POTSDAM)
    assert not BERLIN.is_near(munich)
    assert not Place("CH", {}, Position(47.56, 7.59)).is_near(Place("DE", {}, Position(47.6, 7.6)))
    # Where a database knows countries alone, these are compared.
    germany = Place("DE", {})
    assert germany.is_near(munich)
    assert munich.is_near(germany)
    assert not germany.is_near(TOKYO)
    # The other side of the date line is near.
    assert Place("FJ", {}, Position(-17, 179.9)).is_near(Place("FJ", {}, Position(-17, -179.9)))


def test_nobody_is_faster_than_an_airliner() -> None:
    assert is_impossible(at(BERLIN), at(TOKYO, 1))
    assert is_impossible(at(BERLIN), at(TOKYO))
    assert not is_impossible(at(BERLIN), at(TOKYO, 11))
    # Nearer, and it may be the database that is wrong.
    assert not is_impossible(at(BERLIN), at(Place("DE", {}, Position(48.14, 11.58))))
    assert not is_impossible(at(BERLIN), at(Place("JP", {})))
    assert not is_impossible(at(Place("JP", {})), at(BERLIN))
    # A clock that was set back says nothing of how long it was.
    assert not is_impossible(at(BERLIN, 1), at(TOKYO))


def test_the_first_place_of_all_is_not_flagged() -> None:
    assert flags_of(None, at(TOKYO), was_near=False) == ()
    assert flags_of(at(BERLIN), at(TOKYO, 1), was_near=False) == ("new-place", "impossible-travel")
    assert flags_of(at(BERLIN), at(TOKYO, 1), was_near=True) == ("impossible-travel",)
    assert flags_of(at(BERLIN), at(TOKYO, 24), was_near=False) == ("new-place",)


@pytest.fixture
def system() -> System:
    built = System.built()
    built.places.by_address |= {HOME: BERLIN, NEAR: POTSDAM, FAR: TOKYO}
    return built


async def sign_in(system: System, address: str, *, hours_later: float = 24) -> None:
    system.clock.advance(hours_later * 3600)
    where = Where(address=address, user_agent="Browser/1")
    await system.issuance.establish(EstablishSession(sub="ada", epoch=1, where=where))
    await system.activity.compare_places()


async def guess(system: System, address: str) -> None:
    system.clock.advance(24 * 3600)
    where = Where(address=address, user_agent="Browser/1")
    await system.activity.note(NoteAttempt(sub="ada", outcome="wrong-password", where=where))
    await system.activity.compare_places()


async def newest(system: System) -> Attempt:
    return (await system.activity.list(ListAttempts(sub="ada", limit=1))).items[0]


async def flags(system: System) -> set[str]:
    attempt = await newest(system)
    assert attempt.flagged == bool(attempt.flags)
    return {each for each in attempt.flags if each != "new-device"}


async def test_a_place_is_new_once(system: System) -> None:
    await sign_in(system, HOME)
    assert await flags(system) == set()
    await sign_in(system, NEAR)
    assert await flags(system) == set()
    await sign_in(system, FAR)
    assert await flags(system) == {"new-place"}
    assert (await newest(system)).place_names["de"] == "Tokio, Japan"
    await sign_in(system, FAR)
    assert await flags(system) == set()
    await sign_in(system, HOME, hours_later=1)
    assert await flags(system) == {"impossible-travel"}
    await sign_in(system, NOWHERE)
    assert await flags(system) == set()
    assert (await newest(system)).place_names == {}


async def test_what_was_refused_makes_no_place_familiar_until_it_was_its_user(
    system: System,
) -> None:
    await guess(system, FAR)
    assert await flags(system) == set()
    await sign_in(system, HOME)
    for _ in range(2):
        await guess(system, FAR)
        assert await flags(system) == {"new-place"}
    await system.activity.mine(ReportMine(sub="ada", id=(await newest(system)).id))
    await sign_in(system, FAR)
    assert await flags(system) == set()


async def test_a_place_that_nobody_was_at_for_a_quarter_is_new_again(system: System) -> None:
    await sign_in(system, FAR)
    await sign_in(system, HOME)
    await sign_in(system, HOME, hours_later=89 * 24)
    await sign_in(system, FAR)
    assert await flags(system) == {"new-place"}


async def test_a_device_is_where_it_was_last_signed_in_on(system: System) -> None:
    await sign_in(system, HOME)
    (kept,) = system.store.devices.values()
    assert kept.listed.place_names == BERLIN.names
    # A session that goes on says nothing of it.
    await system.store.device_seen(kept.known.id)
    (kept,) = system.store.devices.values()
    assert kept.listed.place_names == BERLIN.names
