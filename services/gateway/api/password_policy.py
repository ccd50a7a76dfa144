"""The part of the API's table for what new passwords must meet."""

from dataclasses import dataclass

from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.preconditions import REPLACED, if_match, tagged
from services.gateway.forms import PasswordPolicyBody
from services.gateway.policy import Policies
from services.gateway.requests import IF_MATCH
from shared.contracts.policy import (
    PasswordPolicy,
)


@dataclass(frozen=True)
class PasswordPolicyApi:
    """The operations, each over one flow."""

    policies: Policies

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "GET", "/admin/policy/password", "What new passwords must meet", self._read,
                "admin", answers={200: PasswordPolicy},
            ),
            Operation(
                "PUT", "/admin/policy/password", "Replace the policy for passwords", self._put,
                "admin", PasswordPolicyBody, {200: PasswordPolicy}, REPLACED, headers=(IF_MATCH,),
            ),
        ]  # fmt: skip

    async def _read(self, call: Call) -> Answer:
        return tagged(PasswordPolicy, await self.policies.passwords(call.admin))

    async def _put(self, call: Call) -> Answer:
        policy = PasswordPolicy(**call.body(PasswordPolicyBody).model_dump())
        put = self.policies.put_passwords(call.admin, policy, if_match(call.request))
        return tagged(PasswordPolicy, await put)
