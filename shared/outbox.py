"""The transactional outbox: an event is written with the change it tells of, and published after.

The relay publishes with publisher confirms and marks an event sent only then. The service
that wrote an event wakes its relay with it at once; polling is the guarantee for whatever a
crash, a broker outage or a lost wake-up left behind. So every event goes out at least once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pymongo
from pymongo import ASCENDING, ReturnDocument

from shared.contracts.events import EVENTS, Event, name_of
from shared.mongo import Database, Document, OperationSeconds, Session, is_outage
from shared.telemetry import OUTBOX_AGE, log, traceparent

PollSeconds = 1.0
_DIRECT_SECONDS = 2.0
"""How long the writer's own relay has an event for itself before polling may take it."""
_LEASE_SECONDS = 5.0
"""How long polling leaves alone what it has tried, so that it gets to what is behind it."""
_MARK_SECONDS = 0.05
"""How long what was sent waits for more to be marked with it; a crash until then sends it again."""
_BATCH = 100
_KEEP_SENT_SECONDS = 24 * 3600

_REACHES_A_QUEUE = {name_of(event): event.must_reach_a_queue for event in EVENTS}


class Publisher(Protocol):
    """What the relay needs of the bus."""

    async def publish(self, body: bytes, *, name: str, event_id: str, mandatory: bool) -> None:
        """Return once the broker has confirmed the event; raise otherwise."""
        ...


@dataclass
class Outbox:
    """Events that are committed, and the relay that brings them to the broker."""

    database: Database
    publisher: Publisher
    service: str
    _fresh: list[Document] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _sent: list[str] = field(default_factory=list)
    _has_sent: asyncio.Event = field(default_factory=asyncio.Event)

    async def install(self) -> None:
        """Create the indexes. Safe to run twice."""
        rows = self.database["outbox"]
        await rows.create_index(
            [("created_at", ASCENDING)],
            name="pending",
            partialFilterExpression={"pending": True},
        )
        await rows.create_index("sent_at", expireAfterSeconds=_KEEP_SENT_SECONDS)

    async def write(self, event: Event, session: Session) -> Document:
        """Add the event to the caller's transaction and return its row for `wake`."""
        traced = event.model_copy(update={"traceparent": traceparent.get()})
        row: Document = {"name": event.name, "body": traced.model_dump_json().encode()}
        # The server dates the row: a poll compares it with the server's own clock.
        await self.database["outbox"].update_one(
            {"_id": event.id},
            {"$setOnInsert": row | {"pending": True}, "$currentDate": {"created_at": True}},
            upsert=True,
            session=session,
        )
        return {"_id": event.id, **row}

    def wake(self, rows: Sequence[Document]) -> None:
        """Publish these rows now; call it after their transaction has committed."""
        if rows:
            self._fresh.extend(rows)
            self._wake.set()

    @property
    def tasks(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """Return what relays, to be run side by side until each is cancelled.

        What is fresh goes out at once, and is marked; polling finds what was left behind.
        """
        return self._relay_fresh, self._mark_for_ever, self._poll_for_ever

    async def flush(self) -> None:
        """Publish what was written last, before the service ends."""
        await self._send(self._take_fresh())
        await self._mark()

    async def _relay_fresh(self) -> None:
        while True:
            await self._wake.wait()
            await self._send(self._take_fresh())

    async def _mark_for_ever(self) -> None:
        while True:
            await self._has_sent.wait()
            # Nobody waits for the mark, but what the event brings about is under way just now.
            await asyncio.sleep(_MARK_SECONDS)
            await self._mark()

    async def _poll_for_ever(self) -> None:
        while True:
            await self._poll()
            await asyncio.sleep(PollSeconds)

    def _take_fresh(self) -> list[Document]:
        self._wake.clear()
        rows, self._fresh = self._fresh, []
        return rows

    async def _poll(self) -> None:
        try:
            while rows := await self._claim():
                were_all_sent = await self._send(rows)
                await self._mark()
                if not were_all_sent:
                    break
            await self._measure_age()
        except pymongo.errors.PyMongoError as error:
            if not is_outage(error):
                raise
            log.warning("outbox-store-unreachable", error=type(error).__name__)

    async def _claim(self) -> list[Document]:
        """Lease pending rows, so that replicas do not all publish the same ones."""
        rows: list[Document] = []
        ready = {
            "$and": [
                {"$lt": ["$created_at", {"$subtract": ["$$NOW", int(_DIRECT_SECONDS * 1000)]}]},
                {"$lt": [{"$ifNull": ["$leased_until", "$created_at"]}, "$$NOW"]},
            ]
        }
        lease = {"$add": ["$$NOW", int(_LEASE_SECONDS * 1000)]}
        pending: Document = {"pending": True, "$expr": ready}
        # A write waits for the journal also where there is nothing to write.
        if await self.database["outbox"].find_one(pending, {"_id": True}) is None:
            return rows
        while len(rows) < _BATCH:
            row = await self.database["outbox"].find_one_and_update(
                pending,
                [{"$set": {"leased_until": lease}}],
                sort=[("created_at", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
            if row is None:
                break
            rows.append(row)
        return rows

    async def _send(self, rows: list[Document]) -> bool:
        """Publish the rows, remember those that are to be marked; return whether all were sent."""
        confirmed = await asyncio.gather(*map(self._publish_one, rows))
        self._sent += [row["_id"] for row, sent in zip(rows, confirmed, strict=True) if sent]
        if self._sent:
            self._has_sent.set()
        return all(confirmed)

    async def _mark(self) -> None:
        self._has_sent.clear()
        sent, self._sent = self._sent, []
        if not sent:
            return
        mark: Document = {"$unset": {"pending": ""}, "$currentDate": {"sent_at": True}}
        try:
            with pymongo.timeout(OperationSeconds):
                await self.database["outbox"].update_many({"_id": {"$in": sent}}, mark)
        except pymongo.errors.PyMongoError as error:
            if not is_outage(error):
                raise
            # What is not marked goes out again; consumers remember event ids.
            log.warning("outbox-mark-failed", error=type(error).__name__)

    async def _publish_one(self, row: Document) -> bool:
        try:
            await self.publisher.publish(
                row["body"],
                name=row["name"],
                event_id=row["_id"],
                mandatory=_REACHES_A_QUEUE.get(row["name"], True),
            )
        except (Exception, asyncio.CancelledError) as error:
            # A publish against a broker that went away may end in CancelledError of the
            # library's own making; only a cancellation of this task is passed on.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            log.warning("publish-unconfirmed", name=row["name"], error=type(error).__name__)
            return False
        return True

    async def _measure_age(self) -> None:
        oldest = await self.database["outbox"].aggregate(
            [
                {"$match": {"pending": True}},
                {"$sort": {"created_at": 1}},
                {"$limit": 1},
                {"$project": {"age": {"$subtract": ["$$NOW", "$created_at"]}}},
            ]
        )
        ages = [row["age"] / 1000 async for row in oldest]
        OUTBOX_AGE.labels(self.service).set(ages[0] if ages else 0)
