"""How every SessionStore keeps revocations and completes their receipts."""

import asyncio

from services.sessions.model import (
    Batch,
    proof_of,
)
from services.sessions.store import SessionStore
from shared.contracts.epochs import NoEpoch
from shared.contracts.sessions import EndedSession
from tests.contract.stores.sessions.cases import (
    AT,
    Case,
    begin,
    raised,
    revocation,
)


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
    # What was looked up before the receipt was left ended with it.
    assert [(each.sid, each.ended_at) for each in found.sessions] == [
        ("noted before", max(AT, found.committed_at)),
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
    newest = await case.store.revocations_of("ada", after=None, limit=3)
    assert [each.receipt for each in newest] == [each.receipt for each in told[:0:-1]]
    rest = await case.store.revocations_of("ada", after=newest[-1], limit=3)
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
