"""What works once."""

from dataclasses import dataclass

from services.credentials.model import (
    OneTime,
)
from shared.mongo import Database


@dataclass(frozen=True)
class MongoOneTimeStore:
    """One document for each thing that something was begun for."""

    database: Database

    async def install(self) -> None:
        """Create the index by which the server forgets what is over. Safe to run twice."""
        await self.database["one_time"].create_index("ends_at", expireAfterSeconds=0)

    async def keep(self, begun: OneTime) -> None:
        """Write it over what was there."""
        ends_at = {"$add": ["$$NOW", begun.seconds * 1000]}
        await self.database["one_time"].update_one(
            {"_id": begun.name},
            [{"$set": {"proof": {"$literal": begun.proof}, "ends_at": ends_at}}],
            upsert=True,
        )

    async def take(self, name: str, proof: str) -> bool:
        """Delete it. The server forgets about once a minute, so the time is compared here."""
        deleted = await self.database["one_time"].delete_one(
            {"_id": name, "proof": proof, "$expr": {"$gt": ["$ends_at", "$$NOW"]}}
        )
        return deleted.deleted_count == 1
