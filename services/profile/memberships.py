"""Memberships in organizations that are not one's home, and their rules, without I/O.

Whoever is a guest has no rights over an organization's people or its policy by that: these are its
own admins'. An owner is one of those whom it would be orphaned without.
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from services.profile.errors import LastOwner, LeavingRefused, NoSuchMembership
from services.profile.model import (
    Notice,
    NoticeCause,
    OrganizationRecord,
    once_a_day,
    user_id_key,
)
from shared.contracts.organizations import (
    ChangeMember,
    InviteMember,
    KeptDays,
    LeavePolicy,
    Leaving,
    MembershipRole,
    MembershipState,
    WhyNotLeave,
)
from shared.contracts.profile import Helpdesk
from shared.contracts.refusals import ChangedMeanwhile

UNDATED = datetime.min.replace(tzinfo=UTC)
"""What the store dates when it is kept."""
_CAUSES: dict[MembershipState, NoticeCause] = {
    "active": "membership-restored",
    "left": "organization-left",
    "removed": "membership-removed",
}


@dataclass(frozen=True)
class Invitation:
    """An invitation to whoever has a user ID, which holds for as many days as there are.

    `sub` is nobody's where nobody has it, so that an invitation to nobody is one like any other.
    """

    id: str
    organization: str
    sub: str
    user_id: str
    role: MembershipRole
    groups: tuple[str, ...]
    invited_by: str
    invited_at: datetime = UNDATED

    @property
    def expires_at(self) -> datetime:
        """When it holds no more."""
        return self.invited_at + timedelta(days=KeptDays)

    @property
    def notice(self) -> Notice:
        """The mail about it, one a day however often the same person is invited.

        It goes to nobody where nobody has the user ID.
        """
        return _once_a_day("invited", self, self.invited_at)

    def accepted(self, before: "Membership | None") -> "Membership":
        """Return the membership that it becomes, after one that ended where there was one."""
        return Membership(
            self.organization,
            self.sub,
            self.role,
            self.groups,
            self.invited_by,
            revision=before.revision + 1 if before is not None else 1,
        )


@dataclass(frozen=True)
class Membership:
    """That somebody is, or was, a guest. The `revision` rises with each change of it."""

    organization: str
    sub: str
    role: MembershipRole
    groups: tuple[str, ...]
    invited_by: str
    state: MembershipState = "active"
    revision: int = 1
    joined_at: datetime = UNDATED
    ended_at: datetime | None = None
    ended_by: str | None = None

    @property
    def is_active(self) -> bool:
        """Tell whether they are a guest now."""
        return self.state == "active"

    @property
    def is_owner(self) -> bool:
        """Tell whether they own the organization."""
        return self.is_active and self.role == "owner"

    @property
    def restorable_until(self) -> datetime | None:
        """Until when it can be restored, if it ended."""
        return self.ended_at + timedelta(days=KeptDays) if self.ended_at is not None else None

    def notice(self, at: datetime) -> Notice:
        """Return the mail about what became of it, one a day of what admins can do."""
        made = _once_a_day(_CAUSES[self.state], self, at)
        # No admin can have somebody leave, so each time is told.
        return replace(made, receipt=secrets.token_urlsafe(16)) if self.state == "left" else made

    def ended(self, state: MembershipState, by: str) -> "Membership":
        """Return it as one that ended, or raise `NoSuchMembership` where it has already."""
        if not self.is_active:
            raise NoSuchMembership
        return replace(self, state=state, revision=self.revision + 1, ended_at=UNDATED, ended_by=by)

    def restored(self) -> "Membership":
        """Return it as it was before it ended, or raise `NoSuchMembership` where it has not."""
        if self.is_active:
            raise NoSuchMembership
        return replace(
            self, state="active", revision=self.revision + 1, ended_at=None, ended_by=None
        )

    def require(self, revisions: Collection[int] | None) -> None:
        """Raise `ChangedMeanwhile` where it is at none of these, if they are given."""
        if revisions is not None and self.revision not in revisions:
            raise ChangedMeanwhile

    def changed(self, asked: ChangeMember) -> "Membership":
        """Return it with another role or other groups, or as it is where it says the same."""
        if not self.is_active:
            raise NoSuchMembership
        self.require(asked.revisions)
        said = replace(
            self,
            role=self.role if asked.role is None else asked.role,
            groups=self.groups if asked.groups is None else asked.groups,
        )
        return said if said == self else replace(said, revision=self.revision + 1)


@dataclass(frozen=True)
class Departure:
    """What decides whether somebody may leave an organization by themselves."""

    organization: OrganizationRecord
    is_home: bool
    policy: LeavePolicy
    is_last_owner: bool

    @property
    def refused(self) -> WhyNotLeave | None:
        """Why they may not, if they may not."""
        if self.is_home:
            return "home"
        if not self.policy.allowed:
            return "policy"
        return "last-owner" if self.is_last_owner else None

    @property
    def leaving(self) -> Leaving:
        """Whether they may; if not, why, and whom they are to contact."""
        reason = self.refused
        if reason is None:
            return Leaving(allowed=True)
        contact = self.policy.contact if not self.is_home else None
        # One that says nothing is nobody to ask.
        if contact is None or contact == Helpdesk():
            contact = self.organization.helpdesk
        return Leaving(allowed=False, reason=reason, contact=contact)

    def require_allowed(self) -> None:
        """Raise unless they may."""
        leaving = self.leaving
        if leaving.allowed:
            return
        refusal = LastOwner() if leaving.reason == "last-owner" else LeavingRefused()
        raise refusal.because(
            reason=leaving.reason,
            contact=leaving.contact.model_dump() if leaving.contact is not None else None,
        )


def new_invitation(asked: InviteMember, sub: str | None) -> Invitation:
    """Return an invitation, as an admin wishes.

    Who is nobody is the same nobody each time, so that their mails are bounded like anybody's.
    """
    nobody = hashlib.sha256(user_id_key(asked.user_id).encode()).hexdigest()
    return Invitation(
        secrets.token_urlsafe(16),
        asked.by.organization,
        sub or nobody,
        asked.user_id,
        asked.role,
        asked.groups,
        asked.by.sub,
    )


def _once_a_day(cause: NoticeCause, about: Invitation | Membership, at: datetime) -> Notice:
    receipt = once_a_day(f"{cause} {about.organization} {about.sub}", at)
    return Notice(receipt, about.sub, cause, at, organization=about.organization)
