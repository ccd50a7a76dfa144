"""Passwords that are being reset."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from pymongo import ReturnDocument

from services.credentials.resets import Reset
from shared.contracts.events import Audited, HelpAsked
from shared.contracts.resets import ResetSeconds
from shared.mongo import Database, Document, Session
from shared.transactions import Transaction, Transactions

_ANSWER_SECONDS = 15
"""Longer than any answer takes, so that one whose end was never told keeps nobody for long."""
_FIELDS = frozenset(each.name for each in fields(Reset)) - {"id"}
# The server forgets about once a minute, so the time is compared here.
_GOES_ON: Document = {"$expr": {"$gt": ["$ends_at", "$$NOW"]}}
_NOBODY_ANSWERS = {"$lte": [{"$ifNull": ["$answering_until", "$$NOW"]}, "$$NOW"]}


@dataclass(frozen=True)
class MongoResetStore:
    """One document per reset; every step replaces the state that was read, and no other."""

    database: Database
    transactions: Transactions

    async def install(self) -> None:
        """Create the collection, which no transaction has to do then, and its index.

        Safe to run twice.
        """
        if "resets" not in await self.database.list_collection_names():
            await self.database.create_collection("resets")
        await self.database["resets"].create_index("ends_at", expireAfterSeconds=0)

    async def begin(self, reset: Reset, event: Audited | None) -> None:
        """Write it, in a transaction only where there is something to tell besides."""
        if event is None:
            return await self._write(reset)

        async def work(transaction: Transaction) -> None:
            await self._write(reset, transaction.session)
            await transaction.emit(event)

        await self.transactions.run(work)
        return None

    async def _write(self, reset: Reset, session: Session | None = None) -> None:
        # It ends by the server's clock.
        ends_at = {"$add": ["$$NOW", ResetSeconds * 1000]}
        document = {name: {"$literal": value} for name, value in _document(reset).items()}
        await self.database["resets"].update_one(
            {"_id": reset.id},
            [{"$set": {**document, "ends_at": ends_at}}],
            upsert=True,
            session=session,
        )

    async def find(self, reset_id: str) -> Reset | None:
        """Read it."""
        return _reset(await self.database["resets"].find_one({"_id": reset_id, **_GOES_ON}))

    async def change(self, changed: Reset) -> bool:
        """Replace the revision."""
        return await change_reset(self.database, changed)

    async def claim(self, reset: Reset) -> Reset | None:
        """Note until when it is taken, where it is not."""
        until = {"$add": ["$$NOW", _ANSWER_SECONDS * 1000]}
        found = await self.database["resets"].find_one_and_update(
            {
                "_id": reset.id,
                "revision": reset.revision,
                "$expr": {"$and": [_GOES_ON["$expr"], _NOBODY_ANSWERS]},
            },
            [{"$set": {"answering_until": until, "revision": {"$add": ["$revision", 1]}}}],
            return_document=ReturnDocument.AFTER,
        )
        return _reset(found)

    async def tell(self, event: HelpAsked) -> None:
        """Write the event."""

        async def work(transaction: Transaction) -> None:
            await transaction.emit(event)

        await self.transactions.run(work)


async def change_reset(database: Database, changed: Reset, session: Session | None = None) -> bool:
    """Replace the revision that was read, in the caller's transaction if there is one."""
    replaced = await database["resets"].update_one(
        {"_id": changed.id, "revision": changed.revision, **_GOES_ON},
        {
            "$set": {**_document(changed), "revision": changed.revision + 1},
            "$unset": {"answering_until": ""},
        },
        session=session,
    )
    return replaced.matched_count == 1


def _document(reset: Reset) -> dict[str, Any]:
    document = asdict(reset)
    del document["id"]
    return {**document, "proved": list(reset.proved), "drawn": list(reset.drawn)}


def _reset(document: Document | None) -> Reset | None:
    if document is None:
        return None
    known = {name: value for name, value in document.items() if name in _FIELDS}
    lists = {name: tuple(known.get(name, ())) for name in ("proved", "drawn")}
    return Reset(id=document["_id"], **{**known, **lists})
