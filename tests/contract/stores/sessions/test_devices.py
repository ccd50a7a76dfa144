"""How every SessionStore keeps devices, disables them, and tells of new ones."""

import asyncio
from typing import Any

import pytest

from services.sessions.model import Ending, KnownDevice, new_devices
from services.sessions.mongo.sessions import MongoSessionStore
from services.sessions.store import SessionStore
from shared.contracts.epochs import Raised
from shared.contracts.events import Cause
from shared.contracts.refusals import UnknownCursor
from shared.contracts.sessions import EstablishSession
from shared.contracts.trust import TrustTerms
from shared.mongo import Document
from shared.wiring import Wiring
from tests.contract.stores.sessions.cases import AT, DAY, WHERE, Case, raised, revocation, state_of
from tests.memory.places import BERLIN, TOKYO

TERMS = TrustTerms(days=30, version=2)
CAUSE: Cause = "device-disabled"


async def add(store: SessionStore, name: str, sub: str = "ada", agent: str | None = None) -> None:
    device = KnownDevice(id=name, sub=sub, name=f"The {name}")
    await store.add_device(device, key_hash=f"key-{name}", user_agent=agent)
    # Two of one moment have no order.
    await asyncio.sleep(0.005)


async def disable(store: SessionStore, name: str, sub: str = "ada") -> bool:
    return await store.in_transaction(lambda tx: tx.disable(sub, name))


async def enable(store: SessionStore, name: str, sub: str = "ada") -> bool:
    return await store.in_transaction(lambda tx: tx.enable(sub, name))


async def ids_of(store: SessionStore, **more: Any) -> list[str]:
    return [each.id for each in await store.devices_of("ada", **{"after": None, "limit": 9} | more)]


async def test_devices_come_in_the_order_of_their_use_in_pages(case: Case) -> None:
    await case.open_epoch("ada")
    store = case.store
    for name in ("first", "second", "third"):
        await add(store, name)
    await add(store, "hers", "eve")
    await store.device_seen("first")
    assert await ids_of(store) == ["first", "third", "second"]
    assert await ids_of(store, limit=2) == ["first", "third"]
    assert await ids_of(store, after="third") == ["second"]
    for unknown in ("hers", "no-such-device"):
        with pytest.raises(UnknownCursor):
            await ids_of(store, after=unknown)
    hers = await store.find_device("hers")
    assert hers is not None
    assert (hers.id, hers.sub, hers.name) == ("hers", "eve", "The hers")
    assert await store.find_device("no-such-device") is None


async def test_a_device_is_listed_as_it_was_used_last(case: Case) -> None:
    await case.open_epoch("ada")
    store = case.store
    await add(store, "old")
    await add(store, "laptop", agent="Browser/1")
    await store.device_seen("laptop", user_agent="$name")
    await store.trust_device("laptop", TERMS, epoch=1, factor="phone")
    laptop, old = await store.devices_of("ada", after=None, limit=9)
    assert (laptop.name, laptop.user_agent, old.user_agent) == ("The laptop", "$name", None)
    assert laptop.first_seen_at < laptop.last_seen_at
    assert laptop.trust is not None
    assert (laptop.trust.version, laptop.trust.epoch, old.trust) == (2, 1, None)
    await raised(store)
    assert all(each.trust is None for each in await store.devices_of("ada", after=None, limit=9))


async def test_a_device_is_where_it_was_signed_in_on_last(case: Case) -> None:
    await case.open_epoch("ada")
    store = case.store
    device = KnownDevice(id="laptop", sub="ada", name="")
    await store.add_device(device, key_hash="key", user_agent="Browser/1", place=BERLIN)

    async def place() -> dict[str, str]:
        (listed,) = await store.devices_of("ada", after=None, limit=9)
        return listed.place_names

    assert await place() == BERLIN.names
    await store.device_seen("laptop")
    assert await place() == BERLIN.names
    await store.device_seen("laptop", user_agent="Browser/1", place=TOKYO)
    assert await place() == TOKYO.names
    # Where it is now is not where it was before.
    await store.device_seen("laptop", user_agent="Browser/1")
    assert await place() == {}


async def test_a_device_is_disabled_once_and_its_trust_forgotten(case: Case) -> None:
    await case.open_epoch("ada")
    store = case.store
    await add(store, "laptop")
    await add(store, "phone")
    await store.trust_device("laptop", TERMS, epoch=1, factor="phone")
    assert not await disable(store, "laptop", "eve")
    assert not await disable(store, "no-such-device")
    assert await disable(store, "laptop")
    assert not await disable(store, "laptop")
    await store.trust_device("laptop", TERMS, epoch=1, factor="phone")
    known = await store.device_with_key("key-laptop")
    assert known == KnownDevice("laptop", "ada", "The laptop", disabled=True)
    assert (await store.is_disabled("laptop"), await store.is_disabled("phone")) == (True, False)
    assert await ids_of(store) == ["phone"]
    assert await ids_of(store, after="laptop") == []
    kept = await store.devices_of("ada", after=None, limit=9, with_disabled=True)
    assert {each.id: each.disabled_at is not None for each in kept} == {
        "laptop": True, "phone": False,
    }  # fmt: skip
    assert not await enable(store, "laptop", "eve")
    assert await enable(store, "laptop")
    assert not await enable(store, "laptop")
    assert await store.device_with_key("key-laptop") == KnownDevice("laptop", "ada", "The laptop")


async def test_what_is_open_on_a_device_is_found_and_leaves_a_receipt_that_raises_nothing(
    case: Case,
) -> None:
    await case.open_epoch("ada")
    store = case.store
    asked = EstablishSession(sub="ada", epoch=1, where=WHERE)
    here, _ = [
        await store.add_session(asked, device_id=each, proof="x", policy=DAY)
        for each in ("laptop", "phone")
    ]
    batch = await store.to_end(Ending("ada", 0, CAUSE, None, device="laptop"), limit=9)
    assert (batch.valid, batch.more) == ((here.sid,), False)
    assert (await store.to_end(Ending("eve", 0, CAUSE, None, device="laptop"), limit=9)).valid == ()

    async def work(tx: Any) -> Raised:
        left: Raised = await tx.leave_receipt("ada", "laptop", CAUSE)
        await tx.note(left.receipt, batch)
        await tx.close(batch, CAUSE)
        return left

    first = await raised(store)
    left = await store.in_transaction(work)
    last = await raised(store)
    assert (left.epoch, await store.epoch_of("ada")) == (2, 3)
    assert (await state_of(store, here)).ended_by == CAUSE
    found = await revocation(store, left.receipt)
    assert (found.device, found.cause, found.completed_at) == ("laptop", CAUSE, None)
    assert [each.sid for each in found.sessions] == [here.sid]
    newest, device, oldest = await store.revocations_of("ada", after=None, limit=9)
    assert [each.receipt for each in (newest, device, oldest)] == [
        last.receipt, left.receipt, first.receipt,
    ]  # fmt: skip
    assert await store.revocations_of("ada", after=newest, limit=9) == [device, oldest]
    assert await store.revocations_of("ada", after=device, limit=9) == [oldest]
    explaining = await store.revocation_after("ada", 1)
    assert explaining is not None
    assert explaining.receipt == first.receipt
    await case.open_epoch("eve")
    await store.in_transaction(lambda tx: tx.leave_receipt("eve", "tablet", CAUSE))
    assert await store.revocation_after("eve", 0) is None


async def test_new_devices_are_told_of_once_and_the_first_is_not(case: Case) -> None:
    store, told = case.store, []

    def event_of(sub: str, devices: tuple[str, ...]) -> Any:
        told.append((sub, devices))
        return new_devices(sub, devices, at=AT)

    async def tell() -> list[tuple[str, tuple[str, ...]]]:
        told.clear()
        while await store.tell_next_new(event_of):
            pass
        return list(told)

    await add(store, "hers", "eve")
    await add(store, "first")
    assert await tell() == []
    await add(store, "second")
    await add(store, "third")
    assert await tell() == [("ada", ("second", "third"))]
    # What is new a moment later waits.
    await add(store, "fourth")
    assert await tell() == []
    assert await case.emitted() == ["new-device.second"]


async def test_the_lists_are_in_the_order_of_an_index(sessions: Wiring) -> None:
    store = MongoSessionStore(sessions.database, sessions.epochs, sessions.transactions)
    for name in ("one", "two"):
        await add(store, name)
    newest = {"last_seen_at": -1, "_id": 1}
    await assert_indexed(sessions, "devices", {"sub": "ada", "disabled_at": None}, newest)
    await assert_indexed(sessions, "devices", {"tell_at": {"$exists": True}}, {"tell_at": 1})
    await assert_indexed(sessions, "devices", {"_id": {"$in": ["one"]}, "disabled_at": None}, {})
    open_there = {"sub": "ada", "open": True, "ended_by": None, "device_id": "one"}
    await assert_indexed(sessions, "sessions", open_there, {})


async def assert_indexed(wiring: Wiring, collection: str, query: Document, order: Document) -> None:
    asked = {"find": collection, "filter": query} | ({"sort": order} if order else {})
    plan = str((await wiring.database.command("explain", asked))["queryPlanner"]["winningPlan"])
    assert "COLLSCAN" not in plan
    assert "'SORT'" not in plan
    assert "IXSCAN" in plan or "IDHACK" in plan
