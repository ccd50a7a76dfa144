"""What every SessionStore does, in memory and in MongoDB alike. Times are the store's own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pytest

from services.sessions.model import (
    Batch,
    KnownDevice,
    Revocation,
    SessionPolicy,
    SessionState,
    new_id,
    proof_of,
    signed_out_everywhere,
)
from services.sessions.mongo import MongoSessionStore
from services.sessions.store import Overtaken, SessionStore, SessionTransaction
from shared.contracts.epochs import NoEpoch, Raised
from shared.contracts.refusals import UnknownCursor
from shared.contracts.sessions import EndedSession, EstablishSession, Session, Where
from shared.wiring import Wiring
from tests.memory.sessions import MemorySessions

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = SessionPolicy(idle_seconds=3600, lifetime_seconds=24 * 3600)
BRIEF = SessionPolicy(idle_seconds=1, lifetime_seconds=24 * 3600)
WHERE = Where(address="192.0.2.7", user_agent="Browser/1")


@dataclass(frozen=True)
class Case:
    """A store, a way to open a subject's first epoch, and a look at what was emitted."""

    store: SessionStore
    open_epoch: Callable[[str], Awaitable[None]]
    emitted: Callable[[], Awaitable[list[str]]]


def _in_memory() -> Case:
    store = MemorySessions()

    async def open_epoch(sub: str) -> None:
        store.epochs.epochs[sub] = 1

    async def emitted() -> list[str]:
        return list(store.epochs.outbox)

    return Case(store, open_epoch, emitted)


def _in_mongodb(wiring: Wiring) -> Case:
    async def open_epoch(sub: str) -> None:
        await wiring.transactions.run(lambda tx: wiring.epochs.open(sub, tx.session))

    async def emitted() -> list[str]:
        return [row["_id"] async for row in wiring.database["outbox"].find()]

    store = MongoSessionStore(wiring.database, wiring.epochs, wiring.transactions)
    return Case(store, open_epoch, emitted)


@pytest.fixture(params=["memory", "mongodb"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        return _in_memory()
    return _in_mongodb(request.getfixturevalue("sessions"))


@pytest.fixture
def store(case: Case) -> SessionStore:
    return case.store


async def begin(
    store: SessionStore, sub: str = "ada", *, epoch: int = 1, policy: SessionPolicy = DAY
) -> Session:
    asked = EstablishSession(sub=sub, epoch=epoch, where=WHERE)
    return await store.add_session(asked, device_id="device", proof=proof_of(sub), policy=policy)


async def state_of(store: SessionStore, session: Session) -> SessionState:
    found = await store.session(session.sub, session.sid)
    assert found is not None
    return found


async def raised(store: SessionStore, sub: str = "ada") -> Raised:
    return await store.in_transaction(lambda tx: tx.raise_epoch(sub, "signed-out-everywhere"))


async def end_older(store: SessionStore, sub: str, epoch: int, *, limit: int = 99) -> Batch:
    batch = await store.older(sub, epoch, limit=limit)
    await store.in_transaction(lambda tx: tx.close(batch, "password-changed"))
    return batch


async def revocation(store: SessionStore, receipt: str) -> Revocation:
    found = await store.revocation(receipt)
    assert found is not None
    return found


async def test_a_session_is_kept_as_it_was_begun(store: SessionStore) -> None:
    session = await begin(store)
    state = await state_of(store, session)
    assert state.session == session
    assert state.proof == proof_of("ada")
    assert state.ended_by is None
    assert not state.expired
    assert (session.sub, session.epoch, session.device_id) == ("ada", 1, "device")
    assert (session.address, session.user_agent) == ("192.0.2.7", "Browser/1")
    assert (session.app, session.amr, session.aal) == ("portal", ("pwd",), 1)


async def test_a_session_is_dated_by_the_store_and_ends_when_it_is_idle(
    store: SessionStore,
) -> None:
    session = await begin(store)
    assert session.created_at == session.last_seen_at == session.auth_time
    assert (session.expires_at - session.created_at).total_seconds() == 3600
    assert 3590 < (await state_of(store, session)).seconds_left <= 3600


async def test_an_idle_time_longer_than_the_lifetime_is_cut(store: SessionStore) -> None:
    session = await begin(store, policy=SessionPolicy(idle_seconds=900, lifetime_seconds=60))
    assert (session.expires_at - session.created_at).total_seconds() == 60


async def test_what_a_client_says_of_itself_is_kept_word_for_word(store: SessionStore) -> None:
    odd = Where(address="$$NOW", user_agent="$sub {'$ne': 1}")
    asked = EstablishSession(sub="ada", epoch=1, where=odd, app="$epoch")
    session = await store.add_session(asked, device_id="d", proof=proof_of("x"), policy=DAY)
    assert (session.address, session.user_agent, session.app) == (
        "$$NOW",
        "$sub {'$ne': 1}",
        "$epoch",
    )


async def test_nobody_finds_somebody_elses_session(store: SessionStore) -> None:
    session = await begin(store)
    assert await store.session("eve", session.sid) is None
    assert await store.session("ada", "no-such-session") is None


async def test_a_session_that_is_not_used_expires(store: SessionStore) -> None:
    session = await begin(store, policy=BRIEF)
    deadline = time.monotonic() + 5
    while not (await state_of(store, session)).expired:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await store.open_sessions("ada", after=None, limit=9) == []


async def test_what_is_seen_is_renewed_but_never_beyond_its_lifetime(store: SessionStore) -> None:
    policy = SessionPolicy(idle_seconds=60, lifetime_seconds=90)
    session = await begin(store, policy=policy)
    await asyncio.sleep(0.02)
    await store.seen(session.sid, SessionPolicy(idle_seconds=3600, lifetime_seconds=90))
    seen = (await state_of(store, session)).session
    assert seen.last_seen_at > session.last_seen_at
    assert (seen.expires_at - session.created_at).total_seconds() == 90
    assert seen.created_at == session.created_at


async def test_what_is_expired_or_ended_is_not_renewed(case: Case) -> None:
    await case.open_epoch("ada")
    store = case.store
    expired = await begin(store, policy=SessionPolicy(idle_seconds=0, lifetime_seconds=60))
    ended = await begin(store)
    await store.in_transaction(lambda tx: tx.end("ada", ended.sid, "signed-out"))
    for session in (expired, ended):
        await store.seen(session.sid, DAY)
    assert (await state_of(store, expired)).expired
    assert (await state_of(store, ended)).ended_by == "signed-out"


async def test_ending_a_session_says_whether_it_was_open(store: SessionStore) -> None:
    session = await begin(store)

    async def end(sub: str, sid: str) -> bool:
        return await store.in_transaction(lambda tx: tx.end(sub, sid, "ended-by-user"))

    assert not await end("eve", session.sid)
    assert not await end("ada", "no-such-session")
    assert await end("ada", session.sid)
    assert not await end("ada", session.sid)
    assert (await state_of(store, session)).ended_by == "ended-by-user"


async def test_only_what_is_older_than_the_epoch_is_ended(store: SessionStore) -> None:
    old = [await begin(store, epoch=1) for _ in range(3)]
    current = await begin(store, epoch=2)
    others = await begin(store, "bob", epoch=1)
    batch = await end_older(store, "ada", 2)
    assert set(batch.valid) == {each.sid for each in old}
    assert batch.at is not None
    assert not batch.more
    for session in old:
        assert (await state_of(store, session)).ended_by == "password-changed"
    assert (await state_of(store, current)).ended_by is None
    assert (await state_of(store, others)).ended_by is None


async def test_no_more_is_ended_at_once_than_asked_for(store: SessionStore) -> None:
    begun = {(await begin(store)).sid for _ in range(5)}
    ended: set[str] = set()
    for left in (True, True, False):
        batch = await end_older(store, "ada", 2, limit=2)
        assert batch.more is left
        ended |= set(batch.valid)
    assert ended == begun


async def test_what_has_expired_is_closed_and_not_told_of(store: SessionStore) -> None:
    expired = await begin(store, policy=SessionPolicy(idle_seconds=0, lifetime_seconds=60))
    valid = await begin(store)
    batch = await end_older(store, "ada", 2)
    assert (batch.valid, batch.expired) == ((valid.sid,), (expired.sid,))
    assert (await state_of(store, expired)).ended_by == "expired"
    assert (await state_of(store, valid)).ended_by == "password-changed"


async def test_expired_sessions_are_closed_a_few_at_a_time(store: SessionStore) -> None:
    gone = SessionPolicy(idle_seconds=0, lifetime_seconds=60)
    expired = [await begin(store, policy=gone) for _ in range(3)]
    valid, others = await begin(store), await begin(store, "bob", policy=gone)
    for left in (True, False):
        batch = await store.expired("ada", limit=2)
        assert (batch.valid, batch.more) == ((), left)
        await store.in_transaction(partial(close, batch))
    for session in expired:
        assert (await state_of(store, session)).ended_by == "expired"
    for session in (valid, others):
        assert (await state_of(store, session)).ended_by is None


async def close(batch: Batch, tx: SessionTransaction) -> None:
    await tx.close(batch, "password-changed")


async def test_a_batch_that_was_overtaken_ends_nothing(store: SessionStore) -> None:
    first, second = await begin(store), await begin(store)
    batch = await store.older("ada", 2, limit=9)
    await store.in_transaction(lambda tx: tx.end("ada", second.sid, "signed-out"))
    with pytest.raises(Overtaken):
        await store.in_transaction(partial(close, batch))
    assert (await state_of(store, first)).ended_by is None
    assert (await state_of(store, second)).ended_by == "signed-out"


async def test_what_has_expired_cannot_be_ended(store: SessionStore) -> None:
    expired = await begin(store, policy=SessionPolicy(idle_seconds=0, lifetime_seconds=60))
    assert not await store.in_transaction(lambda tx: tx.end("ada", expired.sid, "signed-out"))


async def test_whom_the_sweep_is_for_is_found_among_many(case: Case) -> None:
    for sub in ("ada", "bob", "cleo", "dan"):
        await case.open_epoch(sub)
    for sub in ("ada", "bob", "cleo"):
        await begin(case.store, sub)
    await raised(case.store, "bob")
    await begin(case.store, "cleo", policy=SessionPolicy(idle_seconds=0, lifetime_seconds=60))
    ended = await begin(case.store, "dan")
    await raised(case.store, "dan")
    await case.store.in_transaction(lambda tx: tx.end("dan", ended.sid, "signed-out"))
    assert await case.store.left_open(["ada", "bob", "cleo", "dan", "nobody"]) == ["bob", "cleo"]


async def test_what_is_ended_keeps_its_first_cause(store: SessionStore) -> None:
    session = await begin(store)
    await store.in_transaction(lambda tx: tx.end("ada", session.sid, "signed-out"))
    assert await end_older(store, "ada", 9) == Batch()
    assert (await state_of(store, session)).ended_by == "signed-out"


async def test_open_sessions_come_newest_first_in_pages(case: Case) -> None:
    await case.open_epoch("ada")
    begun = [await begin(case.store) for _ in range(5)]
    await begin(case.store, "bob")
    first = await case.store.open_sessions("ada", after=None, limit=3)
    rest = await case.store.open_sessions("ada", after=first[-1].sid, limit=3)
    assert {each.sid for each in [*first, *rest]} == {each.sid for each in begun}
    assert len(first) == 3
    dates = [each.created_at for each in [*first, *rest]]
    assert dates == sorted(dates, reverse=True)


async def test_what_is_ended_or_from_before_the_epoch_is_not_open(case: Case) -> None:
    await case.open_epoch("ada")
    await begin(case.store)
    ended = await begin(case.store, epoch=2)
    await raised(case.store)
    current = await begin(case.store, epoch=2)
    await case.store.in_transaction(lambda tx: tx.end("ada", ended.sid, "signed-out"))
    found = await case.store.open_sessions("ada", after=None, limit=9)
    assert [each.sid for each in found] == [current.sid]


async def test_a_cursor_of_somebody_else_is_refused_like_none_at_all(case: Case) -> None:
    await case.open_epoch("ada")
    await begin(case.store)
    theirs = await begin(case.store, "bob")
    for after in (theirs.sid, "no-such-session", ""):
        with pytest.raises(UnknownCursor):
            await case.store.open_sessions("ada", after=after, limit=9)


async def test_a_session_that_ended_meanwhile_is_still_a_cursor(case: Case) -> None:
    await case.open_epoch("ada")
    first = await begin(case.store)
    last = await begin(case.store)
    await case.store.in_transaction(lambda tx: tx.end("ada", last.sid, "signed-out"))
    found = await case.store.open_sessions("ada", after=last.sid, limit=9)
    assert [each.sid for each in found] == [first.sid]


async def test_records_that_are_still_open_from_before_an_epoch_are_found(
    store: SessionStore,
) -> None:
    old, ended = await begin(store), await begin(store)
    await begin(store, epoch=2)
    await store.in_transaction(lambda tx: tx.end("ada", ended.sid, "signed-out"))
    assert (await store.older("ada", 2, limit=9)).valid == (old.sid,)
    assert await store.older("ada", 1, limit=9) == Batch()


async def test_subjects_with_open_sessions_are_gone_through_in_order(store: SessionStore) -> None:
    for sub in ("cleo", "ada", "bob", "ada"):
        await begin(store, sub)
    gone = await begin(store, "dan")
    await store.in_transaction(lambda tx: tx.end("dan", gone.sid, "signed-out"))
    assert await store.subjects_with_open_sessions(after="", limit=3) == ["ada", "bob"]
    assert await store.subjects_with_open_sessions(after="", limit=1) == ["ada"]
    assert await store.subjects_with_open_sessions(after="bob", limit=3) == ["cleo"]
    assert await store.subjects_with_open_sessions(after="cleo", limit=2) == []


async def test_a_device_is_found_by_its_key_only(store: SessionStore) -> None:
    device = KnownDevice(id=new_id(), sub="ada", name="My laptop")
    await store.add_device(device, key_hash=proof_of("key"))
    assert await store.device_with_key(proof_of("key")) == device
    assert (device.sub, device.name) == ("ada", "My laptop")
    assert await store.device_with_key(proof_of("another")) is None
    await store.device_seen(device.id)
    assert await store.device_with_key(proof_of("key")) == device


async def test_a_raise_is_a_revocation_that_waits(case: Case) -> None:
    await case.open_epoch("ada")
    told = await raised(case.store)
    found = await revocation(case.store, told.receipt)
    assert (found.sub, found.epoch, found.cause) == ("ada", 2, "signed-out-everywhere")
    assert found.completed_at is None
    assert found.sessions == ()
    assert found.token_hash == proof_of(told.receipt_token)
    assert await case.store.epoch_of("ada") == 2
    assert await case.store.revocation("no-such-receipt") is None


async def test_a_receipt_is_completed_once(case: Case) -> None:
    await case.open_epoch("ada")
    session = await begin(case.store)
    told = await raised(case.store)
    ended, noted = Batch(AT, (session.sid,)), Batch(AT, ("noted before",))

    async def complete(batch: Batch) -> float | None:
        return await case.store.in_transaction(lambda tx: tx.complete(told.receipt, batch))

    await case.store.in_transaction(lambda tx: tx.note(told.receipt, noted))
    took = await complete(ended)
    assert took is not None
    assert await complete(Batch()) is None
    await case.store.in_transaction(lambda tx: tx.note(told.receipt, noted))
    found = await revocation(case.store, told.receipt)
    assert found.completed_at is not None
    assert took == (found.completed_at - found.committed_at).total_seconds()
    assert [(each.sid, each.ended_at) for each in found.sessions] == [
        ("noted before", AT),
        (session.sid, AT),
    ]


async def test_a_receipt_tells_where_its_sessions_were_begun(case: Case) -> None:
    await case.open_epoch("ada")
    session = await begin(case.store)
    told = await raised(case.store)
    gone = EndedSession(sid="forgotten", ended_at=AT)
    ended = Batch(AT, (session.sid, "forgotten"))
    await case.store.in_transaction(lambda tx: tx.complete(told.receipt, ended))
    first, second = (await revocation(case.store, told.receipt)).sessions
    assert (first.created_at, first.address) == (session.created_at, "192.0.2.7")
    assert first.user_agent == "Browser/1"
    assert second == gone


async def test_nobody_completes_a_receipt_that_there_is_not(store: SessionStore) -> None:
    took = await store.in_transaction(lambda tx: tx.complete("no-such-receipt", Batch()))
    assert took is None


async def test_the_revocation_that_ended_something_is_the_first_above_its_epoch(
    case: Case,
) -> None:
    await case.open_epoch("ada")
    first, second = await raised(case.store), await raised(case.store)
    for epoch, expected in ((1, first.receipt), (2, second.receipt)):
        found = await case.store.revocation_after("ada", epoch)
        assert found is not None
        assert found.receipt == expected
    assert await case.store.revocation_after("ada", 3) is None
    assert await case.store.revocation_after("bob", 0) is None


async def test_revocations_come_newest_first_in_pages(case: Case) -> None:
    await case.open_epoch("ada")
    await case.open_epoch("bob")
    told = [await raised(case.store) for _ in range(4)]
    await raised(case.store, "bob")
    newest = await case.store.revocations_of("ada", below=None, limit=3)
    assert [each.receipt for each in newest] == [each.receipt for each in told[:0:-1]]
    rest = await case.store.revocations_of("ada", below=newest[-1].epoch, limit=3)
    assert [each.receipt for each in rest] == [told[0].receipt]


async def test_what_waits_too_long_is_found_oldest_first(case: Case) -> None:
    await case.open_epoch("ada")
    first, second, done = [await raised(case.store) for _ in range(3)]
    await case.store.in_transaction(lambda tx: tx.complete(done.receipt, Batch()))
    assert await case.store.incomplete(older_than_seconds=60, limit=9) == []
    await asyncio.sleep(0.02)
    found = await case.store.incomplete(older_than_seconds=0, limit=9)
    assert {each.receipt for each in found} == {first.receipt, second.receipt}
    assert [each.committed_at for each in found] == sorted(each.committed_at for each in found)
    (page,) = await case.store.incomplete(older_than_seconds=0, limit=1)
    (rest,) = await case.store.incomplete(older_than_seconds=0, limit=9, after=page)
    assert [page, rest] == found


async def test_an_epoch_is_current_to_who_has_just_written(case: Case) -> None:
    await case.open_epoch("ada")
    await raised(case.store)
    await begin(case.store)
    assert await case.store.epoch_after_write("ada") == await case.store.epoch_of("ada") == 2
    assert await case.store.epoch_after_write("nobody") == NoEpoch


async def test_a_transaction_that_fails_leaves_nothing(case: Case) -> None:
    await case.open_epoch("ada")
    session = await begin(case.store)
    batch = await case.store.older("ada", 2, limit=9)

    async def work(tx: SessionTransaction) -> None:
        told = await tx.raise_epoch("ada", "signed-out-everywhere")
        await tx.close(batch, "signed-out-everywhere")
        await tx.emit(signed_out_everywhere(told, "signed-out-everywhere", at=AT))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await case.store.in_transaction(work)
    assert await case.store.epoch_of("ada") == 1
    assert (await state_of(case.store, session)).ended_by is None
    assert await case.emitted() == []
    assert await case.store.incomplete(older_than_seconds=-60, limit=9) == []
