"""Memberships and invitations, in memory."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from services.profile.errors import AlreadyInvited
from services.profile.memberships import UNDATED, Invitation, Membership
from services.profile.model import Notice, user_id_key
from services.profile.store_memberships import MembershipTransaction
from shared.contracts.events import Event
from shared.contracts.organizations import LeavePolicy, MembershipState
from shared.contracts.refusals import ChangedMeanwhile, UnknownCursor
from shared.policies import Replaced, Telling
from tests.memory.profile import MemoryPeople

T = TypeVar("T")
Key = tuple[str, str]


@dataclass
class MemoryMemberships:
    """Memberships by organization and subject, kept beside people; it is its own transaction."""

    people: MemoryPeople = field(default_factory=MemoryPeople)
    policies: dict[str, tuple[LeavePolicy, int]] = field(default_factory=dict)

    async def in_transaction(self, work: Callable[[MembershipTransaction], Awaitable[T]]) -> T:
        """Do the work, all or nothing."""
        people = self.people
        tables = (people.memberships, people.invitations, people.owed, people.outbox)
        async with people.epochs.transaction(*tables):
            return await work(self)

    async def membership(self, organization: str, sub: str) -> Membership | None:
        """Look it up."""
        found = self.people.memberships.get((organization, sub))
        return found if found is not None and self._is_kept(found) else None

    async def leave_policy(self, organization: str) -> tuple[LeavePolicy, int]:
        """Look it up."""
        return self.policies.get(organization, (LeavePolicy(), 0))

    async def has_another_owner(self, organization: str, sub: str) -> bool:
        """Look through all."""
        persons = await self.people.persons_of({sub for _, sub in self.people.memberships})
        known = {each.sub for each in persons if not each.disabled}
        guests = (each for each in self.people.memberships.values() if each.is_owner)
        let_in = (e.sub for e in guests if e.organization == organization and e.sub in known)
        admins = (each.sub for each in await self.people.admins(organization))
        return bool({*admins, *let_in} - {sub})

    async def put(self, changed: Membership) -> Membership:
        """Replace the revision before this one."""
        key = (changed.organization, changed.sub)
        before = await self.membership(*key)
        if (before.revision if before is not None else 0) != changed.revision - 1:
            raise ChangedMeanwhile
        now = self.people.epochs.clock.now()
        kept = replace(
            changed,
            joined_at=now if changed.joined_at == UNDATED else changed.joined_at,
            ended_at=now if changed.ended_at == UNDATED else changed.ended_at,
        )
        self.people.memberships[key] = kept
        return kept

    async def invite(self, made: Invitation) -> Invitation:
        """Keep it, unless the same was typed before."""
        typed = (made.organization, user_id_key(made.user_id))
        for each in self._held():
            if (each.organization, user_id_key(each.user_id)) == typed:
                raise AlreadyInvited
        kept = replace(made, invited_at=self.people.epochs.clock.now())
        self.people.invitations[kept.id] = kept
        return kept

    async def take_invitation(
        self,
        invitation_id: str | None = None,
        *,
        sub: str | None = None,
        organization: str | None = None,
    ) -> Invitation | None:
        """Take it out."""
        for each in self._held():
            is_theirs = sub in {None, each.sub} and organization in {None, each.organization}
            if invitation_id in {None, each.id} and is_theirs:
                return self.people.invitations.pop(each.id)
        return None

    async def owe(self, notices: Iterable[Notice]) -> None:
        """Keep them."""
        for notice in notices:
            self.people.owed.setdefault(notice.receipt, notice)

    async def emit(self, event: Event) -> None:
        """Keep the event."""
        self.people.outbox[event.id] = event

    async def memberships_of(self, sub: str) -> list[Membership]:
        """Look through all."""
        found = [each for each in self.people.memberships.values() if each.sub == sub]
        return sorted(
            (each for each in found if each.is_active), key=lambda each: each.organization
        )

    async def invitations_to(self, sub: str) -> list[Invitation]:
        """Look through all."""
        return [each for each in self._held() if each.sub == sub]

    async def members(
        self, organization: str, state: MembershipState, *, after: str | None, limit: int
    ) -> list[Membership]:
        """Return a page."""
        own = [e for e in self.people.memberships.values() if e.organization == organization]
        if after is not None and after not in {each.sub for each in own}:
            raise UnknownCursor
        left = [e for e in own if e.state == state and self._is_kept(e) and e.sub > (after or "")]
        return sorted(left, key=lambda each: each.sub)[:limit]

    async def invitations(
        self, organization: str, *, after: str | None, limit: int
    ) -> list[Invitation]:
        """Return a page."""
        own = [each for each in self._held() if each.organization == organization]
        ids = [each.id for each in own]
        if after is not None and after not in ids:
            raise UnknownCursor
        begin = ids.index(after) + 1 if after is not None else 0
        return own[begin : begin + limit]

    async def put_leave_policy(
        self,
        organization: str,
        policy: LeavePolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Keep it."""
        known, version = await self.leave_policy(organization)
        before = known.model_dump() | {"version": version} if version else {}
        replaced = self.people.epochs.replaced(before, policy.model_dump(), replaces, told)
        self.policies[organization] = (policy, replaced.version)
        return replaced

    def _held(self) -> list[Invitation]:
        now = self.people.epochs.clock.now()
        held = [each for each in self.people.invitations.values() if each.expires_at > now]
        return sorted(held, key=lambda each: (-each.invited_at.timestamp(), each.id))

    def _is_kept(self, membership: Membership) -> bool:
        until = membership.restorable_until
        return until is None or until > self.people.epochs.clock.now()
