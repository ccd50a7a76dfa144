"""Organizations, as their admins look after who is a guest there. Each acts on their own alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.profile.errors import AlreadyMember, LastOwner, NoSuchMembership, NoSuchOrganization
from services.profile.memberships import Invitation, Membership, new_invitation
from services.profile.model import PersonRecord
from services.profile.organizations import keep
from services.profile.store import PeopleStore
from services.profile.store_memberships import MembershipStore, MembershipTransaction
from shared.clock import Clock
from shared.contracts import organizations as contract
from shared.contracts.audit import Actor, Details
from shared.contracts.body import Done
from shared.contracts.events import Audited
from shared.policies import policy_replaced


@dataclass(frozen=True)
class OrganizationsAdministration:
    """Invite guests, change, remove and restore them, and say whether they may leave."""

    store: MembershipStore
    people: PeopleStore
    clock: Clock

    async def read(self, asked: contract.ReadOrganization) -> contract.KnownOrganization:
        """Return an organization as it is at this moment."""
        found = await self.people.organization(asked.id)
        if found is None:
            raise NoSuchOrganization
        policy, version = await self.store.leave_policy(asked.id)
        return contract.KnownOrganization(
            id=found.id, name=found.name, leave=policy, version=version
        )

    async def put_policy(self, asked: contract.PutLeavePolicy) -> contract.KnownOrganization:
        """Replace whether guests may leave by themselves."""
        at = self.clock.now()
        await self.store.put_leave_policy(
            asked.organization,
            asked.leave,
            replaces=asked.replaces,
            told=lambda replaced: policy_replaced(asked, "leave", replaced, at),
        )
        return await self.read(contract.ReadOrganization(id=asked.organization))

    async def invite(self, asked: contract.InviteMember) -> contract.Invitation:
        """Invite whoever has a user ID.

        Where nobody has it, an invitation to nobody is kept and its mail owed to nobody: the same
        reads, the same writes and the same answer, and no admin finds out who has an account.
        """
        person = await self.people.person_called(asked.user_id)
        invitation = new_invitation(asked, person.sub if person is not None else None)

        async def work(tx: MembershipTransaction) -> Invitation:
            membership = await tx.membership(invitation.organization, invitation.sub)
            is_guest = membership is not None and membership.is_active
            if is_guest or _is_at_home(person, invitation.organization):
                raise AlreadyMember
            made = await tx.invite(invitation)
            await tx.owe([made.notice])
            await self._tell(tx, asked.by, "invite-member", details=_named(made))
            return made

        return _shown_invitation(await self.store.in_transaction(work))

    async def invitations(self, asked: contract.ListInvitations) -> contract.Invitations:
        """Return a page of what is neither accepted nor declined."""
        found = await self.store.invitations(
            asked.organization, after=asked.after, limit=asked.limit + 1
        )
        page = found[: asked.limit]
        return contract.Invitations(
            items=tuple(map(_shown_invitation, page)),
            next=page[-1].id if len(found) > asked.limit else None,
        )

    async def revoke(self, asked: contract.RevokeInvitation) -> Done:
        """Take an invitation back: nobody can accept it any more."""

        async def work(tx: MembershipTransaction) -> None:
            taken = await tx.take_invitation(asked.id, organization=asked.by.organization)
            if taken is None:
                raise NoSuchMembership
            await self._tell(tx, asked.by, "revoke-invitation", details=_named(taken))

        await self.store.in_transaction(work)
        return Done()

    async def members(self, asked: contract.ListMembers) -> contract.Members:
        """Return a page of guests, or of who was one and can be restored."""
        found = await self.store.members(
            asked.organization, asked.state, after=asked.after, limit=asked.limit + 1
        )
        page = found[: asked.limit]
        return contract.Members(
            items=await self._shown(page),
            next=page[-1].sub if len(found) > asked.limit else None,
        )

    async def member(self, asked: contract.FindMember) -> contract.Member:
        """Return one guest."""
        found = await self.store.membership(asked.organization, asked.sub)
        if found is None:
            raise NoSuchMembership
        return (await self._shown([found]))[0]

    async def change(self, asked: contract.ChangeMember) -> contract.Member:
        """Change a role or groups."""

        async def work(tx: MembershipTransaction) -> None:
            before = await _found(tx, asked.by, asked.sub)
            after = before.changed(asked)
            if after == before:
                return
            await _require_an_owner(tx, before, after)
            details: Details = {"role": after.role, "groups": len(after.groups)}
            await self._keep(tx, asked.by, "change-member", after, details)

        await self.store.in_transaction(work)
        return await self._one(asked.by, asked.sub)

    async def remove(self, asked: contract.EndOrRestore) -> Done:
        """End a membership; it can be restored for a while."""

        async def work(tx: MembershipTransaction) -> None:
            before = await _found(tx, asked.by, asked.sub)
            before.require(asked.revisions)
            after = before.ended("removed", by=asked.by.sub)
            await _require_an_owner(tx, before, after)
            await self._keep(tx, asked.by, "remove-member", after)
            await tx.owe([after.notice(self.clock.now())])

        await self.store.in_transaction(work)
        return Done()

    async def restore(self, asked: contract.EndOrRestore) -> contract.Member:
        """Make somebody a guest again, with the role and the groups that they had."""

        async def work(tx: MembershipTransaction) -> None:
            before = await _found(tx, asked.by, asked.sub)
            before.require(asked.revisions)
            after = before.restored()
            await self._keep(tx, asked.by, "restore-member", after)
            # Who was asked to come back is back, and as they were.
            await tx.take_invitation(sub=asked.sub, organization=asked.by.organization)
            await tx.owe([after.notice(self.clock.now())])

        await self.store.in_transaction(work)
        return await self._one(asked.by, asked.sub)

    async def _one(self, by: Actor, sub: str) -> contract.Member:
        return await self.member(contract.FindMember(sub=sub, organization=by.organization))

    async def _shown(self, page: Iterable[Membership]) -> tuple[contract.Member, ...]:
        found = await self.people.persons_of({each.sub for each in page})
        persons = {each.sub: each for each in found}
        return tuple(_shown_member(each, persons.get(each.sub)) for each in page)

    async def _keep(
        self,
        tx: MembershipTransaction,
        by: Actor,
        action: str,
        changed: Membership,
        details: Details | None = None,
    ) -> None:
        await keep(tx, changed, by="admin", at=self.clock.now())
        await self._tell(tx, by, action, subject=changed.sub, details=details)

    async def _tell(
        self,
        tx: MembershipTransaction,
        by: Actor,
        action: str,
        *,
        subject: str | None = None,
        details: Details | None = None,
    ) -> None:
        at = self.clock.now()
        await tx.emit(Audited.of(by, action, at=at, subject=subject, details=details))


async def _found(tx: MembershipTransaction, by: Actor, sub: str) -> Membership:
    found = await tx.membership(by.organization, sub)
    if found is None:
        raise NoSuchMembership
    return found


async def _require_an_owner(
    tx: MembershipTransaction, before: Membership, after: Membership
) -> None:
    is_lost = before.is_owner and not after.is_owner
    if is_lost and not await tx.has_another_owner(before.organization, before.sub):
        raise LastOwner


def _is_at_home(person: PersonRecord | None, organization: str) -> bool:
    return person is not None and person.record.organization == organization


def _named(invitation: Invitation) -> Details:
    # Not whom it is to: that would tell whether there is somebody.
    return {"invitation": invitation.id, "role": invitation.role}


def _shown_invitation(invitation: Invitation) -> contract.Invitation:
    return contract.Invitation(
        id=invitation.id,
        user_id=invitation.user_id,
        role=invitation.role,
        groups=invitation.groups,
        invited_at=invitation.invited_at,
        expires_at=invitation.expires_at,
    )


def _shown_member(membership: Membership, person: PersonRecord | None) -> contract.Member:
    return contract.Member(
        sub=membership.sub,
        user_id=person.record.user_id if person is not None else None,
        display_name=person.record.display_name if person is not None else None,
        role=membership.role,
        groups=membership.groups,
        state=membership.state,
        revision=membership.revision,
        joined_at=membership.joined_at,
        invited_by=membership.invited_by,
        ended_at=membership.ended_at,
        ended_by=membership.ended_by,
        restorable_until=membership.restorable_until,
    )
