"""The policy for sessions of each organization."""

from dataclasses import dataclass

from services.sessions.model import SessionPolicy
from services.sessions.store import PolicyStore
from shared.contracts.policy import PutSessionsPolicy, ReadPolicy, SessionsPolicy
from shared.lease import Lease

_NO_ORGANIZATION = ""


@dataclass(frozen=True)
class SessionPolicies:
    """Keep the policies, and tell which one holds for whose sessions."""

    store: PolicyStore
    lease: Lease[SessionPolicy | None]
    otherwise: SessionPolicy

    async def read(self, asked: ReadPolicy) -> SessionsPolicy:
        """Return an organization's policy as it is at this moment."""
        found = await self.store.policy_of(asked.organization)
        return (found or self.otherwise).as_contract()

    async def put(self, asked: PutSessionsPolicy) -> SessionsPolicy:
        """Replace a policy. When this returns, no session is stored that lasts longer than it says.

        What lasts longer already is shortened once no more of it can come.
        """
        policy = SessionPolicy.of(asked.idle_minutes, asked.lifetime_hours)
        await self.store.put_policy(asked.organization, policy)
        await self.lease.lapse()
        await self.store.shorten(asked.organization, policy)
        return policy.as_contract()

    async def of(self, organization: str | None) -> SessionPolicy:
        """Return the policy that holds in an organization."""
        return await self.lease.of(organization or _NO_ORGANIZATION) or self.otherwise
