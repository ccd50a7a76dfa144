"""What is due in a collection: each taken by one at a time, under a lease by the server's clock."""

from dataclasses import dataclass

from pymongo import ASCENDING, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from shared.mongo import Document
from shared.owed import LeaseSeconds


@dataclass(frozen=True)
class Due:
    """Documents with `due_at` and `attempts`, of which those that are `pending` are to be done."""

    collection: AsyncCollection[Document]

    async def install(self, *, kept_seconds: int) -> None:
        """Create indexes. Safe to run twice. What was `owed_at` so long ago is forgotten."""
        await self.collection.create_index(
            [("due_at", ASCENDING)], name="pending", partialFilterExpression={"pending": True}
        )
        await self.collection.create_index("owed_at", expireAfterSeconds=kept_seconds)

    async def claim(self) -> Document | None:
        """Lease what has been due longest.

        It looks first: a write waits for the journal also where there is nothing to write.
        """
        due: Document = {"pending": True, "$expr": {"$lte": ["$due_at", "$$NOW"]}}
        if await self.collection.find_one(due, {"_id": True}) is None:
            return None
        return await self.collection.find_one_and_update(
            due,
            [
                {
                    "$set": {
                        "due_at": _in_seconds(LeaseSeconds),
                        "attempts": {"$add": ["$attempts", 1]},
                    }
                }
            ],
            sort=[("due_at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )

    async def postpone(self, document_id: str, *, seconds: float) -> None:
        """Move the due time."""
        await self.collection.update_one(
            {"_id": document_id, "pending": True}, [{"$set": {"due_at": _in_seconds(seconds)}}]
        )


def _in_seconds(seconds: float) -> Document:
    return {"$add": ["$$NOW", int(seconds * 1000)]}
