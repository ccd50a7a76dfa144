"""HTTP contract between the gateway and the profile service for who belongs to which organization.

Everybody has one home organization, which their record says. They may be a guest in others.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from shared.contracts.audit import Actor
from shared.contracts.body import Contract, Sub
from shared.contracts.policy import Kept, Replacement
from shared.contracts.profile import Groups, Helpdesk

MembershipRole = Literal["owner", "member"]
MembershipState = Literal["active", "left", "removed"]
WhyNotLeave = Literal["home", "policy", "last-owner"]
LongestId = 64
KeptDays = 30
"""How long an invitation holds, and how long a membership that ended can be restored."""


class Leaving(Contract):
    """Whether somebody may leave an organization; if not, why, and whom they are to contact."""

    allowed: bool
    reason: WhyNotLeave | None = None
    contact: Helpdesk | None = None


class OwnOrganization(Contract):
    """An organization as somebody sees it who belongs to it."""

    id: str
    name: str
    home: bool
    role: MembershipRole
    leave: Leaving


class OwnOrganizations(Contract):
    """All of somebody's organizations, the home organization first."""

    items: tuple[OwnOrganization, ...]


class OfSubject(Contract):
    """Whose organizations, or invitations, are asked for."""

    sub: Sub


class Leave(Contract):
    """Leave an organization."""

    sub: Sub
    organization: str = Field(min_length=1, max_length=LongestId)


class OwnInvitation(Contract):
    """An invitation as who was invited sees it."""

    id: str
    organization: str
    name: str
    role: MembershipRole
    invited_at: datetime
    expires_at: datetime


class OwnInvitations(Contract):
    """All invitations of somebody, the newest first."""

    items: tuple[OwnInvitation, ...]


class AnswerInvitation(Contract):
    """Accept or decline an invitation."""

    sub: Sub
    id: str = Field(max_length=LongestId)


class LeavePolicy(Contract):
    """Whether guests may leave by themselves; whom they contact, where it is not the helpdesk."""

    allowed: bool = True
    contact: Helpdesk | None = None


class ReadOrganization(Contract):
    """Ask for an organization."""

    id: str = Field(min_length=1, max_length=LongestId)


class KnownOrganization(Kept):
    """An organization as its admins see it; the version is that of its leave policy."""

    id: str
    name: str
    leave: LeavePolicy = LeavePolicy()


class PutLeavePolicy(Replacement):
    """Replace whether guests may leave by themselves."""

    leave: LeavePolicy


class InviteMember(Contract):
    """Invite whoever has a user ID. Whether anybody has it, no answer tells."""

    user_id: str = Field(min_length=1, max_length=256)
    role: MembershipRole = "member"
    groups: Groups = ()
    by: Actor


class Invitation(Contract):
    """An invitation as admins see it: to the user ID that one of them typed, and not to whom."""

    id: str
    user_id: str
    role: MembershipRole
    groups: Groups = ()
    invited_at: datetime
    expires_at: datetime


class ListInvitations(Contract):
    """Ask for an organization's invitations, the newest first."""

    organization: str
    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = None


class Invitations(Contract):
    """A page of invitations."""

    items: tuple[Invitation, ...]
    next: str | None = None


class RevokeInvitation(Contract):
    """Take an invitation back."""

    id: str = Field(max_length=LongestId)
    by: Actor


class Member(Contract):
    """A guest of an organization, as its admins see them.

    `revision` rises with every change. Who is no member any more can be restored until
    `restorable_until`. `ended_by` is who ended it: their own id where they left.
    """

    sub: Sub
    user_id: str | None = None
    display_name: str | None = None
    role: MembershipRole
    groups: Groups = ()
    state: MembershipState
    revision: int
    joined_at: datetime
    invited_by: Sub
    ended_at: datetime | None = None
    ended_by: Sub | None = None
    restorable_until: datetime | None = None


class ListMembers(Contract):
    """Ask for an organization's guests, in order of their ids."""

    organization: str
    state: MembershipState = "active"
    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = None


class Members(Contract):
    """A page of guests."""

    items: tuple[Member, ...]
    next: str | None = None


class FindMember(Contract):
    """Ask for one guest, in whatever state."""

    sub: Sub
    organization: str


class ChangeMember(Contract):
    """Change a guest's role or groups, at one of `revisions` where they are given."""

    sub: Sub
    role: MembershipRole | None = None
    groups: Groups | None = None
    revisions: tuple[int, ...] | None = None
    by: Actor


class EndOrRestore(Contract):
    """Remove a guest, or make somebody one again who was one a while ago.

    At one of `revisions`, where they are given.
    """

    sub: Sub
    by: Actor
    revisions: tuple[int, ...] | None = None
