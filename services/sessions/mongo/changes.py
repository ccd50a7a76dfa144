"""What one transaction changes about sessions, devices and receipts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from pymongo import ReturnDocument

from services.sessions.model import Batch
from services.sessions.mongo.activity import report
from services.sessions.store import Overtaken
from shared.contracts.activity import Attempt, Reported
from shared.contracts.epochs import Raised
from shared.contracts.events import Cause, Event
from shared.epochs import Epochs
from shared.mongo import Database, Document
from shared.transactions import Transaction

# A session is in the index of open ones for a moment after a change has ended it.
OPEN: Document = {"open": True, "ended_by": None}
UNEXPIRED: Document = {"$expr": {"$gt": ["$expires_at", "$$NOW"]}}


def _named(batch: Batch) -> Document:
    # A receipt keeps this of a session; the rest is read from its record while there is one.
    return {"sessions": {"$each": [{"sid": sid, "ended_at": batch.at} for sid in batch.valid]}}


@dataclass(frozen=True)
class MongoSessionTransaction:
    """The changes of one transaction."""

    database: Database
    epochs: Epochs
    transaction: Transaction

    async def raise_epoch(self, sub: str, cause: Cause) -> Raised:
        """Raise the epoch beside its revocation."""
        return await self.epochs.raise_(sub, cause, self.transaction.session)

    async def close(self, batch: Batch, cause: Cause) -> None:
        """End in bulk: one write, however many there are."""
        await self._close(batch.valid, cause, batch)
        await self._close(batch.expired, "expired", batch)

    async def close_older(self, sub: str, epoch: int, cause: Cause) -> int:
        """End in one write, dated by the server's clock.

        It touches no index, which takes half of the time; `tidy` does afterwards.
        """
        closed = await self.database["sessions"].update_many(
            {"sub": sub, **OPEN, "epoch": {"$lt": epoch}},
            {"$set": {"ended_by": cause}, "$currentDate": {"ended_at": True}},
            session=self.transaction.session,
        )
        return closed.modified_count

    async def end(self, sub: str, sid: str, cause: Cause) -> bool:
        """End one session."""
        ended = await self.database["sessions"].update_one(
            {"_id": sid, "sub": sub, **OPEN, **UNEXPIRED},
            {
                "$set": {"ended_by": cause},
                "$unset": {"open": ""},
                "$currentDate": {"ended_at": True},
            },
            session=self.transaction.session,
        )
        return ended.modified_count == 1

    async def note(self, receipt: str, batch: Batch) -> None:
        """Add to the receipt.

        What was looked up before the receipt was left ends with it, and no earlier.
        """
        ended_at = {"$max": [batch.at, "$committed_at"]}
        named = [{"sid": {"$literal": sid}, "ended_at": ended_at} for sid in batch.valid]
        await self.epochs.database["revocations"].update_one(
            {"_id": receipt, "incomplete": True},
            [{"$set": {"sessions": {"$concatArrays": ["$sessions", named]}}}],
            session=self.transaction.session,
        )

    async def complete(self, receipt: str, batch: Batch) -> float | None:
        """Close the receipt, by the server's clock."""
        closed = await self.epochs.database["revocations"].find_one_and_update(
            {"_id": receipt, "incomplete": True},
            {
                "$push": _named(batch),
                "$unset": {"incomplete": ""},
                "$currentDate": {"completed_at": True},
            },
            projection=["committed_at", "completed_at"],
            return_document=ReturnDocument.AFTER,
            session=self.transaction.session,
        )
        if closed is None:
            return None
        took: timedelta = closed["completed_at"] - closed["committed_at"]
        return took.total_seconds()

    async def report(self, sub: str, id: str, reported: Reported) -> Attempt | None:
        """Write it into the row."""
        return await report(self.database, sub, id, reported, self.transaction.session)

    async def disable(self, sub: str, device_id: str) -> bool:
        """Write it beside the device, dated by the server's clock."""
        disabled = await self.database["devices"].update_one(
            {"_id": device_id, "sub": sub, "disabled_at": None},
            {"$currentDate": {"disabled_at": True}, "$unset": {"trust": ""}},
            session=self.transaction.session,
        )
        return disabled.modified_count == 1

    async def enable(self, sub: str, device_id: str) -> bool:
        """Take the mark off the device."""
        enabled = await self.database["devices"].update_one(
            {"_id": device_id, "sub": sub, "disabled_at": {"$ne": None}},
            {"$unset": {"disabled_at": ""}},
            session=self.transaction.session,
        )
        return enabled.modified_count == 1

    async def leave_receipt(self, sub: str, device_id: str, cause: Cause) -> Raised:
        """Leave it beside those of the raises."""
        return await self.epochs.leave_receipt(
            sub, cause, self.transaction.session, device=device_id
        )

    async def emit(self, event: Event) -> None:
        """Write the event beside the change."""
        await self.transaction.emit(event)

    async def _close(self, sids: Sequence[str], cause: Cause, batch: Batch) -> None:
        if not sids:
            return
        closed = await self.database["sessions"].update_many(
            {"_id": {"$in": list(sids)}, **OPEN},
            {"$set": {"ended_by": cause, "ended_at": batch.at}, "$unset": {"open": ""}},
            session=self.transaction.session,
        )
        if closed.modified_count != len(sids):
            raise Overtaken
