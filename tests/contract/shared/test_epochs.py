"""Epochs in MongoDB: raised with the change that asks for it, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError
from pymongo.monitoring import CommandListener, CommandStartedEvent

from shared.contracts.epochs import NoEpoch, Raised
from shared.epochs import Epochs, token_hash
from shared.mongo import Document, connect
from shared.transactions import Transaction
from shared.wiring import Wiring
from tests.contract.settings import Settings

OpenSubject = Callable[[Wiring, str], Awaitable[None]]


async def raise_epoch(wiring: Wiring, sub: str = "ada") -> Raised:
    return await wiring.transactions.run(
        lambda tx: wiring.epochs.raise_(sub, "password-changed", tx.session)
    )


async def test_a_subject_without_an_account_has_no_epoch(epochs: Epochs) -> None:
    assert await epochs.current("nobody") == NoEpoch


async def test_a_new_subject_has_the_first_epoch(
    sessions: Wiring, open_subject: OpenSubject
) -> None:
    await open_subject(sessions, "ada")
    assert await sessions.epochs.current("ada") == NoEpoch + 1


async def test_an_account_is_not_opened_twice(sessions: Wiring, open_subject: OpenSubject) -> None:
    await open_subject(sessions, "ada")
    await raise_epoch(sessions)
    with pytest.raises(DuplicateKeyError):
        await open_subject(sessions, "ada")
    assert await sessions.epochs.current("ada") == 2


async def test_a_raise_holds_for_its_subject_alone(
    sessions: Wiring, open_subject: OpenSubject
) -> None:
    for sub in ("ada", "bob"):
        await open_subject(sessions, sub)
    raised = await raise_epoch(sessions)
    assert (raised.sub, raised.epoch) == ("ada", 2)
    assert await sessions.epochs.current("ada") == 2
    assert await sessions.epochs.current("bob") == 1


async def test_everybodys_epoch_rises_above_all_that_a_backup_does_not_know(
    sessions: Wiring, open_subject: OpenSubject
) -> None:
    for sub in ("ada", "bob"):
        await open_subject(sessions, sub)
    await raise_epoch(sessions)
    assert await sessions.epochs.raise_all() == 2
    current = sessions.epochs.current
    ada, bob = await current("ada"), await current("bob")
    # Two epochs of before the backup, and whatever was given from then until it was put back.
    assert (ada - bob, bob > 100_000) == (1, True)
    assert await current("nobody") == NoEpoch


async def test_everybodys_epoch_is_raised_if_it_takes_longer_than_an_operation_may(
    sessions: Wiring, open_subject: OpenSubject, settings: Settings
) -> None:
    await open_subject(sessions, "ada")
    url = settings.mongo_url.get_secret_value()
    async with AsyncMongoClient[Document](url, timeoutMS=500) as hasty:
        epochs = Epochs(hasty[sessions.epochs.database.name], sessions.cache)
        raising = []

        async def work(tx: Transaction) -> None:
            await sessions.epochs.raise_("ada", "password-changed", tx.session)
            # It waits for what has the document, as it would for the documents of many.
            raising.append(asyncio.create_task(epochs.raise_all()))
            await asyncio.wait(raising, timeout=1.5)

        await sessions.transactions.run(work)
        assert await raising[0] == 1
    assert await sessions.epochs.current("ada") > 100_000


async def test_a_raise_in_a_transaction_that_aborts_raises_nothing(
    sessions: Wiring, open_subject: OpenSubject
) -> None:
    await open_subject(sessions, "ada")

    async def work(tx: Transaction) -> None:
        raised = await sessions.epochs.raise_("ada", "password-changed", tx.session)
        assert raised.epoch == 2
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await sessions.transactions.run(work)
    assert await sessions.epochs.current("ada") == 1
    assert await sessions.epochs.revocations_of("ada", after=None, limit=9) == []


async def test_a_raise_is_seen_by_nobody_before_it_is_committed(
    sessions: Wiring, open_subject: OpenSubject
) -> None:
    await open_subject(sessions, "ada")

    async def work(tx: Transaction) -> None:
        await sessions.epochs.raise_("ada", "password-changed", tx.session)
        assert await sessions.epochs.current("ada") == 1

    await sessions.transactions.run(work)
    assert await sessions.epochs.current("ada") == 2


async def test_raises_at_once_all_count(sessions: Wiring, open_subject: OpenSubject) -> None:
    await open_subject(sessions, "ada")
    raised = await asyncio.gather(*(raise_epoch(sessions) for _ in range(6)))
    assert sorted(each.epoch for each in raised) == [2, 3, 4, 5, 6, 7]
    assert len({each.receipt for each in raised}) == 6


async def test_the_epoch_of_nobody_is_not_raised(sessions: Wiring) -> None:
    with pytest.raises(LookupError):
        await raise_epoch(sessions, "nobody")
    assert await sessions.epochs.revocations_of("nobody", after=None, limit=9) == []


async def test_a_receipts_token_is_not_stored(sessions: Wiring, open_subject: OpenSubject) -> None:
    await open_subject(sessions, "ada")
    raised = await raise_epoch(sessions)
    kept = await sessions.epochs.revocation(raised.receipt)
    assert kept is not None
    assert raised.receipt_token not in repr(kept)
    assert kept["token_hash"] == token_hash(raised.receipt_token)


class Commands(CommandListener):
    """Keeps the commands that a client sent."""

    def __init__(self) -> None:
        """Begin with none."""
        self.sent: list[CommandStartedEvent] = []

    def started(self, event: CommandStartedEvent) -> None:
        """Keep it."""
        self.sent.append(event)

    def succeeded(self, event: object) -> None:
        """Take no note."""

    def failed(self, event: object) -> None:
        """Take no note."""


async def test_an_epoch_is_read_linearizably_and_written_to_a_majority(
    emptied: Settings, sessions: Wiring, open_subject: OpenSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands()
    await open_subject(sessions, "ada")
    client = connect(emptied.mongo_url.get_secret_value())
    listening = client.__class__(
        emptied.mongo_url.get_secret_value(), event_listeners=[commands], w="majority", journal=True
    )
    database = listening[f"{emptied.database_prefix}epochs"]
    await Epochs(database, sessions.cache).current("ada")
    (find,) = [each.command for each in commands.sent if each.command_name == "find"]
    assert find["readConcern"]["level"] == "linearizable"
    assert client.write_concern.document == {"w": "majority", "j": True}
    await client.close()
    await listening.close()


async def test_what_is_not_worked_off_is_found_by_age(
    sessions: Wiring, open_subject: OpenSubject
) -> None:
    await open_subject(sessions, "ada")
    raised = await raise_epoch(sessions)
    assert await sessions.epochs.incomplete(older_than_seconds=60, limit=9) == []
    await asyncio.sleep(0.02)
    (found,) = await sessions.epochs.incomplete(older_than_seconds=0, limit=9)
    assert found["_id"] == raised.receipt


async def test_revocations_of_the_last_day_are_found_from_a_moment_on(
    sessions: Wiring, open_subject: OpenSubject
) -> None:
    await open_subject(sessions, "ada")
    first = await raise_epoch(sessions)
    await asyncio.sleep(0.02)
    second = await raise_epoch(sessions)
    await asyncio.sleep(0.02)
    both = await sessions.epochs.committed(after=None, older_than_seconds=0)
    assert [each["_id"] for each in both] == [first.receipt, second.receipt]
    later = await sessions.epochs.committed(after=both[1]["committed_at"], older_than_seconds=0)
    assert [each["_id"] for each in later] == [second.receipt]
    assert await sessions.epochs.committed(after=None, older_than_seconds=60) == []


async def test_installing_twice_changes_nothing(
    sessions: Wiring, open_subject: OpenSubject
) -> None:
    await open_subject(sessions, "ada")
    await sessions.epochs.install()
    assert await sessions.epochs.current("ada") == 1
