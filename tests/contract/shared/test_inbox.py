"""The inbox in MongoDB: an event that comes twice has one effect, and a failed one has none."""

import asyncio

import pytest

from shared.transactions import Transaction
from shared.wiring import Wiring


async def add_one(wiring: Wiring, tx: Transaction) -> None:
    counters = wiring.database["counters"]
    await counters.update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True, session=tx.session)


async def effects(wiring: Wiring) -> int:
    found = await wiring.database["counters"].find_one({"_id": 1})
    return int(found["n"]) if found else 0


async def test_an_event_has_its_effect_once(sessions: Wiring) -> None:
    ran = [
        await sessions.transactions.once("e1", lambda tx: add_one(sessions, tx)) for _ in range(3)
    ]
    assert ran == [True, False, False]
    assert await effects(sessions) == 1


async def test_events_of_their_own_each_have_their_effect(sessions: Wiring) -> None:
    for name in ("e1", "e2"):
        assert await sessions.transactions.once(name, lambda tx: add_one(sessions, tx))
    assert await effects(sessions) == 2


async def test_an_event_that_comes_to_many_replicas_at_once_has_one_effect(
    sessions: Wiring,
) -> None:
    ran = await asyncio.gather(
        *(sessions.transactions.once("e1", lambda tx: add_one(sessions, tx)) for _ in range(8))
    )
    assert sorted(ran) == [False] * 7 + [True]
    assert await effects(sessions) == 1


async def test_an_effect_that_fails_is_forgotten_with_its_event(sessions: Wiring) -> None:
    async def failing(tx: Transaction) -> None:
        await add_one(sessions, tx)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await sessions.transactions.once("e1", failing)
    assert await effects(sessions) == 0
    assert await sessions.transactions.once("e1", lambda tx: add_one(sessions, tx))
    assert await effects(sessions) == 1


async def test_each_service_remembers_for_itself(sessions: Wiring, profile: Wiring) -> None:
    assert await sessions.transactions.once("e1", lambda tx: add_one(sessions, tx))
    assert await profile.transactions.once("e1", lambda tx: add_one(profile, tx))


async def test_events_are_remembered_for_a_month(sessions: Wiring) -> None:
    indexes = await sessions.database["inbox"].index_information()
    (expiring,) = [each for each in indexes.values() if "expireAfterSeconds" in each]
    assert expiring["key"] == [("at", 1)]
    assert expiring["expireAfterSeconds"] == 30 * 24 * 3600
    await sessions.transactions.once("e1", lambda tx: add_one(sessions, tx))
    remembered = await sessions.database["inbox"].find_one({"_id": "e1"})
    assert remembered is not None
    assert remembered["at"].tzinfo is not None
