"""Sessions from their beginning to their end, on memory."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from services.sessions.devices import Devices
from services.sessions.errors import (
    EpochMovedOn,
    NoSuchReceipt,
    NoSuchSession,
    SessionIsRevoked,
    SessionRequired,
)
from services.sessions.introspection import Introspection
from services.sessions.issuance import Issuance
from services.sessions.model import Ending, SessionPolicy, proof_of
from services.sessions.receipts import Receipts
from services.sessions.revocation import Revocations
from shared.contracts.events import Cause, CredentialChange, CredentialChangePayload, SessionRevoked
from shared.contracts.sessions import (
    EndSession,
    Established,
    EstablishSession,
    Introspect,
    ListReceipts,
    ListSessions,
    ReadReceipt,
    RecogniseDevice,
    Revoked,
    Session,
    SignOutEverywhere,
    Where,
)
from tests.memory.clock import StoppedClock
from tests.memory.epochs import MemoryEpochs
from tests.memory.sessions import MemoryAcceptances, MemorySessions

POLICY = SessionPolicy(idle_seconds=3600, lifetime_seconds=24 * 3600)
WHERE = Where(address="192.0.2.7", user_agent="Browser/1")


@dataclass
class System:
    """Everything of the sessions service but HTTP, the bus and the servers."""

    clock: StoppedClock
    epochs: MemoryEpochs
    store: MemorySessions
    cache: MemoryAcceptances

    @classmethod
    def built(cls) -> "System":
        clock = StoppedClock()
        epochs = MemoryEpochs(clock, epochs={"ada": 1, "eve": 1})
        return cls(clock, epochs, MemorySessions(epochs), MemoryAcceptances())

    def __post_init__(self) -> None:
        self.devices = Devices(self.store)
        self.issuance = Issuance(self.store, self.devices, POLICY)
        self.introspection = Introspection(self.store, self.cache, POLICY)
        self.revocations = Revocations(self.store, self.clock)
        self.receipts = Receipts(self.store)

    async def begin(
        self, sub: str = "ada", *, epoch: int = 1, key: str | None = None
    ) -> Established:
        asked = EstablishSession(sub=sub, epoch=epoch, where=WHERE, device_key=key)
        return await self.issuance.establish(asked)

    async def accept(self, established: Established) -> Session:
        sub, sid, secret = established.token.split(".")
        asked = Introspect(sub=sub, sid=sid, proof=proof_of(secret))
        return await self.introspection.introspect(asked)

    async def sign_out_everywhere(self, sub: str = "ada") -> Revoked:
        return await self.revocations.sign_out_everywhere(SignOutEverywhere(sub=sub))

    def told(self) -> list[SessionRevoked]:
        return [each for each in self.epochs.outbox.values() if isinstance(each, SessionRevoked)]


@pytest.fixture
def system() -> System:
    return System.built()


def change(receipt: str, epoch: int, cause: Cause = "password-changed") -> CredentialChange:
    return CredentialChange(
        id=receipt,
        subject="ada",
        occurred_at=StoppedClock().now(),
        initiating_entity="user",
        payload=CredentialChangePayload(
            credential_type="password",
            change_type="update",
            cause=cause,
            epoch=epoch,
            receipt=receipt,
        ),
    )


async def test_a_session_is_accepted_from_its_token(system: System) -> None:
    begun = await system.begin()
    assert await system.accept(begun) == begun.session
    assert begun.token.startswith(f"ada.{begun.session.sid}.")


async def test_no_token_is_stored(system: System) -> None:
    begun = await system.begin()
    secret = begun.token.rpartition(".")[2]
    assert secret not in repr(system.store)
    assert secret not in repr(system.cache)
    assert begun.device.key is not None
    assert begun.device.key not in repr(system.store.devices)


async def test_a_made_up_token_is_no_session(system: System) -> None:
    begun = await system.begin()
    for sub, sid in (("ada", "no-such-session"), ("eve", begun.session.sid)):
        with pytest.raises(SessionRequired):
            await system.introspection.introspect(Introspect(sub=sub, sid=sid, proof=proof_of("x")))


async def test_a_sign_in_under_an_old_epoch_gets_no_session(system: System) -> None:
    await system.sign_out_everywhere()
    with pytest.raises(EpochMovedOn) as refused:
        await system.begin(epoch=1)
    assert (refused.value.status, refused.value.type) == (401, "sign-in-refused")
    (kept,) = system.store.kept.values()
    assert kept.ended_by == "signed-out-everywhere"


async def test_a_change_while_a_session_is_begun_refuses_it(system: System) -> None:
    original = system.store.add_session

    async def overtaken(asked: EstablishSession, **rest: object) -> Session:
        session = await original(asked, **rest)  # type: ignore[arg-type]
        await system.sign_out_everywhere()
        return session

    system.store.add_session = overtaken  # type: ignore[method-assign]
    with pytest.raises(EpochMovedOn):
        await system.begin()


async def test_a_session_that_nobody_uses_for_an_hour_is_over(system: System) -> None:
    begun = await system.begin()
    system.clock.advance(3599)
    await system.accept(begun)
    system.clock.advance(3600)
    with pytest.raises(SessionRequired) as refused:
        await system.accept(begun)
    assert refused.value.extra == {"cause": "expired"}


async def test_a_session_in_use_lasts_a_day_and_no_longer(system: System) -> None:
    begun = await system.begin()
    for _ in range(24 * 2 - 1):
        system.clock.advance(1800)
        await system.accept(begun)
    system.clock.advance(1800)
    with pytest.raises(SessionRequired):
        await system.accept(begun)


async def test_being_seen_is_written_down_once_a_minute(system: System) -> None:
    begun = await system.begin()
    for _ in range(6):
        system.clock.advance(10)
        await system.accept(begun)
    assert system.store.kept[begun.session.sid].session == begun.session
    system.clock.advance(10)
    await system.accept(begun)
    seen = system.store.kept[begun.session.sid].session.last_seen_at
    assert seen == begun.session.created_at + timedelta(seconds=70)


async def test_what_is_accepted_is_left_in_the_cache_under_its_proof(system: System) -> None:
    begun = await system.begin()
    await system.accept(begun)
    epoch, record = system.cache.filled["ada", begun.session.sid]
    assert epoch == 1
    assert record[:64].decode() == proof_of(begun.token.rpartition(".")[2])
    assert Session.model_validate_json(record[64:]) == begun.session


async def test_the_cache_is_asked_before_the_store_is_read(system: System) -> None:
    begun = await system.begin()
    original = system.store.session

    async def asked_too_late(sub: str, sid: str) -> object:
        assert system.cache.begun == ["ada"]
        return await original(sub, sid)

    system.store.session = asked_too_late  # type: ignore[method-assign, assignment]
    await system.accept(begun)


async def test_what_is_refused_or_about_to_end_is_not_cached(system: System) -> None:
    begun = await system.begin()
    with pytest.raises(SessionRequired):
        await system.introspection.introspect(
            Introspect(sub="ada", sid=begun.session.sid, proof=proof_of("x"))
        )
    system.clock.advance(3596)
    await system.accept(begun)
    await system.sign_out_everywhere()
    with pytest.raises(SessionIsRevoked):
        await system.accept(begun)
    assert system.cache.filled == {}


async def test_without_a_cache_sessions_are_accepted_from_the_store(system: System) -> None:
    system.cache.generation = None
    begun = await system.begin()
    assert await system.accept(begun) == begun.session
    assert system.cache.filled == {}


async def test_a_new_device_gets_a_key_once(system: System) -> None:
    first = await system.begin()
    assert first.device.key is not None
    again = await system.begin(key=first.device.key)
    assert again.device.id == first.device.id
    assert again.device.key is None
    assert system.store.devices_seen == [first.device.id]


async def test_a_made_up_or_somebody_elses_key_makes_a_new_device(system: System) -> None:
    mine = await system.begin()
    for key in ("made up", mine.device.key):
        theirs = await system.begin("eve", key=key)
        assert theirs.device.id != mine.device.id
        assert theirs.device.key not in {None, key}


async def test_a_device_is_recognised_by_its_key(system: System) -> None:
    begun = await system.begin()
    known = await system.devices.recognise(RecogniseDevice(device_key=begun.device.key or ""))
    assert (known.device_id, known.sub) == (begun.device.id, "ada")
    unknown = await system.devices.recognise(RecogniseDevice(device_key="made up"))
    assert (unknown.device_id, unknown.sub) == (None, None)


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


async def test_a_session_that_ends_while_a_change_is_worked_off_is_told_of_once(
    system: System,
) -> None:
    begun = [(await system.begin()).session.sid for _ in range(3)]
    raised = await system.store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    original, looks = system.store.older, 0

    async def overtaken(sub: str, epoch: int, *, limit: int) -> Any:
        nonlocal looks
        batch = await original(sub, epoch, limit=limit)
        looks += 1
        if looks == 1:
            asked = EndSession(sub="ada", sid=begun[0], cause="ended-by-user")
            await system.revocations.end(asked)
        return batch

    system.store.older = overtaken  # type: ignore[method-assign]
    await system.revocations.carry_out(change(raised.receipt, 2))
    told = [(event.payload.cause, sid) for event in system.told() for sid in event.payload.sids]
    assert sorted(told) == sorted(
        [("ended-by-user", begun[0]), *(("password-changed", sid) for sid in begun[1:])]
    )
    named = system.epochs.revocations[raised.receipt].sessions
    assert sorted(each.sid for each in named) == sorted(begun[1:])


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


async def test_sessions_are_listed_newest_first_in_pages(system: System) -> None:
    begun = [(await system.begin()).session.sid for _ in range(5)]
    first = await system.introspection.sessions(ListSessions(sub="ada", limit=3))
    assert [each.sid for each in first.items] == begun[:1:-1]
    assert first.next == first.items[-1].sid
    rest = await system.introspection.sessions(ListSessions(sub="ada", limit=3, after=first.next))
    assert [each.sid for each in rest.items] == begun[1::-1]
    assert rest.next is None


async def test_a_page_that_ends_with_the_last_session_has_no_next(system: System) -> None:
    for _ in range(3):
        await system.begin()
    page = await system.introspection.sessions(ListSessions(sub="ada", limit=3))
    assert len(page.items) == 3
    assert page.next is None


async def test_a_receipt_is_read_by_its_user_or_with_its_token(system: System) -> None:
    revoked = await system.sign_out_everywhere()
    by_user = await system.receipts.read(ReadReceipt(id=revoked.receipt, sub="ada"))
    by_token = await system.receipts.read(
        ReadReceipt(id=revoked.receipt, token=revoked.receipt_token)
    )
    assert by_user == by_token
    assert by_user.cause == "signed-out-everywhere"


async def test_a_receipt_is_nobody_elses_to_read(system: System) -> None:
    revoked = await system.sign_out_everywhere()
    other = await system.sign_out_everywhere("eve")
    for sub, token in (
        ("eve", None),
        (None, None),
        (None, ""),
        (None, "made up"),
        (None, other.receipt_token),
        ("eve", other.receipt_token),
    ):
        with pytest.raises(NoSuchReceipt):
            await system.receipts.read(ReadReceipt(id=revoked.receipt, sub=sub, token=token))
    with pytest.raises(NoSuchReceipt):
        await system.receipts.read(ReadReceipt(id="no-such-receipt", sub="ada"))


async def test_an_incomplete_receipt_names_the_sessions_still_to_be_ended(
    system: System,
) -> None:
    begun = await system.begin()
    revoked = await system.sign_out_everywhere()
    waiting = await system.receipts.read(ReadReceipt(id=revoked.receipt, sub="ada"))
    assert [(each.sid, each.ended_at) for each in waiting.sessions] == [(begun.session.sid, None)]
    assert waiting.completed_at is None
    system.clock.advance(3)
    await system.revocations.reconcile()
    done = await system.receipts.read(ReadReceipt(id=revoked.receipt, sub="ada"))
    assert [each.sid for each in done.sessions] == [begun.session.sid]
    assert done.sessions[0].ended_at is not None
    assert done.completed_at is not None


async def test_receipts_are_listed_newest_first_in_pages(system: System) -> None:
    revoked = [(await system.sign_out_everywhere()).receipt for _ in range(5)]
    await system.sign_out_everywhere("eve")
    first = await system.receipts.list(ListReceipts(sub="ada", limit=3))
    rest = await system.receipts.list(ListReceipts(sub="ada", limit=3, after=first.next))
    assert [each.id for each in [*first.items, *rest.items]] == revoked[::-1]
    assert rest.next is None


@pytest.mark.parametrize("after", ["", "x", "-1", "\u0663", "9" * 40, "9" * 5000])
async def test_a_cursor_that_is_none_begins_anew(system: System, after: str) -> None:
    await system.sign_out_everywhere()
    page = await system.receipts.list(ListReceipts(sub="ada", after=after))
    assert len(page.items) in {0, 1}


async def test_of_many_sign_outs_at_once_each_has_a_receipt(system: System) -> None:
    revoked = await asyncio.gather(*(system.sign_out_everywhere() for _ in range(5)))
    assert sorted(each.epoch for each in revoked) == [2, 3, 4, 5, 6]
    assert len({each.receipt for each in revoked}) == 5
