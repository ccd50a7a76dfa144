"""The end of rows of activity, brought in line with the policies in MongoDB."""

from dataclasses import dataclass

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from shared.contracts.policy import UsualActivityDays
from shared.mongo import Database, Document, OperationSeconds

_DAY_MILLISECONDS = 24 * 3600 * 1000
_SETTLED_SECONDS = OperationSeconds + 1
"""A process goes by a policy that it read for a second, and no write of one before takes longer."""


@dataclass(frozen=True)
class MongoRetentionStore:
    """One document per organization says how far the rows are with which version of its policy.

    They are gone through in the order of their ids, all of them: it is seldom that a policy
    changes, and an index for it would cost something at every sign-in.
    """

    database: Database
    settled_seconds: float = _SETTLED_SECONDS
    rows_at_once: int = 1000

    async def due(self) -> str | None:
        """Compare the versions, of which there are as many as organizations."""
        async for policy in self.database["policies"].find({}, {"version": 1}):
            organization, version = policy["_id"], policy.get("version", 0)
            lined = await self._lined(organization)
            if lined is None or lined["version"] < version:
                await self._begin(organization, version)
                lined = await self._lined(organization)
            if lined is None or lined["version"] != version:
                continue
            if lined["is_due"] and not lined["done"]:
                return str(organization)
        return None

    async def bring_in_line(self, organization: str) -> bool:
        """Do those whose ids come next. Whoever writes a newer version down takes over."""
        policy = await self.database["policies"].find_one({"_id": organization})
        lined = await self._lined(organization)
        if policy is None or lined is None or lined["done"]:
            return False
        if policy.get("version", 0) != lined["version"]:
            return False
        ids: Document = {"$gt": lined["after"]}
        last = await self._last_of(ids)
        if last is not None:
            ids["$lte"] = last
        days = policy.get("activity_days", UsualActivityDays)
        ends = {"$add": ["$at", days * _DAY_MILLISECONDS]}
        await self.database["activity"].update_many(
            {"_id": ids, "organization": organization}, [{"$set": {"forget_at": ends}}]
        )
        step = {"done": True} if last is None else {"after": last}
        await self.database["activity_retention"].update_one(
            {"_id": organization, "version": lined["version"]}, {"$set": step}
        )
        return last is not None

    async def _last_of(self, ids: Document) -> str | None:
        found = self.database["activity"].find({"_id": ids}, {"_id": 1})
        ordered = found.sort("_id", ASCENDING).skip(self.rows_at_once - 1).limit(1)
        return next((document["_id"] for document in await ordered.to_list()), None)

    async def _lined(self, organization: str) -> Document | None:
        settled = {"$add": ["$noticed_at", int(self.settled_seconds * 1000)]}
        return await self.database["activity_retention"].find_one(
            {"_id": organization},
            {"version": 1, "after": 1, "done": 1, "is_due": {"$lte": [settled, "$$NOW"]}},
        )

    async def _begin(self, organization: str, version: int) -> None:
        begun = {"version": version, "after": "", "noticed_at": "$$NOW", "done": False}
        try:
            await self.database["activity_retention"].update_one(
                {"_id": organization, "version": {"$not": {"$gte": version}}},
                [{"$set": begun}],
                upsert=True,
            )
        except DuplicateKeyError:
            # Somebody else has noticed it, or a newer one.
            return
