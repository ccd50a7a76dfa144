"""How every SessionStore ends sessions, one at a time and in batches."""

from functools import partial

import pytest

from services.sessions.model import (
    Batch,
    SessionPolicy,
    signed_out_everywhere,
)
from services.sessions.mongo.sessions import MongoSessionStore
from services.sessions.store import Overtaken, SessionStore, SessionTransaction
from shared.contracts.sessions import StepUp
from shared.wiring import Wiring
from tests.contract.stores.sessions.cases import (
    AT,
    DAY,
    Case,
    begin,
    close,
    end_older,
    older,
    raised,
    state_of,
)


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


async def test_a_batch_that_was_overtaken_ends_nothing(store: SessionStore) -> None:
    first, second = await begin(store), await begin(store)
    batch = await older(store, "ada", 2, limit=9)
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


async def test_records_that_are_still_open_from_before_an_epoch_are_found(
    store: SessionStore,
) -> None:
    old, ended = await begin(store), await begin(store)
    await begin(store, epoch=2)
    await store.in_transaction(lambda tx: tx.end("ada", ended.sid, "signed-out"))
    assert (await older(store, "ada", 2, limit=9)).valid == (old.sid,)
    assert await older(store, "ada", 1, limit=9) == Batch()


async def test_subjects_with_open_sessions_are_gone_through_in_order(store: SessionStore) -> None:
    for sub in ("cleo", "ada", "bob", "ada"):
        await begin(store, sub)
    gone = await begin(store, "dan")
    await store.in_transaction(lambda tx: tx.end("dan", gone.sid, "signed-out"))
    assert await store.subjects_with_open_sessions(after="", limit=3) == ["ada", "bob"]
    assert await store.subjects_with_open_sessions(after="", limit=1) == ["ada"]
    assert await store.subjects_with_open_sessions(after="bob", limit=3) == ["cleo"]
    assert await store.subjects_with_open_sessions(after="cleo", limit=2) == []


async def test_a_transaction_that_fails_leaves_nothing(case: Case) -> None:
    await case.open_epoch("ada")
    session = await begin(case.store)
    batch = await older(case.store, "ada", 2, limit=9)

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


async def test_what_is_older_is_ended_at_once_and_counted(store: SessionStore) -> None:
    old = [await begin(store, epoch=1) for _ in range(3)]
    current, others = await begin(store, epoch=2), await begin(store, "bob", epoch=1)

    async def close_older() -> int:
        return await store.in_transaction(lambda tx: tx.close_older("ada", 2, "password-changed"))

    assert await close_older() == 3
    assert await close_older() == 0
    for session in old:
        assert (await state_of(store, session)).ended_by == "password-changed"
    for session in (current, others):
        assert (await state_of(store, session)).ended_by is None
    assert (await older(store, "ada", 2, limit=10)).valid == ()


async def test_what_was_ended_at_once_is_ended_for_everybody_before_and_after_it_is_tidied(
    store: SessionStore,
) -> None:
    session = await begin(store)
    await store.in_transaction(lambda tx: tx.close_older("ada", 2, "password-changed"))
    for _ in range(2):
        assert await store.open_sessions("ada", after=None, limit=10) == []
        assert (await store.resting_on("ada", "phone", kept=None, limit=10)).valid == ()
        assert await store.step_up(stepping_up(session.sid)) is None
        await store.seen(session.sid, DAY)
        ending = store.in_transaction(lambda tx: tx.end("ada", session.sid, "signed-out"))
        assert not await ending
        assert (await state_of(store, session)).ended_by == "password-changed"
        await store.tidy("ada")


async def test_tidying_empties_the_index_of_open_sessions(sessions: Wiring) -> None:
    store = MongoSessionStore(sessions.database, sessions.epochs, sessions.transactions)
    await begin(store)
    await store.in_transaction(lambda tx: tx.close_older("ada", 2, "password-changed"))
    # Whoever ended it died before this; the sweep comes by.
    assert await store.left_open(["ada"]) == ["ada"]
    await store.tidy("ada")
    assert await store.subjects_with_open_sessions(after="", limit=10) == []


async def test_sessions_that_rest_on_a_factor_are_found_but_the_one_that_is_kept(
    store: SessionStore,
) -> None:
    resting = [await begin(store, factor="phone") for _ in range(3)]
    await begin(store, factor="key")
    await begin(store)
    await begin(store, "bob", factor="phone")
    found = await store.resting_on("ada", "phone", kept=resting[0].sid, limit=10)
    assert set(found.valid) == {each.sid for each in resting[1:]}


async def test_a_factor_is_gone_once_that_was_noted(store: SessionStore) -> None:
    assert not await store.is_gone("phone")
    await store.note_gone("phone")
    await store.note_gone("phone")
    assert await store.is_gone("phone")
    assert not await store.is_gone("key")


async def test_stepping_up_changes_what_is_open_and_never_lowers_it(store: SessionStore) -> None:
    session = await begin(store)
    first = await store.step_up(stepping_up(session.sid, factor="phone", aal=2))
    second = await store.step_up(stepping_up(session.sid))
    assert first is not None
    assert second is not None
    assert (first.aal, first.factor, set(first.amr)) == (2, "phone", {"pwd", "otp"})
    assert (second.aal, second.factor, second.auth_purpose) == (2, "phone", "security-info")
    assert second.auth_time >= first.auth_time >= session.auth_time
    assert second == (await state_of(store, session)).session
    assert await store.step_up(stepping_up("no-such-session")) is None


def stepping_up(sid: str, *, factor: str | None = None, aal: int = 1) -> StepUp:
    amr = "otp" if factor else "pwd"
    return StepUp(sub="ada", sid=sid, purpose="security-info", amr=amr, aal=aal, factor=factor)
