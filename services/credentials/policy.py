"""The policies of each organization: for methods, and for passwords that are reset."""

from dataclasses import dataclass

from services.credentials.method_policy import MethodPolicy
from services.credentials.reset_policy import ResetPolicy
from services.credentials.store import PolicyStore, ResetPolicyStore
from shared.contracts.policy import (
    KeptMethodsPolicy,
    KeptResetPolicy,
    PutMethodsPolicy,
    PutResetPolicy,
    ReadPolicy,
)
from shared.lease import Lease
from shared.policies import put_leased

_NO_ORGANIZATION = ""


@dataclass(frozen=True)
class MethodPolicies:
    """Keep the policies, and tell which one holds for whom."""

    store: PolicyStore
    lease: Lease[MethodPolicy]

    async def read(self, asked: ReadPolicy) -> KeptMethodsPolicy:
        """Return an organization's policy as it is at this moment."""
        return (await self.store.policy_of(asked.organization)).as_contract()

    async def put(self, asked: PutMethodsPolicy) -> KeptMethodsPolicy:
        """Replace a policy. When this returns, the new one holds wherever one is asked for.

        Raise `ChangedMeanwhile` where another one stands there than those it may replace.
        """
        policy = MethodPolicy.of(
            asked.allowed,
            asked.second_factor,
            asked.trust_days,
            skip_days=asked.skip_days,
            reconfirm_days=asked.reconfirm_days,
        )
        policy.check()
        kept = await put_leased(self.store, self.lease, asked, policy, called="methods")
        return kept.as_contract()

    async def of(self, organization: str | None) -> MethodPolicy:
        """Return the policy that holds in an organization.

        For who has none it is looked up all the same, as for whom nobody knows: it takes as long.
        """
        return await self.lease.of(organization or _NO_ORGANIZATION)

    async def of_subject(self, sub: str, organization: str | None = None) -> MethodPolicy:
        """Return the policy that holds for somebody, whose organization may be known already."""
        return await self.of(organization or await self.store.organization_of(sub))


@dataclass(frozen=True)
class ResetPolicies:
    """Keep the policies for resets, and tell which one holds where."""

    store: ResetPolicyStore
    lease: Lease[ResetPolicy]

    async def read(self, asked: ReadPolicy) -> KeptResetPolicy:
        """Return an organization's policy as it is at this moment."""
        return (await self.store.policy_of(asked.organization)).as_contract()

    async def put(self, asked: PutResetPolicy) -> KeptResetPolicy:
        """Replace a policy. When this returns, every reset that was begun before it is over.

        Raise `ChangedMeanwhile` where another one stands there than those it may replace.
        """
        policy = ResetPolicy.of(asked)
        policy.check()
        kept = await put_leased(self.store, self.lease, asked, policy, called="reset")
        return kept.as_contract()

    async def of(self, organization: str | None) -> ResetPolicy:
        """Return the policy that holds in an organization, or for who has none."""
        return await self.lease.of(organization or _NO_ORGANIZATION)
