"""What the sessions service is told, through RabbitMQ: twice or out of order, it does no harm."""

from dataclasses import dataclass, replace

import pytest

from services.sessions.model import SessionPolicy, proof_of
from services.sessions.mongo.personal_data import holdings
from services.sessions.mongo.sessions import MongoSessionStore
from services.sessions.revocation import Revocations
from services.sessions.subscribers import subscribe as sessions_hears
from shared.clock import SystemClock
from shared.contracts.epochs import Raised
from shared.contracts.events import AccountPurged, Cause, SessionRevoked
from shared.contracts.sessions import EstablishSession, Session, Where
from shared.personal_data import PersonalData
from shared.wiring import Wiring
from tests.contract.brokers import Brokers
from tests.contract.events.telling import AT, KINDS, Line, changed, disabled, each_kind, signed_out

POLICY = SessionPolicy(idle_seconds=3600, lifetime_seconds=24 * 3600)


@dataclass
class SessionsSide:
    """The sessions service behind its bus."""

    wiring: Wiring
    store: MongoSessionStore
    line: Line

    async def begin(self, epoch: int) -> Session:
        asked = EstablishSession(sub="ada", epoch=epoch, where=Where(address="192.0.2.7"))
        return await self.store.add_session(
            asked, device_id="device", proof=proof_of("x"), policy=POLICY
        )

    async def raised(self, cause: Cause) -> Raised:
        return await self.store.in_transaction(lambda tx: tx.raise_epoch("ada", cause))

    async def ended_by(self, session: Session) -> Cause | None:
        state = await self.store.session("ada", session.sid)
        assert state is not None
        return state.ended_by

    async def told(self) -> list[SessionRevoked]:
        rows = self.wiring.database["outbox"].find({"name": "session-revoked"})
        return [SessionRevoked.model_validate_json(row["body"]) async for row in rows]


@pytest.fixture
async def sessions_side(sessions: Wiring, brokers: Brokers) -> SessionsSide:
    store = MongoSessionStore(sessions.database, sessions.epochs, sessions.transactions)
    bus = brokers.bus()
    kept = holdings(sessions.database, sessions.epochs)
    data = PersonalData("sessions", kept, sessions.transactions, SystemClock())
    sessions_hears(bus, Revocations(store, SystemClock()), data)
    await brokers.run(bus)
    await sessions.transactions.run(lambda tx: sessions.epochs.open("ada", tx.session))
    return SessionsSide(sessions, store, Line(brokers, bus))


@each_kind
async def test_sessions_ends_once_what_it_is_told_twice(
    sessions_side: SessionsSide, kind: str
) -> None:
    tell, cause = KINDS[kind]
    begun = [await sessions_side.begin(1) for _ in range(2)]
    raised = await sessions_side.raised(cause)
    await sessions_side.line.bring(tell(raised), tell(raised))
    assert [await sessions_side.ended_by(each) for each in begun] == [cause, cause]
    (told,) = await sessions_side.told()
    assert set(told.payload.sids) == {each.sid for each in begun}
    receipt = await sessions_side.store.revocation(raised.receipt)
    assert receipt is not None
    assert len(receipt.sessions) == 2


@each_kind
async def test_sessions_ends_once_what_many_deliveries_tell_at_once(
    sessions_side: SessionsSide, kind: str
) -> None:
    tell, cause = KINDS[kind]
    await sessions_side.begin(1)
    raised = await sessions_side.raised(cause)
    await sessions_side.line.bring_at_once(*[tell(raised)] * 5)
    assert len(await sessions_side.told()) == 1


@each_kind
async def test_sessions_ends_nothing_newer_when_events_come_in_reverse(
    sessions_side: SessionsSide, kind: str
) -> None:
    tell, cause = KINDS[kind]
    oldest = await sessions_side.begin(1)
    first = await sessions_side.raised(cause)
    middle = await sessions_side.begin(2)
    second = await sessions_side.raised(cause)
    newest = await sessions_side.begin(3)
    await sessions_side.line.bring(tell(second), tell(first))
    assert await sessions_side.ended_by(oldest) == cause
    assert await sessions_side.ended_by(middle) == cause
    assert await sessions_side.ended_by(newest) is None
    for raised in (first, second):
        receipt = await sessions_side.store.revocation(raised.receipt)
        assert receipt is not None
        assert receipt.completed_at is not None


async def test_sessions_takes_both_events_of_one_moment_in_any_order(
    sessions_side: SessionsSide,
) -> None:
    await sessions_side.begin(1)
    first = await sessions_side.raised("password-changed")
    second = await sessions_side.raised("signed-out-everywhere")
    newest = await sessions_side.begin(3)
    await sessions_side.line.bring_at_once(
        signed_out(second), changed(first), changed(first), signed_out(second)
    )
    assert await sessions_side.ended_by(newest) is None
    assert len({event.id for event in await sessions_side.told()}) == 1


async def test_sessions_does_no_harm_with_an_event_that_was_reconciled_before(
    sessions_side: SessionsSide,
) -> None:
    await sessions_side.begin(1)
    raised = await sessions_side.raised("password-changed")
    revocations = Revocations(sessions_side.store, SystemClock())
    waiting = await sessions_side.store.incomplete(older_than_seconds=-60, limit=9)
    assert [each.receipt for each in waiting] == [raised.receipt]
    await revocations.work_off(waiting[0].ending)
    await sessions_side.line.bring(changed(raised))
    assert len(await sessions_side.told()) == 1


async def test_sessions_writes_nothing_of_who_was_erased_whatever_it_is_told_late(
    sessions_side: SessionsSide,
) -> None:
    await sessions_side.begin(1)
    first, late = await sessions_side.raised("password-changed"), await sessions_side.begin(1)
    purged = AccountPurged.of("ada", at=AT)
    await sessions_side.line.bring(changed(first))
    await sessions_side.line.bring_at_once(purged, purged, changed(first))
    await sessions_side.line.bring(
        changed(first), signed_out(replace(first, epoch=7)), disabled(first), purged
    )
    store = sessions_side.store
    for database in (store.database, store.epochs.database):
        for name in await database.list_collection_names():
            if name not in {"outbox", "inbox"}:
                assert await database[name].count_documents({"sub": "ada"}) == 0, name
    assert await store.session("ada", late.sid) is None
