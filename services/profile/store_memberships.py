"""What is kept of guests and invitations, in the words of their trade."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Protocol, TypeVar

from services.profile.memberships import Invitation, Membership
from services.profile.model import Notice
from shared.contracts.events import Event
from shared.contracts.organizations import LeavePolicy, MembershipState
from shared.policies import Replaced, Telling

T = TypeVar("T")


class MembershipReading(Protocol):
    """Memberships and invitations as of this moment, by the store's clock."""

    async def membership(self, organization: str, sub: str) -> Membership | None:
        """Return a membership in whatever state, unless it ended too long ago."""
        ...

    async def leave_policy(self, organization: str) -> tuple[LeavePolicy, int]:
        """Return whether guests may leave by themselves, and the version of that."""
        ...

    async def has_another_owner(self, organization: str, sub: str) -> bool:
        """Tell whether somebody else owns an organization and is let in.

        That is one of its own admins, or a guest with that role. Whoever asks in a transaction, at
        once for the same organization, is answered one after the other.
        """
        ...


class MembershipTransaction(MembershipReading, Protocol):
    """Changes to memberships that hold together."""

    async def put(self, changed: Membership) -> Membership:
        """Keep a membership in place of the revision before it, and date what has no date.

        Raise `ChangedMeanwhile` where another one stands there.
        """
        ...

    async def invite(self, made: Invitation) -> Invitation:
        """Keep an invitation, dated now, or raise `AlreadyInvited`."""
        ...

    async def take_invitation(
        self,
        invitation_id: str | None = None,
        *,
        sub: str | None = None,
        organization: str | None = None,
    ) -> Invitation | None:
        """Return an invitation and delete it: of several who ask at once, one has it.

        Without its id it is somebody's to an organization, of which there is one at most.
        """
        ...

    async def owe(self, notices: Iterable[Notice]) -> None:
        """Take note of mails that are owed."""
        ...

    async def emit(self, event: Event) -> None:
        """Tell of the change, once it is committed."""
        ...


class MembershipStore(MembershipReading, Protocol):
    """Who is a guest where, who is invited, and who may leave."""

    async def in_transaction(self, work: Callable[[MembershipTransaction], Awaitable[T]]) -> T:
        """Do the work in one transaction; it may be called again."""
        ...

    async def memberships_of(self, sub: str) -> list[Membership]:
        """Return where somebody is a guest, in order of the organizations' ids."""
        ...

    async def invitations_to(self, sub: str) -> list[Invitation]:
        """Return to what somebody is invited, the newest first."""
        ...

    async def members(
        self, organization: str, state: MembershipState, *, after: str | None, limit: int
    ) -> list[Membership]:
        """Return an organization's guests in order of their ids, after one of them."""
        ...

    async def invitations(
        self, organization: str, *, after: str | None, limit: int
    ) -> list[Invitation]:
        """Return an organization's invitations, the newest first, after one of them.

        Raise `UnknownCursor` where that is none of them.
        """
        ...

    async def put_leave_policy(
        self,
        organization: str,
        policy: LeavePolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Keep a policy in place of one of these versions, and tell of it, all or nothing."""
        ...
