"""The part of the API's table for what admins demand of methods and sessions."""

from dataclasses import dataclass

from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.preconditions import REPLACED, if_match, tagged
from services.gateway.forms import MethodsPolicyBody, SessionsPolicyBody
from services.gateway.policy import Policies
from services.gateway.requests import IF_MATCH
from shared.contracts.policy import MethodsPolicy, SessionsPolicy


@dataclass(frozen=True)
class PolicyApi:
    """The operations, each over one flow."""

    policies: Policies

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "GET", "/admin/policy/methods", "Which methods there may be", self._methods,
                "admin", answers={200: MethodsPolicy},
            ),
            Operation(
                "PUT", "/admin/policy/methods", "Replace the policy for methods",
                self._put_methods, "admin", MethodsPolicyBody, {200: MethodsPolicy}, REPLACED,
                headers=(IF_MATCH,),
            ),
            Operation(
                "GET", "/admin/policy/sessions", "How long sessions last", self._sessions,
                "admin", answers={200: SessionsPolicy},
            ),
            Operation(
                "PUT", "/admin/policy/sessions", "Replace the policy for sessions",
                self._put_sessions, "admin", SessionsPolicyBody, {200: SessionsPolicy}, REPLACED,
                headers=(IF_MATCH,),
            ),
            Operation(
                "POST", "/admin/users/{id}/require-security-info",
                "Take a user's methods away and have them register anew", self._require_anew,
                "admin", answers={204: None}, refusals={404: "not-found", 503: "too-busy"},
            ),
        ]  # fmt: skip

    async def _methods(self, call: Call) -> Answer:
        return tagged(MethodsPolicy, await self.policies.methods(call.admin))

    async def _put_methods(self, call: Call) -> Answer:
        body = call.body(MethodsPolicyBody)
        return tagged(
            MethodsPolicy,
            await self.policies.put_methods(
                call.admin,
                allowed=body.allowed,
                second_factor=body.second_factor,
                trust_days=body.trust_days,
                skip_days=body.skip_days,
                reconfirm_days=body.reconfirm_days,
                replaces=if_match(call.request),
            ),
        )

    async def _sessions(self, call: Call) -> Answer:
        return tagged(SessionsPolicy, await self.policies.session_times(call.admin))

    async def _put_sessions(self, call: Call) -> Answer:
        body = call.body(SessionsPolicyBody)
        return tagged(
            SessionsPolicy,
            await self.policies.put_session_times(
                call.admin,
                idle_minutes=body.idle_minutes,
                lifetime_hours=body.lifetime_hours,
                activity_days=body.activity_days,
                replaces=if_match(call.request),
            ),
        )

    async def _require_anew(self, call: Call) -> Answer:
        await self.policies.require_security_info(call.admin, call.path("id"))
        return Answer(None, 204)
