"""A service's transactions: its changes, its events and its inbox, all or nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from shared.contracts.events import Event
from shared.inbox import AlreadyHandled, Inbox
from shared.mongo import Client, Document, Session, transact
from shared.outbox import Outbox

T = TypeVar("T")


@dataclass
class Transaction:
    """One attempt at a transaction."""

    session: Session
    outbox: Outbox
    rows: list[Document] = field(default_factory=list)

    async def emit(self, event: Event) -> None:
        """Tell of the change, if and only if it is committed."""
        self.rows.append(await self.outbox.write(event, self.session))


@dataclass(frozen=True)
class Transactions:
    """Runs work in transactions and wakes the relay with what they emitted."""

    client: Client
    outbox: Outbox
    inbox: Inbox

    async def install(self) -> None:
        """Create the collections' indexes. Safe to run twice."""
        await self.outbox.install()
        await self.inbox.install()

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` until it commits once; called again, it must only touch the store."""
        emitted: list[Document] = []

        async def attempt(session: Session) -> T:
            transaction = Transaction(session, self.outbox)
            result = await work(transaction)
            emitted[:] = transaction.rows
            return result

        result = await transact(self.client, attempt)
        self.outbox.wake(emitted)
        return result

    async def once(self, event_id: str, work: Callable[[Transaction], Awaitable[None]]) -> bool:
        """Run `work` unless this event had its effect before; return whether it ran."""

        async def remembered(transaction: Transaction) -> None:
            await self.inbox.remember(event_id, transaction.session)
            await work(transaction)

        try:
            await self.run(remembered)
        except AlreadyHandled:
            return False
        return True
