"""How long sign-in activity is kept: what is there follows the policy, a little at a time."""

from dataclasses import dataclass

from services.sessions.store import RetentionStore


@dataclass(frozen=True)
class Retention:
    """Bring the rows that are there in line with their organization's policy.

    New rows have the end that the policy gives them, and the store forgets each by itself.
    """

    store: RetentionStore

    async def apply(self) -> None:
        """Do all that is due. Whatever dies in between is gone on with where it was left."""
        while (organization := await self.store.due()) is not None:
            while await self.store.bring_in_line(organization):
                pass
