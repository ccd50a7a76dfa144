"""The audit trail in MongoDB, where nothing updates or deletes an entry."""

from contextlib import suppress
from dataclasses import asdict, dataclass, fields

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from services.profile.store import EVERYTHING
from services.profile.trail import Entry, Head, Seal, Told
from shared.contracts.audit import AuditFilter
from shared.mongo import Database, Document, present
from shared.transactions import Transaction, Transactions

_TOLD = [each.name for each in fields(Told) if each.name != "id"]


def _entry(document: Document) -> Entry:
    # What was taken out of an entry is for the inspection to find, which reads it like any other.
    told = Told(document["_id"], **{name: document.get(name) for name in _TOLD})  # type: ignore[arg-type]
    place = (document.get(name) for name in ("sequence", "at", "previous", "hash"))
    return Entry(told, *place)  # type: ignore[arg-type]


def _head(document: Document) -> Head:
    return Head(document["_id"], document["sequence"], document["hash"], document["seal"])


@dataclass(frozen=True)
class MongoAuditStore:
    """One document per entry, and one per organization that says which is the last."""

    database: Database
    transactions: Transactions
    seal: Seal

    async def install(self) -> None:
        """Create the index. Safe to run twice."""
        place = [("organization", ASCENDING), ("sequence", ASCENDING)]
        await self.database["audit"].create_index(place, unique=True)

    async def append(self, told: Told) -> None:
        """Insert in the transaction that moves the head and remembers the event."""

        async def work(transaction: Transaction) -> None:
            await self._append(told, transaction)

        await self._begin(told.organization)
        await self.transactions.once(told.id, work)

    async def organizations(self) -> list[str]:
        """Look in the entries and in the heads: either may have been taken out."""
        entries = await self.database["audit"].distinct("organization")
        heads = await self.database["audit-heads"].distinct("_id")
        return sorted({*entries, *heads}, key=str)

    async def entries(
        self,
        organization: str,
        *,
        after: int | None = None,
        limit: int,
        oldest_first: bool = True,
        wanted: AuditFilter = EVERYTHING,
    ) -> list[Entry]:
        """Read a page."""
        query: Document = {"organization": organization, **wanted.model_dump(exclude_none=True)}
        if after is not None:
            query["sequence"] = {"$gt" if oldest_first else "$lt": after}
        order = ASCENDING if oldest_first else DESCENDING
        found = self.database["audit"].find(query).sort("sequence", order).limit(limit)
        return [_entry(document) async for document in found]

    async def head(self, organization: str) -> Head | None:
        """Read the head."""
        found = await self.database["audit-heads"].find_one({"_id": organization})
        return _head(found) if found else None

    async def _begin(self, organization: str) -> None:
        # Outside of the transaction, in which two that insert at once would not be tried again.
        fresh = {"sequence": 0, "hash": "", "seal": ""}
        with suppress(DuplicateKeyError):
            await self.database["audit-heads"].update_one(
                {"_id": organization}, {"$setOnInsert": fresh}, upsert=True
            )

    async def _append(self, told: Told, transaction: Transaction) -> None:
        # The head is written before it is read, so that of two at once one waits for the other.
        before = await self.database["audit-heads"].find_one_and_update(
            {"_id": told.organization},
            {"$currentDate": {"at": True}},
            return_document=ReturnDocument.AFTER,
            session=transaction.session,
        )
        entry = self.seal.entry(_head(present(before)), told, present(before)["at"])
        document = {
            **asdict(told),
            "sequence": entry.sequence,
            "at": entry.at,
            "previous": entry.previous,
            "hash": entry.hash,
        }
        document["_id"] = document.pop("id")
        await self.database["audit"].insert_one(document, session=transaction.session)
        head = self.seal.head(entry)
        await self.database["audit-heads"].update_one(
            {"_id": told.organization},
            {"$set": {"sequence": head.sequence, "hash": head.hash, "seal": head.seal}},
            session=transaction.session,
        )
