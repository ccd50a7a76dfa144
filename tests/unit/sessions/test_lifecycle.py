"""Sessions from their beginning to their end, on memory."""

import asyncio
from datetime import timedelta

import pytest

from services.sessions.errors import (
    EpochMovedOn,
    NoSuchReceipt,
    SessionIsRevoked,
    SessionRequired,
)
from services.sessions.model import proof_of
from shared.contracts.refusals import UnknownCursor
from shared.contracts.sessions import (
    EstablishSession,
    Introspect,
    ListReceipts,
    ListSessions,
    ReadReceipt,
    RecogniseDevice,
    Session,
)
from tests.unit.sessions.system import System


@pytest.fixture
def system() -> System:
    return System.built()


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


@pytest.mark.asvs("7.2.1")
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


@pytest.mark.asvs("7.3.1")
async def test_a_session_that_nobody_uses_for_an_hour_is_over(system: System) -> None:
    begun = await system.begin()
    system.clock.advance(3599)
    await system.accept(begun)
    system.clock.advance(3600)
    with pytest.raises(SessionRequired) as refused:
        await system.accept(begun)
    assert refused.value.extra == {"cause": "expired"}


@pytest.mark.asvs("7.3.2")
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


@pytest.mark.asvs("8.2.2")
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


@pytest.mark.parametrize(
    "after", ["", "x", "-1", "0", "1", "02", "5", "\u0662", "9" * 15, "9" * 40, "9" * 5000]
)
async def test_a_cursor_that_no_page_of_receipts_ended_with_is_refused(
    system: System, after: str
) -> None:
    for _ in range(3):
        await system.sign_out_everywhere()
    for _ in range(9):
        await system.sign_out_everywhere("eve")
    with pytest.raises(UnknownCursor) as refused:
        await system.receipts.list(ListReceipts(sub="ada", after=after))
    assert (refused.value.status, refused.value.type) == (422, "invalid-request")
    assert [each["field"] for each in refused.value.errors] == ["after"]


async def test_of_many_sign_outs_at_once_each_has_a_receipt(system: System) -> None:
    revoked = await asyncio.gather(*(system.sign_out_everywhere() for _ in range(5)))
    assert sorted(each.epoch for each in revoked) == [2, 3, 4, 5, 6]
    assert len({each.receipt for each in revoked}) == 5
