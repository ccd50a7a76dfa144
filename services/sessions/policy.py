"""The policy for sessions of each organization."""

from dataclasses import dataclass

from services.sessions.model import SessionPolicy
from services.sessions.store import PolicyStore
from shared.contracts.policy import KeptSessionsPolicy, PutSessionsPolicy, ReadPolicy
from shared.lease import Lease
from shared.policies import put_leased

_NO_ORGANIZATION = ""


@dataclass(frozen=True)
class SessionPolicies:
    """Keep the policies, and tell which one holds for whose sessions."""

    store: PolicyStore
    lease: Lease[SessionPolicy | None]
    otherwise: SessionPolicy

    async def read(self, asked: ReadPolicy) -> KeptSessionsPolicy:
        """Return an organization's policy as it is at this moment."""
        found = await self.store.policy_of(asked.organization)
        return (found or self.otherwise).as_contract()

    async def put(self, asked: PutSessionsPolicy) -> KeptSessionsPolicy:
        """Replace a policy. When this returns, no session is stored that lasts longer than it says.

        What lasts longer already is shortened once no more of it can come. Rows of activity that
        are there follow later (`Retention`). Raise `ChangedMeanwhile` where another one stands
        there than those it may replace.
        """
        days = asked.activity_days
        if days is None:
            days = (await self.read(ReadPolicy(organization=asked.organization))).activity_days
        policy = SessionPolicy.of(asked.idle_minutes, asked.lifetime_hours, days)
        kept = await put_leased(self.store, self.lease, asked, policy, called="sessions")
        await self.store.shorten(asked.organization, policy)
        return kept.as_contract()

    async def of(self, organization: str | None) -> SessionPolicy:
        """Return the policy that holds in an organization."""
        return await self.lease.of(organization or _NO_ORGANIZATION) or self.otherwise
