"""What every NoticeStore does, in memory and in MongoDB alike. Times are the store's own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from services.profile.model import Notice
from services.profile.mongo_notices import MongoNoticeStore
from services.profile.store import NoticeStore
from shared.wiring import Wiring
from tests.memory.profile import MemoryNotices

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """A store, and a way to raise an epoch without an event, as after a loss."""

    store: NoticeStore
    raise_silently: Callable[[str], Awaitable[str]]


def _in_memory() -> Case:
    store = MemoryNotices()

    async def raise_silently(sub: str) -> str:
        store.epochs.epochs.setdefault(sub, 1)
        return store.epochs.raise_(sub, "password-changed").receipt

    return Case(store, raise_silently)


def _in_mongodb(wiring: Wiring) -> Case:
    async def raise_silently(sub: str) -> str:
        if not await wiring.epochs.current(sub):
            await wiring.transactions.run(lambda tx: wiring.epochs.open(sub, tx.session))
        raised = await wiring.transactions.run(
            lambda tx: wiring.epochs.raise_(sub, "password-changed", tx.session)
        )
        return raised.receipt

    store = MongoNoticeStore(wiring.database, wiring.epochs, wiring.transactions)
    return Case(store, raise_silently)


@pytest.fixture(params=["memory", "mongodb"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        return _in_memory()
    return _in_mongodb(request.getfixturevalue("profile"))


@pytest.fixture
def store(case: Case) -> NoticeStore:
    return case.store


def notice(receipt: str = "receipt-1") -> Notice:
    return Notice(receipt, "ada", "password-changed", AT)


async def claimed(store: NoticeStore) -> Notice:
    found = await store.claim()
    assert found is not None
    return found


async def test_what_is_owed_is_claimed_once(store: NoticeStore) -> None:
    await store.owe("event-1", notice())
    found = await claimed(store)
    assert found == Notice("receipt-1", "ada", "password-changed", AT, attempts=1)
    assert await store.claim() is None


async def test_nothing_owed_is_nothing_to_claim(store: NoticeStore) -> None:
    assert await store.claim() is None


async def test_one_event_told_twice_owes_one_mail(store: NoticeStore) -> None:
    await store.owe("event-1", notice())
    await store.owe("event-1", notice())
    assert (await claimed(store)).receipt == "receipt-1"
    assert await store.claim() is None


async def test_an_event_has_its_effect_once_whatever_it_says_the_second_time(
    store: NoticeStore,
) -> None:
    await store.owe("event-1", notice("receipt-1"))
    await store.owe("event-1", notice("receipt-2"))
    assert (await claimed(store)).receipt == "receipt-1"
    assert await store.claim() is None


async def test_two_events_about_one_receipt_owe_one_mail(store: NoticeStore) -> None:
    await store.owe("event-1", notice())
    await store.owe("event-2", notice())
    await claimed(store)
    assert await store.claim() is None


async def test_what_was_sent_is_never_due_again(store: NoticeStore) -> None:
    await store.owe("event-1", notice())
    await claimed(store)
    await store.sent("receipt-1")
    await store.owe("event-2", notice())
    await store.postpone("receipt-1", seconds=0)
    assert await store.claim() is None


async def test_what_can_never_be_sent_is_not_tried_again(store: NoticeStore) -> None:
    await store.owe("event-1", notice())
    await claimed(store)
    await store.undeliverable("receipt-1", "There is no such mailbox.")
    await store.owe("event-2", notice())
    assert await store.claim() is None


async def test_what_is_postponed_comes_again_and_counts_its_attempts(store: NoticeStore) -> None:
    await store.owe("event-1", notice())
    await claimed(store)
    await store.postpone("receipt-1", seconds=0.4)
    assert await store.claim() is None
    deadline = time.monotonic() + 5
    while (found := await store.claim()) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert found.attempts == 2


async def test_what_has_waited_longest_is_claimed_first(store: NoticeStore) -> None:
    for number in range(3):
        await store.owe(f"event-{number}", notice(f"receipt-{number}"))
        await asyncio.sleep(0.005)
    found = [(await claimed(store)).receipt for _ in range(3)]
    assert found == ["receipt-0", "receipt-1", "receipt-2"]


async def test_of_many_who_claim_at_once_each_gets_another(store: NoticeStore) -> None:
    for number in range(4):
        await store.owe(f"event-{number}", notice(f"receipt-{number}"))
    found = await asyncio.gather(*(store.claim() for _ in range(8)))
    receipts = sorted(each.receipt for each in found if each is not None)
    assert receipts == [f"receipt-{number}" for number in range(4)]


async def test_a_raise_whose_event_was_lost_is_owed_all_the_same(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = await case.raise_silently("ada")
    await _owe_missed_of_now(case.store, monkeypatch)
    found = await claimed(case.store)
    assert (found.receipt, found.sub, found.cause) == (receipt, "ada", "password-changed")
    await case.store.sent(receipt)
    await _owe_missed_of_now(case.store, monkeypatch)
    assert await case.store.claim() is None


async def test_a_raise_whose_event_came_is_not_owed_again(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = await case.raise_silently("ada")
    await case.store.owe("event-1", notice(receipt))
    await claimed(case.store)
    await case.store.sent(receipt)
    await _owe_missed_of_now(case.store, monkeypatch)
    assert await case.store.claim() is None


async def _owe_missed_of_now(store: NoticeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for what was lost, without the time that events are given to arrive."""
    if isinstance(store, MongoNoticeStore):
        committed = type(store.epochs).committed

        async def at_once(self: object, **asked: object) -> object:
            return await committed(store.epochs, after=None, older_than_seconds=-60)

        monkeypatch.setattr(type(store.epochs), "committed", at_once)
        await store.owe_missed(None)
        monkeypatch.undo()
    else:
        await store.owe_missed(None)
