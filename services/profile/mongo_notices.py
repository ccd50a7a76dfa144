"""Mails that are owed, in MongoDB."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from services.profile.model import Notice
from services.profile.mongo_personal_data import erased_among
from shared.due import Due
from shared.epochs import Epochs
from shared.mongo import Database, Document, Session
from shared.transactions import Transaction, Transactions

_KEPT_SECONDS = 90 * 24 * 3600
_COMMITS_WITHIN = timedelta(seconds=60)
"""A transaction's revocation may become visible this much later than it is dated."""
_IS_KNOWN: Document = {"$ne": [{"$type": "$owed_at"}, "missing"]}


@dataclass(frozen=True)
class MongoNoticeStore:
    """Mails that are owed, one document per receipt."""

    database: Database
    epochs: Epochs
    transactions: Transactions

    async def install(self) -> None:
        """Create indexes. Safe to run twice."""
        await self._due.install(kept_seconds=_KEPT_SECONDS)
        await self.transactions.install()
        await self.epochs.install()

    async def owe(self, event_id: str, *notices: Notice) -> None:
        """Insert in the same transaction that remembers the event."""

        async def work(transaction: Transaction) -> None:
            subs = [each.sub for each in notices]
            gone = await erased_among(self.database, subs, transaction.session)
            for notice in notices:
                if notice.sub not in gone:
                    await insert_notice(self.database, notice, transaction.session)

        await self.transactions.once(event_id, work)

    async def owe_missed(self, after: datetime | None) -> datetime | None:
        """Go through the revocations since then; most are known already."""
        found = await self.epochs.committed(after=after, older_than_seconds=10.0)
        for each in await self._unknown(found):
            notice = Notice(each["_id"], each["sub"], each["cause"], each["committed_at"])
            await insert_notice(self.database, notice, None)
        return found[-1]["committed_at"] - _COMMITS_WITHIN if found else after

    async def _unknown(self, revocations: list[Document]) -> list[Document]:
        receipts = [each["_id"] for each in revocations]
        known = self.database["notices"].find({"_id": {"$in": receipts}}, {"_id": 1})
        ids = {each["_id"] async for each in known}
        unknown = [each for each in revocations if each["_id"] not in ids]
        gone = await erased_among(self.database, [each["sub"] for each in unknown])
        return [each for each in unknown if each["sub"] not in gone]

    async def claim(self) -> Notice | None:
        """Lease the mail that has been due longest, by the server's clock."""
        found = await self._due.claim()
        if found is None:
            return None
        return Notice(
            found["_id"],
            found["sub"],
            found["cause"],
            found["committed_at"],
            found["attempts"],
            # What an earlier version owed has none of these.
            found.get("about"),
            found.get("codes_left"),
            found.get("to"),
            found.get("whose"),
            found.get("organization"),
        )

    async def sent(self, notice_id: str) -> None:
        """Close the notice."""
        await self._close(notice_id, {"outcome": "sent"})

    async def undeliverable(self, notice_id: str, reason: str) -> None:
        """Close the notice with why it could not be sent."""
        await self._close(notice_id, {"outcome": "undeliverable", "reason": reason})

    async def postpone(self, notice_id: str, *, seconds: float) -> None:
        """Move the due time."""
        await self._due.postpone(notice_id, seconds=seconds)

    @cached_property
    def _due(self) -> Due:
        return Due(self.database["notices"])

    async def _close(self, receipt: str, outcome: Document) -> None:
        await self.database["notices"].update_one(
            {"_id": receipt},
            {"$set": outcome, "$unset": {"pending": ""}, "$currentDate": {"closed_at": True}},
        )


async def insert_notice(database: Database, notice: Notice, session: Session | None) -> None:
    """Insert a notice, unless it is known."""
    fields = {
        "sub": notice.sub,
        "cause": notice.cause,
        "committed_at": notice.committed_at,
        "about": notice.about,
        "codes_left": notice.codes_left,
        "to": notice.to,
        "whose": notice.whose,
        "organization": notice.organization,
        "attempts": 0,
        "pending": True,
    }
    once: Document = {
        name: {"$ifNull": [f"${name}", {"$literal": value}]} for name, value in fields.items()
    }
    # A closed notice has no `pending` any more and must not get it back.
    once["pending"] = {"$cond": {"if": _IS_KNOWN, "then": "$pending", "else": True}}
    dated = {name: {"$ifNull": [f"${name}", "$$NOW"]} for name in ("owed_at", "due_at")}
    await database["notices"].update_one(
        {"_id": notice.receipt}, [{"$set": once}, {"$set": dated}], upsert=True, session=session
    )
