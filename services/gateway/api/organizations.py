"""The part of the API's table for the organizations that somebody belongs to."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from services.gateway.api.bodies import ConfirmBody
from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.organizations import OrganizationFlows
from shared.contracts.organizations import MembershipRole, OwnOrganization


class OrganizationItems(BaseModel):
    """All organizations, the home organization first; there is never another page."""

    items: tuple[OwnOrganization, ...]
    next: None = None


class InvitationItem(BaseModel):
    """An invitation, with the organization that it is to."""

    id: str
    organization: str
    name: str
    role: MembershipRole
    invited_at: datetime
    expires_at: datetime


class InvitationItems(BaseModel):
    """All invitations, the newest first; there is never another page."""

    items: tuple[InvitationItem, ...]
    next: None = None


@dataclass(frozen=True)
class OrganizationsApi:
    """The operations, each over one flow."""

    organizations: OrganizationFlows

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        nothing = {404: "not-found"}
        return [
            Operation(
                "GET", "/me/organizations", "My organizations, and which of them I may leave",
                self._list, answers={200: OrganizationItems},
            ),
            Operation(
                "POST", "/me/organizations/{id}/leave",
                "Leave an organization, after re-authentication to it", self._leave,
                body=ConfirmBody, answers={204: None},
                refusals={
                    **nothing, 403: "step-up-required, not-allowed-by-policy",
                    409: "last-owner", 412: "changed-meanwhile", 422: "confirmation-required",
                },
            ),
            Operation(
                "GET", "/me/invitations", "What I am invited to", self._invitations,
                answers={200: InvitationItems},
            ),
            Operation(
                "POST", "/me/invitations/{id}/accept", "Become a guest of an organization",
                self._accept, answers={204: None},
                refusals={**nothing, 412: "changed-meanwhile"},
            ),
            Operation(
                "POST", "/me/invitations/{id}/decline", "Have an invitation forgotten",
                self._decline, answers={204: None}, refusals=nothing,
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        return Answer(OrganizationItems(items=await self.organizations.own.list(call.caller)))

    async def _leave(self, call: Call) -> Answer:
        confirmed = call.body(ConfirmBody).confirm
        await self.organizations.own.leave(call.caller, call.path("id"), confirmed=confirmed)
        return Answer(None, 204)

    async def _invitations(self, call: Call) -> Answer:
        found = await self.organizations.own.invitations(call.caller)
        items = tuple(InvitationItem(**each.model_dump()) for each in found)
        return Answer(InvitationItems(items=items))

    async def _accept(self, call: Call) -> Answer:
        await self.organizations.own.accept(call.caller, call.path("id"))
        return Answer(None, 204)

    async def _decline(self, call: Call) -> Answer:
        await self.organizations.own.decline(call.caller, call.path("id"))
        return Answer(None, 204)
