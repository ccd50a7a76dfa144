"""Ending sessions: one, all, and those that a change has left behind, on memory."""

import asyncio
import itertools
from typing import Any

import pytest

from services.sessions.errors import (
    NoSuchSession,
    SessionIsRevoked,
    SessionRequired,
)
from services.sessions.model import Ending
from services.sessions.revocation import Revocations
from shared.contracts.sessions import (
    EndSession,
    EstablishSession,
)
from tests.unit.sessions.system import POLICY, WHERE, System, change


@pytest.fixture
def system() -> System:
    return System.built()


async def test_ending_one_session_leaves_the_others(system: System) -> None:
    first, second = await system.begin(), await system.begin()
    asked = EndSession(sub="ada", sid=first.session.sid, cause="ended-by-user")
    await system.revocations.end(asked)
    with pytest.raises(SessionIsRevoked) as refused:
        await system.accept(first)
    assert refused.value.extra == {"cause": "ended-by-user"}
    await system.accept(second)
    assert system.epochs.settled == ["ada"]
    (event,) = system.told()
    assert event.payload.sids == (first.session.sid,)


async def test_nobody_ends_somebody_elses_session(system: System) -> None:
    begun = await system.begin()
    with pytest.raises(NoSuchSession):
        await system.revocations.end(
            EndSession(sub="eve", sid=begun.session.sid, cause="ended-by-user")
        )
    await system.accept(begun)


async def test_what_has_ended_is_not_ended_again(system: System) -> None:
    begun = await system.begin()
    asked = EndSession(sub="ada", sid=begun.session.sid, cause="signed-out")
    await system.revocations.end(asked)
    with pytest.raises(NoSuchSession):
        await system.revocations.end(asked)
    assert len(system.told()) == 1


async def test_signing_out_everywhere_refuses_all_at_once_and_others_not(system: System) -> None:
    mine = [await system.begin() for _ in range(3)]
    theirs = await system.begin("eve")
    revoked = await system.sign_out_everywhere()
    for begun in mine:
        with pytest.raises(SessionIsRevoked) as refused:
            await system.accept(begun)
        assert refused.value.extra == {"cause": "signed-out-everywhere"}
    await system.accept(theirs)
    assert system.epochs.settled == ["ada"]
    assert list(system.epochs.outbox) == [revoked.receipt]


async def test_the_cause_of_a_raise_is_told_before_its_event_is_worked_off(
    system: System,
) -> None:
    begun = await system.begin()
    await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "signed-out-everywhere"))
    with pytest.raises(SessionIsRevoked) as refused:
        await system.accept(begun)
    assert refused.value.extra == {"cause": "password-changed"}


async def test_carrying_out_ends_the_records_completes_the_receipt_and_tells(
    system: System,
) -> None:
    begun = [await system.begin() for _ in range(2)]
    raised = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    await system.revocations.carry_out(change(raised.receipt, 2))
    receipt = system.epochs.revocations[raised.receipt]
    assert receipt.completed_at is not None
    assert {each.sid for each in receipt.sessions} == {each.session.sid for each in begun}
    (event,) = system.told()
    assert set(event.payload.sids) == {each.session.sid for each in begun}
    assert (event.payload.cause, event.payload.receipt) == ("password-changed", raised.receipt)


async def test_an_event_that_comes_twice_has_one_effect(system: System) -> None:
    await system.begin()
    raised = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    for _ in range(3):
        await system.revocations.carry_out(change(raised.receipt, 2))
    assert len(system.epochs.revocations[raised.receipt].sessions) == 1
    assert len(system.told()) == 1


async def test_sessions_that_end_while_a_change_is_worked_off_are_told_of_once(
    system: System,
) -> None:
    begun = [(await system.begin()).session.sid for _ in range(4)]
    raised = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    to_end, in_transaction = system.store.to_end, system.store.in_transaction
    looks = itertools.count(1)

    async def end(sid: str) -> None:
        system.store.in_transaction = in_transaction  # type: ignore[method-assign]
        await system.revocations.end(EndSession(sub="ada", sid=sid, cause="ended-by-user"))

    async def late(work: Any) -> Any:
        # What is there has been looked up by now; one of it ends before the transaction.
        await asyncio.sleep(0)
        await end(begun[0])
        return await in_transaction(work)

    async def overtaken(ending: Ending, *, limit: int) -> Any:
        batch = await to_end(ending, limit=limit)
        if next(looks) == 2:
            await end(begun[1])
        return batch

    system.store.in_transaction = late  # type: ignore[method-assign]
    system.store.to_end = overtaken  # type: ignore[method-assign]
    async with asyncio.timeout(10):
        await system.revocations.carry_out(change(raised.receipt, 2))
    assert next(looks) == 4
    told = [(event.payload.cause, sid) for event in system.told() for sid in event.payload.sids]
    assert sorted(told) == sorted(
        [
            *(("ended-by-user", sid) for sid in begun[:2]),
            *(("password-changed", sid) for sid in begun[2:]),
        ]
    )
    named = system.epochs.revocations[raised.receipt].sessions
    assert sorted(each.sid for each in named) == sorted(begun[2:])


async def test_what_has_expired_is_closed_with_the_rest_and_nobody_is_told_of_it(
    system: System,
) -> None:
    expired = (await system.begin()).session.sid
    system.clock.advance(3600)
    begun = (await system.begin()).session.sid
    raised = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    await system.revocations.carry_out(change(raised.receipt, 2))
    assert {sid: each.ended_by for sid, each in system.store.kept.items()} == {
        expired: "expired",
        begun: "password-changed",
    }
    (told,) = system.told()
    assert told.payload.sids == (begun,)


async def test_an_event_that_comes_late_ends_nothing_newer(system: System) -> None:
    old = await system.begin()
    first = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    middle = await system.begin(epoch=2)
    second = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    newest = await system.begin(epoch=3)
    await system.revocations.carry_out(change(second.receipt, 3))
    await system.revocations.carry_out(change(first.receipt, 2))
    await system.accept(newest)
    for begun in (old, middle):
        assert system.store.kept[begun.session.sid].ended_by == "password-changed"
    for receipt in (first.receipt, second.receipt):
        assert system.epochs.revocations[receipt].completed_at is not None


async def test_a_raise_whose_event_was_lost_is_reconciled_after_two_seconds(
    system: System,
) -> None:
    begun = await system.begin()
    revoked = await system.sign_out_everywhere()
    system.clock.advance(1)
    await system.revocations.reconcile()
    assert system.store.kept[begun.session.sid].ended_by is None
    system.clock.advance(2)
    await system.revocations.reconcile()
    assert system.store.kept[begun.session.sid].ended_by == "signed-out-everywhere"
    assert system.epochs.revocations[revoked.receipt].completed_at is not None
    await system.revocations.reconcile()
    assert len(system.told()) == 1


async def test_more_than_one_transaction_may_end_is_ended_in_several(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sessions.revocation._BATCH", 3)
    begun = [(await system.begin()).session.sid for _ in range(7)]
    raised = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    await system.revocations.carry_out(change(raised.receipt, 2))
    receipt = system.epochs.revocations[raised.receipt]
    assert receipt.completed_at is not None
    assert sorted(each.sid for each in receipt.sessions) == sorted(begun)
    assert sorted(sid for event in system.told() for sid in event.payload.sids) == sorted(begun)


async def test_who_dies_between_two_transactions_is_made_up_for(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sessions.revocation._BATCH", 3)
    begun = [(await system.begin()).session.sid for _ in range(7)]
    raised = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    original, calls = system.store.in_transaction, 0

    async def dying(work: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ZeroDivisionError
        return await original(work)

    system.store.in_transaction = dying  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        await system.revocations.carry_out(change(raised.receipt, 2))
    system.clock.advance(3)
    await system.revocations.reconcile()
    receipt = system.epochs.revocations[raised.receipt]
    assert sorted(each.sid for each in receipt.sessions) == sorted(begun)


async def test_a_revocation_that_cannot_be_worked_off_holds_up_nobody(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sessions.revocation._BATCH", 2)
    receipts = []
    for number in range(5):
        system.epochs.epochs[f"user-{number}"] = 1
        await system.begin(f"user-{number}")
        receipts.append((await system.sign_out_everywhere(f"user-{number}")).receipt)
    original = Revocations._end

    async def picky(self: Revocations, ending: Ending, batch: Any, tx: Any) -> float | None:
        if ending.sub in {"user-0", "user-1"}:
            raise ZeroDivisionError
        return await original(self, ending, batch, tx)

    monkeypatch.setattr(Revocations, "_end", picky)
    system.clock.advance(3)
    await system.revocations.reconcile()
    done = [system.epochs.revocations[each].completed_at is not None for each in receipts]
    assert done == [False, False, True, True, True]
    await system.revocations.sweep()


async def test_a_receipt_names_what_its_change_ended_even_if_the_sweep_comes_first(
    system: System,
) -> None:
    begun = await system.begin()
    raised = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    await system.revocations.sweep()
    assert system.store.kept[begun.session.sid].ended_by is None
    await system.revocations.carry_out(change(raised.receipt, 2))
    assert system.store.kept[begun.session.sid].ended_by == "password-changed"
    (named,) = system.epochs.revocations[raised.receipt].sessions
    assert named.sid == begun.session.sid


async def test_a_session_left_open_after_its_change_was_worked_off_is_swept_with_its_cause(
    system: System,
) -> None:
    raised = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    await system.revocations.carry_out(change(raised.receipt, 2))
    # What a sign-in that died half way leaves behind.
    asked = EstablishSession(sub="ada", epoch=1, where=WHERE)
    late = await system.store.add_session(asked, device_id="d", proof="p", policy=POLICY)
    await system.revocations.sweep()
    assert system.store.kept[late.sid].ended_by == "password-changed"
    (event,) = system.told()
    assert (event.payload.cause, event.payload.receipt) == ("password-changed", raised.receipt)


async def test_the_sweep_closes_what_has_expired_and_tells_nobody(system: System) -> None:
    begun = await system.begin()
    system.clock.advance(7200)
    await system.revocations.sweep()
    assert system.store.kept[begun.session.sid].ended_by == "expired"
    assert system.told() == []
    with pytest.raises(SessionRequired) as refused:
        await system.accept(begun)
    assert refused.value.extra == {"cause": "expired"}
    await system.sign_out_everywhere()
    system.clock.advance(3)
    await system.revocations.reconcile()
    (receipt,) = system.epochs.revocations.values()
    assert receipt.sessions == ()


async def test_a_session_that_had_ended_before_is_settled_all_the_same(system: System) -> None:
    begun = await system.begin()
    await system.store.in_transaction(lambda tx: tx.end("ada", begun.session.sid, "signed-out"))
    with pytest.raises(NoSuchSession):
        await system.revocations.end(
            EndSession(sub="ada", sid=begun.session.sid, cause="signed-out")
        )
    assert system.epochs.settled == ["ada"]


async def test_the_sweep_ends_what_is_older_than_its_epoch_whatever_left_it_open(
    system: System,
) -> None:
    begun = [await system.begin() for _ in range(2)]
    theirs = await system.begin("eve")
    system.epochs.epochs["ada"] = 7
    await system.revocations.sweep()
    for each in begun:
        assert system.store.kept[each.session.sid].ended_by == "signed-out-everywhere"
    assert system.store.kept[theirs.session.sid].ended_by is None
    assert sum(len(event.payload.sids) for event in system.told()) == 2


async def test_the_sweep_goes_through_all_subjects(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sessions.revocation._SWEEP", 2)
    for number in range(7):
        system.epochs.epochs[f"user-{number}"] = 1
        await system.begin(f"user-{number}")
        system.epochs.epochs[f"user-{number}"] = 2
    await system.revocations.sweep()
    assert all(each.ended_by is not None for each in system.store.kept.values())
