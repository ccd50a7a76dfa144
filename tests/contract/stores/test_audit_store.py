"""What every AuditStore does, in memory and in MongoDB alike."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.profile.audit import Audit
from services.profile.mongo_audit import MongoAuditStore
from services.profile.store import AuditStore
from services.profile.trail import BrokenTrail, Entry, Inspection, Seal
from shared.contracts.audit import Actor
from shared.contracts.events import Audited
from shared.wiring import Wiring
from tests.memory.audit import MemoryAudit

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


async def all_of(store: AuditStore, organization: str = "halden") -> list[Entry]:
    return await store.entries(organization, after=0, limit=1000)


async def is_intact(store: AuditStore, organization: str = "halden") -> bool:
    head = await store.head(organization)
    inspection = Inspection(SEAL, organization, head)
    found = [
        fault for entry in await all_of(store, organization) for fault in inspection.entry(entry)
    ]
    return not [*found, *inspection.end(head)]


async def test_what_is_told_is_appended_as_it_was_told(store: AuditStore) -> None:
    told = event("bo")
    before = datetime.now(UTC) - timedelta(seconds=5)
    await Audit(store).keep(told)
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
        await Audit(store).keep(event("bo", organization))
    assert await store.organizations() == ["elsewhere", "halden"]
    assert [each.sequence for each in await all_of(store)] == [1, 2]
    assert [each.sequence for each in await all_of(store, "elsewhere")] == [1]
    assert await store.head("nowhere") is None


async def test_pages_join(store: AuditStore) -> None:
    for number in range(5):
        await Audit(store).keep(event(f"person-{number}"))
    first = await store.entries("halden", after=0, limit=3)
    rest = await store.entries("halden", after=first[-1].sequence, limit=3)
    assert [each.told.subject for each in (*first, *rest)] == [f"person-{n}" for n in range(5)]


async def test_one_event_told_twice_is_one_entry(store: AuditStore) -> None:
    told = event("bo")
    await asyncio.gather(*(Audit(store).keep(told) for _ in range(4)))
    await Audit(store).keep(told)
    assert len(await all_of(store)) == 1
    assert await is_intact(store)


async def test_of_many_at_once_each_has_its_place(store: AuditStore) -> None:
    told = [event(f"person-{number}") for number in range(12)]
    await asyncio.gather(*(Audit(store).keep(each) for each in told))
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

    await Audit(store).keep(event("cy"))
    with monkeypatch.context() as broken:
        broken.setattr(Seal, "head", crash)
        with pytest.raises(ZeroDivisionError):
            await Audit(store).keep(told)
    assert len(await all_of(store)) == 1
    await Audit(store).keep(told)
    assert [each.told.subject for each in await all_of(store)] == ["cy", "bo"]
    assert await is_intact(store)


async def test_nothing_is_appended_to_a_head_that_was_altered(profile: Wiring) -> None:
    store = MongoAuditStore(profile.database, profile.transactions, SEAL)
    for subject in ("bo", "cy"):
        await Audit(store).keep(event(subject))
    first = (await all_of(store))[0]
    await profile.database["audit"].delete_one({"sequence": 2})
    back = {"$set": {"sequence": 1, "hash": first.hash}}
    await profile.database["audit-heads"].update_one({"_id": "halden"}, back)
    told = event("di")
    with pytest.raises(BrokenTrail):
        await Audit(store).keep(told)
    assert await all_of(store) == [first]
    # The event is not taken for handled: it waits until the trail is whole again.
    sealed = SEAL.head(first)
    await profile.database["audit-heads"].update_one(
        {"_id": "halden"}, {"$set": {"seal": sealed.seal}}
    )
    await Audit(store).keep(told)
    assert len(await all_of(store)) == 2
