"""Each organization's policy for its people's sessions, in MongoDB."""

from collections.abc import Collection
from dataclasses import asdict, dataclass

from services.sessions.model import SessionPolicy
from shared.contracts.policy import UsualActivityDays
from shared.mongo import Database
from shared.policies import Replaced, Telling
from shared.transactions import Transactions
from shared.versions import VersionedDocuments

_USUAL = {"activity_days": UsualActivityDays}


@dataclass(frozen=True)
class MongoPolicyStore:
    """One document per organization."""

    database: Database
    transactions: Transactions

    async def install(self) -> None:
        """Create the collection. Safe to run twice."""
        await self._policies.install()

    async def policy_of(self, organization: str) -> SessionPolicy | None:
        """Read the document."""
        found = await self.database["policies"].find_one({"_id": organization})
        if found is None:
            return None
        # What was put by the version before has no number.
        version = found.get("version", 0)
        days = found.get("activity_days", UsualActivityDays)
        return SessionPolicy(found["idle_seconds"], found["lifetime_seconds"], days, version)

    async def put_policy(
        self,
        organization: str,
        policy: SessionPolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Replace the document."""
        values = asdict(policy)
        del values["version"]
        return await self._policies.replace(
            organization, values, replaces=replaces, told=told, unsaid=_USUAL
        )

    @property
    def _policies(self) -> VersionedDocuments:
        return VersionedDocuments(self.database["policies"], self.transactions)

    async def shorten(self, organization: str, policy: SessionPolicy) -> None:
        """Go through the index of open sessions, all of them: it is seldom that this is asked."""
        lived = {"$add": ["$created_at", policy.lifetime_seconds * 1000]}
        unseen = {"$add": ["$last_seen_at", policy.idle_seconds * 1000]}
        await self.database["sessions"].update_many(
            {"open": True, "sub": {"$gt": ""}, "organization": organization},
            [
                {
                    "$set": {
                        "lifetime_ends_at": {"$min": ["$lifetime_ends_at", lived]},
                        "expires_at": {"$min": ["$expires_at", lived, unseen]},
                    }
                }
            ],
        )
