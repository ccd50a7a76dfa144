"""The policy for the portal: who may use it, what it shows, and whom people are told to contact."""

from dataclasses import dataclass

from services.profile.errors import NoSuchOrganization
from services.profile.model import OrganizationRecord
from services.profile.people import People
from services.profile.store import PeopleStore
from shared.clock import Clock
from shared.contracts.policy import KeptPortalPolicy, PortalPolicy, PutPortalPolicy, ReadPolicy
from shared.contracts.refusals import InvalidRequest
from shared.policies import policy_replaced
from shared.problems import at_fault


@dataclass(frozen=True)
class PortalPolicies:
    """Keep each organization's policy, which stands in its own record."""

    store: PeopleStore
    people: People
    clock: Clock

    async def read(self, asked: ReadPolicy) -> KeptPortalPolicy:
        """Return an organization's policy as it is at this moment."""
        return (await self._organization(asked.organization)).policy

    async def put(self, asked: PutPortalPolicy) -> KeptPortalPolicy:
        """Replace a policy. People are shown the new one here, and within a second elsewhere.

        Raise `ChangedMeanwhile` where another one stands there than those it may replace, and
        `InvalidRequest` where it is for groups and names none.
        """
        if asked.access == "groups" and not asked.groups:
            raise InvalidRequest(errors=[at_fault("groups", "missing")])
        await self._organization(asked.organization)
        policy = PortalPolicy(**{name: getattr(asked, name) for name in PortalPolicy.model_fields})
        at = self.clock.now()
        replaced = await self.store.put_portal_policy(
            asked.organization,
            policy,
            replaces=asked.replaces,
            told=lambda replaced: policy_replaced(asked, "portal", replaced, at),
        )
        self.people.forget()
        return KeptPortalPolicy(**dict(policy), version=replaced.version)

    async def _organization(self, organization_id: str) -> OrganizationRecord:
        found = await self.store.organization(organization_id)
        if found is None:
            raise NoSuchOrganization
        return found
