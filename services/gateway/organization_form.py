"""What admins fill in about the guests of their organization, in a form or a body."""

from typing import Annotated

from pydantic import Field

from services.gateway.forms import Body, HelpdeskBody, UserId
from shared.contracts.organizations import LeavePolicy, MembershipRole
from shared.contracts.profile import Groups, Helpdesk


class LeaveBody(Body):
    """Whether guests may leave by themselves; whom they contact, where it is not the helpdesk."""

    allowed: bool
    contact: HelpdeskBody | None = None

    def as_policy(self) -> LeavePolicy:
        """Return it as others see it."""
        contact = Helpdesk(**self.contact.model_dump()) if self.contact is not None else None
        return LeavePolicy(allowed=self.allowed, contact=contact)


class OrganizationBody(Body):
    """What an organization says about its guests."""

    leave: LeaveBody


class InviteMemberBody(Body):
    """The user ID of who is to be a guest, with the role and the groups that they will have."""

    user_id: UserId
    role: MembershipRole = "member"
    groups: Annotated[Groups, Field(strict=False)] = ()


class ChangeMemberBody(Body):
    """What a guest is to be from now on. What is left out stays."""

    role: MembershipRole | None = None
    groups: Annotated[Groups, Field(strict=False)] | None = None
