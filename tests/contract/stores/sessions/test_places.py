"""How every ActivityStore keeps where attempts were from, and how little MongoDB reads for it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pymongo import DESCENDING

from services.sessions.attempts import NewAttempt
from services.sessions.mongo.activity import SEEN, MongoActivityStore
from services.sessions.places import Place, Sighting
from services.sessions.store import ActivityStore
from shared.wiring import Wiring
from tests.memory.activity import MemoryActivity
from tests.memory.clock import StoppedClock
from tests.memory.places import BERLIN, POTSDAM, TOKYO
from tests.plans import examined_by

SIGNED_IN = NewAttempt(sub="ada", outcome="signed-in", app="portal", familiar=True, place=BERLIN)


@pytest.fixture(params=["memory", "mongodb"])
def activity(request: pytest.FixtureRequest) -> ActivityStore:
    if request.param == "memory":
        return MemoryActivity()
    return MongoActivityStore(request.getfixturevalue("sessions").database)


async def seen(
    store: ActivityStore, id: str, place: Place | None = BERLIN, **said: Any
) -> Sighting:
    """Keep an attempt from a place, and return it as one to be compared with those before."""
    if isinstance(store, MemoryActivity) and isinstance(store.clock, StoppedClock):
        store.clock.advance(1)
    await store.add_attempt(id, replace(SIGNED_IN, place=place, **said))
    row = await store.attempt(said.get("sub", "ada"), id)
    assert row is not None
    # Two may be kept in the same millisecond, and what was before has to be earlier.
    return Sighting(id, "ada", row.at + timedelta(milliseconds=1), place or BERLIN)


async def test_what_is_from_a_place_is_compared_once_and_in_its_order(
    activity: ActivityStore,
) -> None:
    await seen(activity, "a")
    await seen(activity, "none", None)
    await seen(activity, "b", TOKYO)
    found = await activity.to_compare(limit=10)
    assert [(each.id, each.place) for each in found] == [("a", BERLIN), ("b", TOKYO)]
    assert [each.id for each in await activity.to_compare(limit=1)] == ["a"]
    await activity.compared("a", ())
    for _ in range(2):
        await activity.compared("b", ("new-place",))
    assert await activity.to_compare(limit=10) == []
    shown = await activity.attempt("ada", "b")
    assert shown is not None
    assert (shown.flags, shown.flagged) == (("new-place",), True)
    assert shown.place_names == TOKYO.names


async def test_what_counts_is_where_its_subject_was(activity: ActivityStore) -> None:
    await seen(activity, "guess", TOKYO, outcome="wrong-password")
    await seen(activity, "other", TOKYO, sub="eve")
    now = await seen(activity, "guess-2", TOKYO, outcome="wrong-password")
    assert await activity.last_sighting(before=now) is None
    home = await seen(activity, "home")
    last = await activity.last_sighting(before=home)
    assert last is not None
    assert (last.id, last.place) == ("home", BERLIN)
    assert await activity.was_near(replace(home, place=POTSDAM))
    assert await activity.was_near(replace(home, place=Place("DE", {})))
    for place in (TOKYO, Place("JP", {})):
        assert not await activity.was_near(replace(home, place=place))
    # It is the place of whoever says so, and not of whoever it was not.
    assert await activity.report("ada", "guess", "mine") is not None
    assert await activity.was_near(replace(home, place=TOKYO))
    assert await activity.report("ada", "home", "not-mine") is not None
    assert not await activity.was_near(home)


async def test_who_did_not_get_in_was_not_there(activity: ActivityStore) -> None:
    await seen(activity, "a")
    await activity.change_outcome("a", "overtaken")
    now = await seen(activity, "b", None)
    assert await activity.last_sighting(before=now) is None
    # Saying of what was from nowhere that it was them puts nobody anywhere.
    await activity.report("ada", "b", "mine")
    assert await activity.last_sighting(before=now) is None


async def test_what_is_compared_reads_a_row_or_two(sessions: Wiring) -> None:
    store, many = MongoActivityStore(sessions.database), 5_000
    now = await seen(store, "first")
    pattern = await store.database["activity"].find_one()
    assert pattern is not None
    del pattern["compare_at"]
    await store.database["activity"].insert_many(
        pattern | {"_id": f"{number:04}", "at": pattern["at"] - timedelta(minutes=number)}
        for number in range(1, many)
    )
    for place, most in ((BERLIN, 1), (POTSDAM, 1), (TOKYO, 0)):
        query = store.near_query(replace(now, place=place))
        ordered: dict[str, Any] = {"sort": {"at": DESCENDING}, "limit": 1, "hint": SEEN}
        asked = {"find": "activity", "filter": query, **ordered}
        read = await examined_by(store.database, asked)
        assert read <= most
    marked = {"compare_at": {"$exists": True}}
    asked = {"find": "activity", "filter": marked, "sort": {"compare_at": 1}, "limit": 50}
    assert await examined_by(store.database, asked) == 1
