"""The outbox in MongoDB: what is committed goes out at least once, whatever happens between."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from services.sessions.model import sessions_revoked, signed_out_everywhere
from shared.contracts.epochs import Raised
from shared.contracts.events import CredentialChange, Event, SignedOutEverywhere
from shared.inbox import Inbox
from shared.outbox import Outbox
from shared.service import end
from shared.telemetry import traceparent
from shared.transactions import Transaction, Transactions
from shared.wiring import Wiring

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Broker:
    """Confirms what it takes; takes nothing while it is away."""

    away: bool = False
    taken: list[str] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    mandatory: dict[str, bool] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, body: bytes, *, name: str, event_id: str, mandatory: bool) -> None:
        """Take an event."""
        if self.away:
            raise ConnectionError
        self.taken.append(event_id)
        self.bodies[event_id] = body
        self.mandatory[name] = mandatory
        self.arrived.set()


@dataclass
class System:
    """One service's transactions, with a broker that can be away."""

    wiring: Wiring
    broker: Broker
    outbox: Outbox
    transactions: Transactions

    async def emit(self, *events: Event) -> None:
        async def work(tx: Transaction) -> None:
            for event in events:
                await tx.emit(event)

        await self.transactions.run(work)

    async def pending(self) -> list[str]:
        found = self.wiring.database["outbox"].find({"pending": True})
        return sorted([row["_id"] async for row in found])

    async def age(self, seconds: float) -> None:
        """Let what is pending have been written, and leased, this long ago."""
        shift = int(seconds * 1000)
        await self.wiring.database["outbox"].update_many(
            {"pending": True},
            [
                {
                    "$set": {
                        "created_at": {"$subtract": ["$created_at", shift]},
                        "leased_until": {
                            "$cond": [
                                {"$ifNull": ["$leased_until", False]},
                                {"$subtract": ["$leased_until", shift]},
                                "$$REMOVE",
                            ]
                        },
                    }
                }
            ],
        )

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        running = [asyncio.ensure_future(task()) for task in self.outbox.tasks]
        try:
            yield
        finally:
            await asyncio.gather(*map(end, running))


def built(wiring: Wiring, broker: Broker | None = None) -> System:
    broker = broker or Broker()
    outbox = Outbox(wiring.database, broker, "tested")
    transactions = Transactions(wiring.client, outbox, Inbox(wiring.database))
    return System(wiring, broker, outbox, transactions)


@pytest.fixture
def system(sessions: Wiring) -> System:
    return built(sessions)


def event(receipt: str = "r1") -> SignedOutEverywhere:
    return signed_out_everywhere(Raised("ada", 2, receipt, "t"), "signed-out-everywhere", at=AT)


async def until(done: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not await done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def nothing_pends(system: System) -> bool:
    return await system.pending() == []


async def test_what_is_committed_is_published_at_once_and_marked(system: System) -> None:
    async with system.relaying():
        began = time.monotonic()
        await system.emit(event())
        await asyncio.wait_for(system.broker.arrived.wait(), 5)
        assert time.monotonic() - began < 1.5
        await until(lambda: nothing_pends(system))
    assert system.broker.taken == ["r1"]


async def test_what_is_published_is_the_event_with_its_trace(system: System) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    traceparent.set(trace)
    async with system.relaying():
        await system.emit(event())
        await until(lambda: nothing_pends(system))
    told = SignedOutEverywhere.model_validate_json(system.broker.bodies["r1"])
    assert told == event().model_copy(update={"traceparent": trace})


async def test_what_is_aborted_is_never_published(system: System) -> None:
    async def work(tx: Transaction) -> None:
        await tx.emit(event())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await system.transactions.run(work)
    await system.outbox.flush()
    assert await system.pending() == []
    assert system.broker.taken == []


async def test_nothing_is_published_before_the_commit(system: System) -> None:
    async def work(tx: Transaction) -> None:
        await tx.emit(event())
        await system.outbox.flush()
        assert system.broker.taken == []

    await system.transactions.run(work)
    await system.outbox.flush()
    assert system.broker.taken == ["r1"]


async def test_a_transaction_that_is_run_again_emits_once(system: System) -> None:
    attempts, begun = 0, asyncio.Barrier(3)

    async def work(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        counter, is_first = system.wiring.database["counters"], attempts <= begun.parties
        await counter.find_one({"_id": 1}, session=tx.session)
        if is_first:
            # What each of them sees is fixed by now, so one of them writes and the others conflict.
            await begun.wait()
        await tx.emit(event())
        await counter.update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True, session=tx.session)

    await system.wiring.database["counters"].insert_one({"_id": 1, "n": 0})
    await asyncio.gather(*(system.transactions.run(work) for _ in range(3)))
    assert attempts > 3
    await system.outbox.flush()
    assert set(system.broker.taken) == {"r1"}
    found = await system.wiring.database["counters"].find_one({"_id": 1})
    assert found == {"_id": 1, "n": 3}


async def test_what_the_broker_did_not_confirm_stays_pending(system: System) -> None:
    system.broker.away = True
    await system.emit(event())
    await system.outbox.flush()
    assert await system.pending() == ["r1"]


async def test_polling_takes_over_what_was_not_confirmed(system: System) -> None:
    system.broker.away = True
    await system.emit(event("r1"), event("r2"))
    await system.outbox.flush()
    system.broker.away = False
    await system.age(3)
    await system.outbox._poll()
    assert sorted(system.broker.taken) == ["r1", "r2"]
    assert await system.pending() == []


async def test_what_a_process_left_behind_is_published_by_another(sessions: Wiring) -> None:
    crashed, other = built(sessions), built(sessions)
    await crashed.emit(event())
    async with other.relaying():
        await until(lambda: nothing_pends(other))
    assert other.broker.taken == ["r1"]
    assert crashed.broker.taken == []


async def test_a_crash_between_publishing_and_marking_publishes_again(sessions: Wiring) -> None:
    crashed, other = built(sessions), built(sessions)
    await crashed.emit(event())
    (row,) = crashed.outbox._take_fresh()
    assert await crashed.outbox._publish_one(row)
    await other.age(3)
    await other.outbox._poll()
    assert crashed.broker.taken == other.broker.taken == ["r1"]


async def test_polling_leaves_what_is_fresh_to_its_writer(system: System) -> None:
    await system.emit(event())
    await system.outbox._poll()
    assert system.broker.taken == []
    await system.outbox.flush()
    assert system.broker.taken == ["r1"]


async def test_two_relays_do_not_both_publish_the_same(sessions: Wiring) -> None:
    first, second = built(sessions), built(sessions)
    await first.emit(*(event(f"r{number}") for number in range(30)))
    await first.age(3)
    await asyncio.gather(first.outbox._poll(), second.outbox._poll())
    assert sorted(first.broker.taken + second.broker.taken) == sorted(
        f"r{number}" for number in range(30)
    )
    assert await first.pending() == []


async def test_what_a_relay_died_with_is_published_when_its_lease_is_over(
    sessions: Wiring,
) -> None:
    died, other = built(sessions), built(sessions)
    await died.emit(event())
    await died.age(3)
    assert [row["_id"] for row in await died.outbox._claim()] == ["r1"]
    await other.outbox._poll()
    assert other.broker.taken == []
    await other.age(6)
    await other.outbox._poll()
    assert other.broker.taken == ["r1"]


async def test_what_cannot_be_sent_does_not_keep_what_is_behind_it(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.outbox._BATCH", 2)
    for number in range(3):
        await system.emit(event(f"r{number}"))
        await asyncio.sleep(0.005)
    system.outbox._take_fresh()
    await system.age(3)
    system.broker.away = True
    await system.outbox._poll()
    system.broker.away = False
    await system.outbox._poll()
    assert system.broker.taken == ["r2"]
    await system.age(6)
    await system.outbox._poll()
    assert system.broker.taken == ["r2", "r0", "r1"]


async def test_what_is_sent_one_after_the_other_is_marked_together(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = 0
    original = Outbox._mark

    async def counted(self: Outbox) -> None:
        nonlocal marks
        marks += 1
        await original(self)

    monkeypatch.setattr(Outbox, "_mark", counted)
    monkeypatch.setattr("shared.outbox._MARK_SECONDS", 0.5)
    async with system.relaying():
        for number in range(10):
            await system.emit(event(f"r{number}"))
        await until(lambda: nothing_pends(system))
    assert sorted(system.broker.taken) == sorted(f"r{number}" for number in range(10))
    assert marks < 5


async def test_more_than_one_batch_goes_out(system: System) -> None:
    for batch in range(3):
        await system.emit(*(event(f"r{batch}-{number}") for number in range(80)))
    system.outbox._take_fresh()
    await system.age(3)
    await system.outbox._poll()
    assert len(set(system.broker.taken)) == 240
    assert await system.pending() == []


async def test_the_oldest_come_first(system: System) -> None:
    for number in range(5):
        await system.emit(event(f"r{number}"))
        await asyncio.sleep(0.005)
    system.outbox._take_fresh()
    await system.age(3)
    await system.outbox._poll()
    assert system.broker.taken == [f"r{number}" for number in range(5)]


async def test_an_event_is_written_once_under_its_id(system: System) -> None:
    await system.emit(event())
    await system.emit(event())
    assert await system.pending() == ["r1"]


async def test_what_was_sent_and_is_written_again_is_not_pending_again(system: System) -> None:
    await system.emit(event())
    await system.outbox.flush()
    await system.emit(event())
    assert await system.pending() == []


async def test_a_live_hint_may_find_nobody_and_everything_else_must_reach_a_queue(
    system: System,
) -> None:
    await system.emit(event())
    (hint,) = sessions_revoked("ada", ["s1"], "signed-out", receipt=None, at=AT)
    await system.emit(hint)
    await system.outbox.flush()
    assert system.broker.mandatory == {"signed-out-everywhere": True, "session-revoked": False}


async def test_what_was_sent_is_forgotten_a_day_later(sessions: Wiring) -> None:
    indexes = await sessions.database["outbox"].index_information()
    (expiring,) = [each for each in indexes.values() if "expireAfterSeconds" in each]
    assert expiring["key"] == [("sent_at", 1)]
    assert expiring["expireAfterSeconds"] == 24 * 3600


async def test_an_event_that_nobody_knows_is_published_all_the_same(system: System) -> None:
    # A row of an older or newer version of this service must not stop the others.
    rows = system.wiring.database["outbox"]
    await rows.insert_one(
        {"_id": "x", "name": "of-another-version", "body": b"{}", "pending": True, "created_at": AT}
    )
    await system.outbox._poll()
    assert system.broker.mandatory == {"of-another-version": True}


def test_this_service_emits_what_the_contract_names() -> None:
    assert SignedOutEverywhere.must_reach_a_queue
    assert CredentialChange.must_reach_a_queue
