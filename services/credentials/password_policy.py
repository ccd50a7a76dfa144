"""The policy for passwords of each organization."""

from dataclasses import dataclass

from services.credentials.model import PasswordPolicy
from services.credentials.policy import MethodPolicies
from services.credentials.rules import can_be_banned
from services.credentials.store import MethodStore, PasswordPolicyStore
from shared.contracts.policy import KeptPasswordPolicy, PutPasswordPolicy, ReadPolicy
from shared.contracts.refusals import InvalidRequest
from shared.lease import Lease
from shared.policies import put_leased

_NO_ORGANIZATION = ""


@dataclass(frozen=True)
class PasswordPolicies:
    """Keep the policies, and tell what holds for whose new password."""

    store: PasswordPolicyStore
    lease: Lease[PasswordPolicy | None]
    otherwise: PasswordPolicy
    methods: MethodStore
    method_policies: MethodPolicies

    async def read(self, asked: ReadPolicy) -> KeptPasswordPolicy:
        """Return an organization's policy as it is at this moment."""
        found = await self.store.policy_of(asked.organization)
        return (found or self.otherwise).as_contract()

    async def put(self, asked: PutPasswordPolicy) -> KeptPasswordPolicy:
        """Replace a policy. When this returns, no password is taken that does not meet it.

        Raise `ChangedMeanwhile` where another one stands there than those it may replace.
        """
        policy = PasswordPolicy(
            minimum_length=asked.minimum_length,
            minimum_length_with_factor=asked.minimum_length_with_factor,
            history=asked.history,
            banned=tuple(dict.fromkeys(asked.banned)),
        )
        _check(policy)
        kept = await put_leased(self.store, self.lease, asked, policy, called="password")
        return kept.as_contract()

    async def of(self, organization: str | None) -> PasswordPolicy:
        """Return the policy that holds in an organization for who has no second factor."""
        return await self.lease.of(organization or _NO_ORGANIZATION) or self.otherwise

    async def of_subject(self, sub: str, organization: str | None = None) -> PasswordPolicy:
        """Return the policy that holds for somebody, whose organization may be known already."""
        organization = organization or await self.method_policies.store.organization_of(sub)
        policy = await self.of(organization)
        demanded = await self.method_policies.of(organization)
        meets_one = demanded.always_asks(await self.methods.security_info(sub))
        return policy.with_factor if meets_one else policy


def _check(policy: PasswordPolicy) -> None:
    """Raise where a second factor would have to make up for nothing, or a word bans nothing."""
    reasons = {
        "minimum_length_with_factor": "out-of-range"
        if policy.minimum_length_with_factor > policy.minimum_length
        else None,
        "banned": None if all(map(can_be_banned, policy.banned)) else "unfit",
    }
    errors = [
        {"field": field, "reason": reason, "message": reason}
        for field, reason in reasons.items()
        if reason
    ]
    if errors:
        raise InvalidRequest(errors=errors)
