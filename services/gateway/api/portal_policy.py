"""The part of the API's table for what the portal shows an organization's people."""

from dataclasses import dataclass

from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.preconditions import REPLACED, if_match, tagged
from services.gateway.forms import PortalPolicyBody
from services.gateway.policy import Policies
from services.gateway.requests import IF_MATCH
from shared.contracts.policy import PortalPolicy


@dataclass(frozen=True)
class PortalPolicyApi:
    """The operations, each over one flow."""

    policies: Policies

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "GET", "/admin/policy/portal", "Whom people are told to contact", self._read,
                "admin", answers={200: PortalPolicy},
            ),
            Operation(
                "PUT", "/admin/policy/portal", "Replace the policy for the portal", self._put,
                "admin", PortalPolicyBody, {200: PortalPolicy}, REPLACED, headers=(IF_MATCH,),
            ),
        ]  # fmt: skip

    async def _read(self, call: Call) -> Answer:
        return tagged(PortalPolicy, await self.policies.portal(call.admin))

    async def _put(self, call: Call) -> Answer:
        policy = call.body(PortalPolicyBody).as_policy()
        put = self.policies.put_portal(call.admin, policy, if_match(call.request))
        return tagged(PortalPolicy, await put)
