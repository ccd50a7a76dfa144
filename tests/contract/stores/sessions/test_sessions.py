"""How every SessionStore keeps sessions and devices. Times are the store's own."""

import asyncio
import time

import pytest

from services.sessions.model import (
    KnownDevice,
    SessionPolicy,
    new_id,
    proof_of,
)
from services.sessions.store import SessionStore
from shared.contracts.refusals import UnknownCursor
from shared.contracts.sessions import EstablishSession, Where
from tests.contract.stores.sessions.cases import (
    BRIEF,
    DAY,
    Case,
    begin,
    raised,
    state_of,
)


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


async def test_a_device_is_found_by_its_key_only(store: SessionStore) -> None:
    device = KnownDevice(id=new_id(), sub="ada", name="My laptop")
    await store.add_device(device, key_hash=proof_of("key"))
    assert await store.device_with_key(proof_of("key")) == device
    assert (device.sub, device.name) == ("ada", "My laptop")
    assert await store.device_with_key(proof_of("another")) is None
    await store.device_seen(device.id)
    assert await store.device_with_key(proof_of("key")) == device
