"""Session stores to be tried, in memory and in MongoDB alike, and what the tests do with them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from services.sessions.model import (
    Batch,
    Ending,
    Revocation,
    SessionPolicy,
    SessionState,
    proof_of,
)
from services.sessions.mongo.sessions import MongoSessionStore
from services.sessions.store import SessionStore, SessionTransaction
from shared.contracts.epochs import Raised
from shared.contracts.sessions import EstablishSession, Session, Where
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


def in_memory() -> Case:
    store = MemorySessions()

    async def open_epoch(sub: str) -> None:
        store.epochs.epochs[sub] = 1

    async def emitted() -> list[str]:
        return list(store.epochs.outbox)

    return Case(store, open_epoch, emitted)


def in_mongodb(wiring: Wiring) -> Case:
    async def open_epoch(sub: str) -> None:
        await wiring.transactions.run(lambda tx: wiring.epochs.open(sub, tx.session))

    async def emitted() -> list[str]:
        return [row["_id"] async for row in wiring.database["outbox"].find()]

    store = MongoSessionStore(wiring.database, wiring.epochs, wiring.transactions)
    return Case(store, open_epoch, emitted)


async def begin(
    store: SessionStore,
    sub: str = "ada",
    *,
    epoch: int = 1,
    policy: SessionPolicy = DAY,
    factor: str | None = None,
) -> Session:
    asked = EstablishSession(sub=sub, epoch=epoch, where=WHERE, factor=factor)
    return await store.add_session(asked, device_id="device", proof=proof_of(sub), policy=policy)


async def state_of(store: SessionStore, session: Session) -> SessionState:
    found = await store.session(session.sub, session.sid)
    assert found is not None
    return found


async def raised(store: SessionStore, sub: str = "ada") -> Raised:
    return await store.in_transaction(lambda tx: tx.raise_epoch(sub, "signed-out-everywhere"))


async def older(store: SessionStore, sub: str, epoch: int, *, limit: int = 99) -> Batch:
    return await store.to_end(Ending(sub, epoch, "password-changed", None), limit=limit)


async def end_older(store: SessionStore, sub: str, epoch: int, *, limit: int = 99) -> Batch:
    batch = await older(store, sub, epoch, limit=limit)
    await store.in_transaction(lambda tx: tx.close(batch, "password-changed"))
    return batch


async def revocation(store: SessionStore, receipt: str) -> Revocation:
    found = await store.revocation(receipt)
    assert found is not None
    return found


async def close(batch: Batch, tx: SessionTransaction) -> None:
    await tx.close(batch, "password-changed")
