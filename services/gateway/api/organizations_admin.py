"""The part of the API's table for the guests of an admin's own organization."""

from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel

from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.preconditions import REPLACED, if_match, versioned
from services.gateway.organization_form import (
    ChangeMemberBody,
    InviteMemberBody,
    OrganizationBody,
)
from services.gateway.organizations import OrganizationFlows
from services.gateway.requests import IF_MATCH
from shared.contracts.organizations import (
    Invitation,
    Invitations,
    KnownOrganization,
    LeavePolicy,
    Member,
    Members,
    MembershipState,
)

_ONE = "/admin/organizations/{id}"
_MEMBERS = f"{_ONE}/members"
_MEMBER = f"{_MEMBERS}/{{sub}}"
_INVITATIONS = f"{_ONE}/invitations"
_NOT_FOUND = {404: "not-found"}
_CHANGED = {**_NOT_FOUND, **REPLACED}


class OrganizationItem(BaseModel):
    """An organization, and whether its guests may leave by themselves."""

    id: str
    name: str
    leave: LeavePolicy

    @classmethod
    def of(cls, known: KnownOrganization) -> "OrganizationItem":
        """Return it without its version, which is its tag."""
        return cls(id=known.id, name=known.name, leave=known.leave)


class AdministeredOrganizations(BaseModel):
    """The organizations that the caller looks after: their own."""

    items: tuple[OrganizationItem, ...]
    next: None = None


@dataclass(frozen=True)
class OrganizationsAdministrationApi:
    """The operations, each over one flow."""

    organizations: OrganizationFlows

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [*self._about_it(), *self._inviting(), *self._about_members()]

    def _about_it(self) -> list[Operation]:
        return [
            Operation(
                "GET", "/admin/organizations", "The organization that I look after", self._list,
                "admin", answers={200: AdministeredOrganizations},
            ),
            Operation(
                "GET", _ONE, "The same by its id", self._read, "admin",
                answers={200: OrganizationItem}, refusals=_NOT_FOUND,
            ),
            Operation(
                "PUT", _ONE, "Say whether guests may leave by themselves", self._put, "admin",
                OrganizationBody, {200: OrganizationItem}, _CHANGED, headers=(IF_MATCH,),
            ),
        ]  # fmt: skip

    def _inviting(self) -> list[Operation]:
        return [
            Operation(
                "GET", _INVITATIONS, "Invitations that are neither accepted nor declined",
                self._invitations, "admin", answers={200: Invitations}, refusals=_NOT_FOUND,
                paged=True,
            ),
            Operation(
                "POST", _INVITATIONS, "Invite whoever has a user ID, if anybody has it",
                self._invite, "admin", InviteMemberBody, {201: Invitation},
                {**_NOT_FOUND, 409: "already-member, already-invited"},
            ),
            Operation(
                "DELETE", f"{_INVITATIONS}/{{invitation}}", "Take an invitation back",
                self._revoke, "admin", answers={204: None}, refusals=_NOT_FOUND,
            ),
        ]  # fmt: skip

    def _about_members(self) -> list[Operation]:
        return [
            Operation(
                "GET", _MEMBERS, "Guests, or who was one and can be restored", self._members,
                "admin", answers={200: Members}, refusals=_NOT_FOUND, paged=True,
                queries={"state": {"enum": [*get_args(MembershipState)]}},
            ),
            Operation(
                "GET", _MEMBER, "One of them", self._member, "admin", answers={200: Member},
                refusals=_NOT_FOUND,
            ),
            Operation(
                "PATCH", _MEMBER, "Change a guest's role or groups", self._change, "admin",
                ChangeMemberBody, {200: Member}, {**_CHANGED, 409: "last-owner"},
                headers=(IF_MATCH,),
            ),
            Operation(
                "DELETE", _MEMBER, "Remove a guest, who can be restored for a while",
                self._remove, "admin", answers={204: None},
                refusals={**_CHANGED, 409: "last-owner"}, headers=(IF_MATCH,),
            ),
            Operation(
                "POST", f"{_MEMBER}/restore", "Make somebody a guest again, as they were",
                self._restore, "admin", answers={200: Member}, refusals=_CHANGED,
                headers=(IF_MATCH,),
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        found = await self.organizations.administration.read(
            call.admin, call.admin.home_organization.id
        )
        return Answer(AdministeredOrganizations(items=(OrganizationItem.of(found),)))

    async def _read(self, call: Call) -> Answer:
        return _organization(
            await self.organizations.administration.read(call.admin, call.path("id"))
        )

    async def _put(self, call: Call) -> Answer:
        put = self.organizations.administration.put_policy(
            call.admin,
            call.path("id"),
            call.body(OrganizationBody).leave.as_policy(),
            if_match(call.request),
        )
        return _organization(await put)

    async def _invitations(self, call: Call) -> Answer:
        found = self.organizations.administration.invitations(
            call.admin, call.path("id"), limit=call.limit, after=call.after
        )
        return Answer(await found)

    async def _invite(self, call: Call) -> Answer:
        body = call.body(InviteMemberBody)
        invited = self.organizations.administration.invite(
            call.admin, call.path("id"), body.user_id, body.role, body.groups
        )
        return Answer(await invited, 201)

    async def _revoke(self, call: Call) -> Answer:
        await self.organizations.administration.revoke(
            call.admin, call.path("id"), call.path("invitation")
        )
        return Answer(None, 204)

    async def _members(self, call: Call) -> Answer:
        state: MembershipState = call.choice("state", get_args(MembershipState), "active")
        found = self.organizations.administration.members(
            call.admin, call.path("id"), state, limit=call.limit, after=call.after
        )
        return Answer(await found)

    async def _member(self, call: Call) -> Answer:
        found = self.organizations.administration.member(
            call.admin, call.path("id"), call.path("sub")
        )
        return _member(await found)

    async def _change(self, call: Call) -> Answer:
        body = call.body(ChangeMemberBody)
        changed = self.organizations.administration.change(
            call.admin,
            call.path("id"),
            call.path("sub"),
            role=body.role,
            groups=body.groups,
            replaces=if_match(call.request),
        )
        return _member(await changed)

    async def _remove(self, call: Call) -> Answer:
        await self.organizations.administration.remove(
            call.admin, call.path("id"), call.path("sub"), replaces=if_match(call.request)
        )
        return Answer(None, 204)

    async def _restore(self, call: Call) -> Answer:
        return _member(
            await self.organizations.administration.restore(
                call.admin, call.path("id"), call.path("sub"), replaces=if_match(call.request)
            )
        )


def _organization(known: KnownOrganization) -> Answer:
    return versioned(OrganizationItem.of(known), known.version)


def _member(member: Member) -> Answer:
    return versioned(member, member.revision)
