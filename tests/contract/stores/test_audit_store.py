"""What every AuditStore does, in memory and in MongoDB alike."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from services.profile.audit import Audit, AuditInspection, Inspected
from services.profile.mongo_audit import MongoAuditStore
from services.profile.store import AuditStore
from services.profile.trail import BrokenTrail, Entry, Seal
from shared.clock import SystemClock
from shared.contracts.audit import Actor, AuditFilter
from shared.contracts.events import Audited
from shared.wiring import Wiring
from tests.memory.audit import MemoryAudit
from tests.memory.profile import MemoryPeople

AT = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
SEAL = Seal(b"a test's key")


@pytest.fixture(params=["memory", "mongodb"])
def store(request: pytest.FixtureRequest) -> AuditStore:
    if request.param == "memory":
        return MemoryAudit(SEAL)
    wiring = request.getfixturevalue("profile")
    return MongoAuditStore(wiring.database, wiring.transactions, SEAL)


def event(subject: str, organization: str = "halden") -> Audited:
    actor = Actor(sub="ada", organization=organization)
    return Audited.of(actor, "add-user", at=AT, subject=subject, details={"roles": "admin", "n": 1})


async def keep(store: AuditStore, told: Audited) -> None:
    await Audit(store, MemoryPeople(), SystemClock()).keep(told)


async def all_of(store: AuditStore, organization: str = "halden") -> list[Entry]:
    return await store.entries(organization, limit=1000)


async def verified(store: AuditStore) -> Inspected:
    (found,) = [each async for each in AuditInspection(store, SEAL).all()]
    return found


async def is_intact(store: AuditStore) -> bool:
    return not (await verified(store)).faults


async def test_what_is_told_is_appended_as_it_was_told(store: AuditStore) -> None:
    told = event("bo")
    before = datetime.now(UTC) - timedelta(seconds=5)
    await keep(store, told)
    (entry,) = await all_of(store)
    kept = entry.told
    assert (kept.id, kept.actor, kept.subject, kept.action) == (told.id, "ada", "bo", "add-user")
    assert (kept.outcome, kept.reason, kept.details) == ("done", None, {"roles": "admin", "n": 1})
    assert kept.occurred_at == AT.replace(microsecond=123_000)
    assert before < entry.at < datetime.now(UTC) + timedelta(seconds=5)
    assert (entry.sequence, entry.previous) == (1, "")
    assert await is_intact(store)


async def test_every_organization_has_a_trail_of_its_own(store: AuditStore) -> None:
    for organization in ("halden", "elsewhere", "halden"):
        await keep(store, event("bo", organization))
    assert await store.organizations() == ["elsewhere", "halden"]
    assert [each.sequence for each in await all_of(store)] == [1, 2]
    assert [each.sequence for each in await all_of(store, "elsewhere")] == [1]
    assert await store.head("nowhere") is None


async def test_pages_join(store: AuditStore) -> None:
    for number in range(5):
        await keep(store, event(f"person-{number}"))
    first = await store.entries("halden", after=0, limit=3)
    rest = await store.entries("halden", after=first[-1].sequence, limit=3)
    assert [each.told.subject for each in (*first, *rest)] == [f"person-{n}" for n in range(5)]


async def test_one_event_told_twice_is_one_entry(store: AuditStore) -> None:
    told = event("bo")
    await asyncio.gather(*(keep(store, told) for _ in range(4)))
    await keep(store, told)
    assert len(await all_of(store)) == 1
    assert await is_intact(store)


async def test_of_many_at_once_each_has_its_place(store: AuditStore) -> None:
    told = [event(f"person-{number}") for number in range(12)]
    await asyncio.gather(*(keep(store, each) for each in told))
    entries = await all_of(store)
    assert {each.told.id for each in entries} == {each.id for each in told}
    assert [each.sequence for each in entries] == list(range(1, 13))
    assert await is_intact(store)


async def test_a_crash_in_between_leaves_no_half_an_entry(
    profile: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, told = MongoAuditStore(profile.database, profile.transactions, SEAL), event("bo")

    def crash(_seal: Seal, _entry: Entry) -> None:
        raise ZeroDivisionError

    await keep(store, event("cy"))
    with monkeypatch.context() as broken:
        broken.setattr(Seal, "head", crash)
        with pytest.raises(ZeroDivisionError):
            await keep(store, told)
    assert len(await all_of(store)) == 1
    await keep(store, told)
    assert [each.told.subject for each in await all_of(store)] == ["cy", "bo"]
    assert await is_intact(store)


async def test_nothing_is_appended_to_a_head_that_was_altered(profile: Wiring) -> None:
    store = MongoAuditStore(profile.database, profile.transactions, SEAL)
    for subject in ("bo", "cy"):
        await keep(store, event(subject))
    first = (await all_of(store))[0]
    await profile.database["audit"].delete_one({"sequence": 2})
    back = {"$set": {"sequence": 1, "hash": first.hash}}
    await profile.database["audit-heads"].update_one({"_id": "halden"}, back)
    told = event("di")
    with pytest.raises(BrokenTrail):
        await keep(store, told)
    assert await all_of(store) == [first]
    # The event is not taken for handled: it waits until the trail is whole again.
    sealed = SEAL.head(first)
    await profile.database["audit-heads"].update_one(
        {"_id": "halden"}, {"$set": {"seal": sealed.seal}}
    )
    await keep(store, told)
    assert len(await all_of(store)) == 2


async def test_a_page_holds_what_is_asked_for_from_either_end(store: AuditStore) -> None:
    for number in range(6):
        await keep(store, event("bo" if number % 2 else "cy"))
    bos = AuditFilter(subject="bo", actor="ada", action="add-user")
    newest = await store.entries("halden", limit=2, oldest_first=False, wanted=bos)
    assert [each.sequence for each in newest] == [6, 4]
    rest = await store.entries("halden", after=4, limit=9, oldest_first=False, wanted=bos)
    assert [each.sequence for each in rest] == [2]
    for wanted in (AuditFilter(actor="bo"), AuditFilter(action="x"), AuditFilter(subject="di")):
        assert await store.entries("halden", limit=9, wanted=wanted) == []


@dataclass(frozen=True)
class Tampering:
    """What somebody does who can write to the store and has not the key."""

    profile: Wiring

    async def alter(self) -> None:
        change = {"$set": {"actor": "somebody-else"}}
        await self.profile.database["audit"].update_one({"sequence": 2}, change)

    async def strip(self) -> None:
        await self.profile.database["audit"].update_one({"sequence": 2}, {"$unset": {"at": ""}})

    async def delete(self) -> None:
        await self.profile.database["audit"].delete_one({"sequence": 2})

    async def reorder(self) -> None:
        for before, after in ((2, 99), (3, 2), (99, 3)):
            moved = {"$set": {"sequence": after}}
            await self.profile.database["audit"].update_one({"sequence": before}, moved)

    async def cut_off(self) -> None:
        await self.profile.database["audit"].delete_many({"sequence": {"$gt": 2}})

    async def cut_off_with_the_head(self) -> None:
        await self.cut_off()
        await self.profile.database["audit-heads"].update_one({}, {"$set": {"sequence": 2}})

    async def take_the_head(self) -> None:
        await self.profile.database["audit-heads"].delete_many({})

    async def move_to_another_organization(self) -> None:
        moved = {"$set": {"organization": "elsewhere"}}
        await self.profile.database["audit"].update_one({"sequence": 4}, moved)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("alter", {(2, "altered")}),
        ("strip", {(2, "altered")}),
        ("delete", {(2, "missing")}),
        ("reorder", {(2, "altered"), (3, "altered"), (4, "out-of-order")}),
        ("cut_off", {(3, "cut-off")}),
        ("cut_off_with_the_head", {(2, "head-altered"), (2, "out-of-order")}),
        ("take_the_head", {(0, "head-altered")}),
        (
            "move_to_another_organization",
            {(1, "missing"), (4, "altered"), (0, "head-altered"), (4, "cut-off")},
        ),
    ],
)
async def test_whatever_is_done_to_the_trail_behind_our_back_is_found(
    profile: Wiring, how: str, expected: set[tuple[int, str]]
) -> None:
    store = MongoAuditStore(profile.database, profile.transactions, SEAL)
    for number in range(4):
        await keep(store, event(f"person-{number}"))
    assert await is_intact(store)
    await getattr(Tampering(profile), how)()
    found = [each async for each in AuditInspection(store, SEAL).all()]
    faults = {(fault.sequence, fault.wrong) for each in found for fault in each.faults}
    assert faults == expected


async def test_a_long_trail_is_gone_through_page_by_page(
    store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.profile.audit._PAGE", 2)
    for number in range(5):
        await keep(store, event(f"person-{number}"))
    found = await verified(store)
    assert (found.entries, found.faults) == (5, ())
    assert found.hash == (await all_of(store))[-1].hash
