"""What organizations demand of passwords, methods and resets, in memory."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from services.credentials.method_policy import MethodPolicy
from services.credentials.model import PasswordPolicy
from services.credentials.reset_policy import ResetPolicy
from shared.policies import Replaced, Telling
from tests.memory.credentials import MemoryCredentials
from tests.memory.epochs import MemoryEpochs


@dataclass
class MemoryPolicies:
    """Each organization's policy, beside the accounts."""

    credentials: MemoryCredentials = field(default_factory=MemoryCredentials)
    by_organization: dict[str, MethodPolicy] = field(default_factory=dict)
    reads: int = 0

    async def policy_of(self, organization: str) -> MethodPolicy:
        """Look it up."""
        self.reads += 1
        return self.by_organization.get(organization, MethodPolicy())

    async def put_policy(
        self,
        organization: str,
        policy: MethodPolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Keep it, with versions that only rise."""
        known = self.by_organization.get(organization)
        before = known.as_contract().model_dump() if known else {}
        after = policy.as_contract().model_dump(exclude={"trust_version"})
        replaced = self.credentials.epochs.replaced(before, after, replaces, told)
        trust_version = (known.trust_version if known else 0) + (0 if policy.trust_days else 1)
        self.by_organization[organization] = replace(
            policy, trust_version=trust_version, version=replaced.version
        )
        return replaced

    async def organization_of(self, sub: str) -> str | None:
        """Look the account up."""
        known = self.credentials.passwords.get(sub)
        return known.organization if known is not None else None

    async def adopt(self, sub: str, user_id: str, organization: str) -> None:
        """Note it beside the password."""
        known = self.credentials.passwords.get(sub)
        if known is not None and known.user_id == user_id and known.organization is None:
            self.credentials.passwords[sub] = replace(known, organization=organization)


P = TypeVar("P", PasswordPolicy, ResetPolicy)


@dataclass
class _OnePerOrganization(Generic[P]):
    """Policies under a version each."""

    epochs: MemoryEpochs = field(default_factory=MemoryEpochs)
    by_organization: dict[str, P] = field(default_factory=dict)

    async def put_policy(
        self,
        organization: str,
        policy: P,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Keep it."""
        known = self.by_organization.get(organization)
        before = known.as_contract().model_dump() if known else {}
        after = policy.as_contract().model_dump()
        replaced = self.epochs.replaced(before, after, replaces, told)
        self.by_organization[organization] = replace(policy, version=replaced.version)
        return replaced


class MemoryPasswordPolicies(_OnePerOrganization[PasswordPolicy]):
    """Each organization's policy for passwords."""

    async def policy_of(self, organization: str) -> PasswordPolicy | None:
        """Look it up."""
        return self.by_organization.get(organization)


class MemoryResetPolicies(_OnePerOrganization[ResetPolicy]):
    """Each organization's policy for resets."""

    async def policy_of(self, organization: str) -> ResetPolicy:
        """Look it up."""
        return self.by_organization.get(organization, ResetPolicy())
