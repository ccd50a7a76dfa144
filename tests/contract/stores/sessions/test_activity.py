"""How every ActivityStore keeps attempts, and how little of them MongoDB reads for a page."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import ASCENDING, DESCENDING

from services.sessions.attempts import NewAttempt
from services.sessions.mongo.activity import MongoActivityStore
from services.sessions.store import ActivityStore
from shared.contracts.activity import Attempt
from shared.contracts.refusals import UnknownCursor
from shared.wiring import Wiring
from tests.contract.stores.sessions.cases import Case
from tests.memory.activity import MemoryActivity
from tests.plans import examined_by

WRONG = NewAttempt(
    sub="ada",
    outcome="wrong-password",
    app="portal",
    familiar=False,
    address="192.0.2.7",
    browser="Firefox",
    system="Linux",
)


@pytest.fixture(params=["memory", "mongodb"])
def activity(request: pytest.FixtureRequest) -> ActivityStore:
    if request.param == "memory":
        return MemoryActivity()
    return MongoActivityStore(request.getfixturevalue("sessions").database)


async def rows(store: ActivityStore, sub: str = "ada", **asked: Any) -> list[Attempt]:
    usual: dict[str, Any] = {"words": (), "outcome": None, "after": None, "limit": 10}
    return await store.attempts(sub, **usual | asked)


async def add(store: ActivityStore, *ids: str, attempt: NewAttempt = WRONG) -> None:
    for each in ids:
        await store.add_attempt(each, attempt)


async def test_rows_come_newest_first_and_page_by_page(activity: ActivityStore) -> None:
    await add(activity, "a", "b", "c", "d")
    await add(activity, "x", attempt=replace(WRONG, sub="eve"))
    whole = [each.id for each in await rows(activity)]
    assert sorted(whole) == ["a", "b", "c", "d"]
    first = await rows(activity, limit=3)
    assert [each.id for each in [*first, *await rows(activity, after=first[-1].id)]] == whole
    for after in ("x", "none"):
        with pytest.raises(UnknownCursor):
            await rows(activity, after=after)


async def test_what_is_kept_is_shown(activity: ActivityStore) -> None:
    dollars = replace(WRONG, device_id="device", browser="$at", familiar=True)
    await add(activity, "a", attempt=dollars)
    shown = await activity.attempt("ada", "a")
    assert shown is not None
    assert shown == Attempt(
        id="a", at=shown.at, outcome="wrong-password", address="192.0.2.7", browser="$at",
        system="Linux", app="portal", device_id="device",
    )  # fmt: skip
    await add(activity, "b")
    assert [each.flags for each in await rows(activity)][:1] == [("new-device",)]


async def test_the_same_row_again_is_counted(activity: ActivityStore) -> None:
    assert not await activity.count_again("a")
    await asyncio.gather(*(add(activity, "a") for _ in range(5)))
    assert await activity.count_again("a")
    (row,) = await rows(activity)
    assert row.count == 6


async def test_tallies_are_counted_by_name(activity: ActivityStore) -> None:
    counted = await asyncio.gather(*(activity.tally("ada") for _ in range(5)))
    assert sorted(counted) == [1, 2, 3, 4, 5]
    assert await activity.tally("eve") == 1


async def test_words_are_found_by_how_they_begin(activity: ActivityStore) -> None:
    await add(activity, "a")
    await add(activity, "b", attempt=replace(WRONG, outcome="signed-in", browser="Opera"))
    for words, found in (
        (("192.0",), {"a", "b"}),
        (("fire",), {"a"}),
        (("op", "linux"), {"b"}),
        (("wrong",), {"a"}),
        (("signed", "port"), {"b"}),
        (("fire", "signed"), set()),
        (("192x0",), set()),
        (("2.7",), set()),
        (("$",), set()),
        ((".*",), set()),
        (("[",), set()),
    ):
        assert {each.id for each in await rows(activity, words=words)} == found, words
    assert [each.id for each in await rows(activity, outcome="signed-in")] == ["b"]


async def test_an_outcome_may_turn_out_to_be_another(activity: ActivityStore) -> None:
    await add(activity, "a", attempt=replace(WRONG, outcome="signed-in"))
    await activity.change_outcome("a", "overtaken")
    assert [each.id for each in await rows(activity, words=("overtaken",))] == ["a"]
    assert await rows(activity, words=("signed",)) == []


async def test_only_its_subject_reads_and_reports_a_row(activity: ActivityStore) -> None:
    await add(activity, "a")
    assert await activity.attempt("eve", "a") is None
    assert await activity.report("eve", "a", "mine") is None
    reported = await activity.report("ada", "a", "mine")
    assert reported is not None
    assert reported.reported == "mine"
    assert await activity.attempt("ada", "a") == reported


async def test_a_report_holds_with_its_transaction(case: Case) -> None:
    store = case.store
    activity: ActivityStore = getattr(store, "activity", None) or MongoActivityStore(
        store.database  # type: ignore[attr-defined]
    )
    await case.open_epoch("ada")
    await add(activity, "a")

    async def work(tx: Any, *, fails: bool) -> list[Attempt | None]:
        noted = [await tx.report(sub, "a", "not-mine") for sub in ("ada", "eve")]
        if fails:
            raise ZeroDivisionError
        return noted

    with pytest.raises(ZeroDivisionError):
        await store.in_transaction(lambda tx: work(tx, fails=True))
    assert (await rows(activity))[0].reported is None
    noted = await store.in_transaction(lambda tx: work(tx, fails=False))
    assert noted == [await activity.attempt("ada", "a"), None]
    assert (await rows(activity))[0].reported == "not-mine"


async def test_days_are_summed_up_by_outcome(activity: ActivityStore) -> None:
    await add(activity, "a", "a", "b")
    await add(activity, "c", attempt=replace(WRONG, outcome="signed-in"))
    at = (await rows(activity))[0].at
    found = await activity.by_day("ada", since=at - timedelta(days=1))
    assert [(each.day, each.outcome, each.count) for each in found] == [
        (at.date(), "signed-in", 1), (at.date(), "wrong-password", 3),
    ]  # fmt: skip
    assert await activity.by_day("ada", since=at + timedelta(days=1)) == []
    assert await activity.by_day("eve", since=at - timedelta(days=1)) == []


@pytest.fixture
def mongo(sessions: Wiring) -> MongoActivityStore:
    return MongoActivityStore(sessions.database)


async def test_what_is_to_be_forgotten_is_shown_no_more(mongo: MongoActivityStore) -> None:
    await add(mongo, "a", "b")
    await mongo.database["activity"].update_one(
        {"_id": "a"}, {"$set": {"forget_at": datetime.now(UTC) - timedelta(seconds=1)}}
    )
    assert [each.id for each in await rows(mongo)] == ["b"]
    assert await mongo.attempt("ada", "a") is None
    assert await mongo.report("ada", "a", "mine") is None


async def test_each_row_is_forgotten_in_its_time(mongo: MongoActivityStore) -> None:
    await add(mongo, "a")
    await add(mongo, "b", attempt=replace(WRONG, known=False))
    documents = {each["_id"]: each async for each in mongo.database["activity"].find()}
    days = [(each["forget_at"] - each["at"]).days for each in documents.values()]
    assert sorted(days) == [1, 90]
    for name in ("activity", "activity_tallies"):
        indexes = await mongo.database[name].index_information()
        assert [each for each in indexes.values() if each.get("expireAfterSeconds") == 0]


async def test_a_page_of_many_rows_reads_about_a_page(mongo: MongoActivityStore) -> None:
    many, page = 10_000, 50
    await add(mongo, "first")
    pattern = await mongo.database["activity"].find_one()
    assert pattern is not None
    copies = [
        pattern | {"_id": f"{number:05}", "at": pattern["at"] - timedelta(minutes=number)}
        for number in range(1, many)
    ]
    await mongo.database["activity"].insert_many([*copies, pattern | {"_id": "x", "sub": "eve"}])

    async def examined(after: str | None = None, *words: str, sub: str = "ada") -> int:
        asked = await mongo.query(sub, words=words, outcome=None, after=after)
        ordered = {"at": DESCENDING, "_id": ASCENDING}
        command = {"find": "activity", "filter": asked, "sort": ordered, "limit": page}
        return await examined_by(mongo.database, command)

    assert await examined() <= page + 1
    assert await examined(f"{many // 2:05}") <= page + 2
    assert await examined(f"{many // 2:05}", "fire") <= page + 2
    days = mongo.days_of("ada", since=pattern["at"] - timedelta(days=29))
    summed_up = {"aggregate": "activity", "pipeline": days, "cursor": {}}
    assert await examined_by(mongo.database, summed_up) == 0
    # What is not found has been looked for in one's own rows, and in no other's.
    assert await examined(None, "opera") <= many
    assert await examined(None, "opera", sub="eve") == 1


async def test_the_index_of_an_earlier_version_goes_when_there_is_the_new_one(
    mongo: MongoActivityStore,
) -> None:
    before = [("sub", ASCENDING), ("at", DESCENDING), ("_id", ASCENDING)]
    await mongo.database["activity"].create_index(before)
    for _ in range(2):
        await mongo.install()
        indexes = await mongo.database["activity"].index_information()
        assert set(indexes) == {"_id_", "by_time", "seen", "compare_at_1", "forget_at_1"}
