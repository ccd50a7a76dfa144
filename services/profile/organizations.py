"""Organizations, as the people see them who belong to them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.profile.errors import NoSuchMembership, NoSuchOrganization, NoSuchPerson
from services.profile.memberships import Departure, Invitation, Membership
from services.profile.model import OrganizationRecord, PersonRecord
from services.profile.store import PeopleStore
from services.profile.store_memberships import (
    MembershipReading,
    MembershipStore,
    MembershipTransaction,
)
from shared.clock import Clock
from shared.contracts.audit import Actor
from shared.contracts.body import Done
from shared.contracts.events import Audited, MembershipChanged, MembershipChangedPayload
from shared.contracts.organizations import (
    AnswerInvitation,
    Leave,
    OfSubject,
    OwnInvitation,
    OwnInvitations,
    OwnOrganization,
    OwnOrganizations,
)


@dataclass(frozen=True)
class Organizations:
    """See where one belongs, accept and decline invitations, and leave."""

    store: MembershipStore
    people: PeopleStore
    clock: Clock

    async def list(self, asked: OfSubject) -> OwnOrganizations:
        """Return somebody's organizations, the home organization first."""
        person = await self._person(asked.sub)
        own = await self._organization(person.record.organization)
        items = [await self._shown(self.store, person, own, None)]
        for each in await self.store.memberships_of(asked.sub):
            guest_of = await self._organization(each.organization)
            items.append(await self._shown(self.store, person, guest_of, each))
        return OwnOrganizations(items=tuple(items))

    async def invitations(self, asked: OfSubject) -> OwnInvitations:
        """Return what somebody is invited to."""
        found = await self.store.invitations_to(asked.sub)
        return OwnInvitations(items=tuple([await self._invitation(each) for each in found]))

    async def accept(self, asked: AnswerInvitation) -> Done:
        """Become a guest, once. Who is one already stays what they are."""
        person = await self._person(asked.sub)

        async def work(tx: MembershipTransaction) -> None:
            invitation = await _taken(tx, asked)
            before = await tx.membership(invitation.organization, person.sub)
            if before is not None and before.is_active:
                return
            # Of what there was before, nothing comes back with it: that takes an admin.
            await self._keep(tx, invitation.accepted(before), "accept-invitation")

        await self.store.in_transaction(work)
        return Done()

    async def decline(self, asked: AnswerInvitation) -> Done:
        """Have an invitation forgotten."""

        async def work(tx: MembershipTransaction) -> None:
            await _taken(tx, asked)

        await self.store.in_transaction(work)
        return Done()

    async def check_leave(self, asked: Leave) -> Done:
        """Raise as `leave` would, and change nothing."""
        await self._leaving(self.store, asked)
        return Done()

    async def leave(self, asked: Leave) -> Done:
        """End a membership, for good unless an admin restores it in time.

        The rules are looked at in the transaction that ends it: of two owners who leave at once one
        is the last.
        """

        async def work(tx: MembershipTransaction) -> None:
            left = (await self._leaving(tx, asked)).ended("left", by=asked.sub)
            await self._keep(tx, left, "leave-organization")
            await tx.owe([left.notice(self.clock.now())])

        await self.store.in_transaction(work)
        return Done()

    async def _leaving(self, reading: MembershipReading, asked: Leave) -> Membership:
        """Return the membership that may be left, or raise."""
        person = await self._person(asked.sub)
        organization = await self._organization(asked.organization)
        if person.record.organization == organization.id:
            (await _departure(reading, organization, None)).require_allowed()
        membership = await reading.membership(organization.id, asked.sub)
        if membership is None or not membership.is_active:
            raise NoSuchMembership
        (await _departure(reading, organization, membership)).require_allowed()
        return membership

    async def _shown(
        self,
        reading: MembershipReading,
        person: PersonRecord,
        organization: OrganizationRecord,
        membership: Membership | None,
    ) -> OwnOrganization:
        departure = await _departure(reading, organization, membership)
        home_role = "owner" if person.is_admin else "member"
        return OwnOrganization(
            id=organization.id,
            name=organization.name,
            home=membership is None,
            role=membership.role if membership is not None else home_role,
            leave=departure.leaving,
        )

    async def _invitation(self, invitation: Invitation) -> OwnInvitation:
        return OwnInvitation(
            id=invitation.id,
            organization=invitation.organization,
            name=(await self._organization(invitation.organization)).name,
            role=invitation.role,
            invited_at=invitation.invited_at,
            expires_at=invitation.expires_at,
        )

    async def _keep(self, tx: MembershipTransaction, changed: Membership, action: str) -> None:
        at = self.clock.now()
        await keep(tx, changed, by="user", at=at)
        by = Actor(sub=changed.sub, organization=changed.organization)
        told = Audited.of(by, action, at=at)
        await tx.emit(told.model_copy(update={"initiating_entity": "user"}))

    async def _person(self, sub: str) -> PersonRecord:
        found = await self.people.person(sub)
        if found is None or found.deleted:
            raise NoSuchPerson
        return found

    async def _organization(self, organization_id: str) -> OrganizationRecord:
        found = await self.people.organization(organization_id)
        if found is None:
            raise NoSuchOrganization
        return found


async def keep(
    tx: MembershipTransaction,
    changed: Membership,
    *,
    by: Literal["user", "admin"],
    at: datetime,
) -> None:
    """Keep a membership in place of the revision before it, and tell of it."""
    await tx.put(changed)
    payload = MembershipChangedPayload(
        organization=changed.organization, state=changed.state, revision=changed.revision
    )
    await tx.emit(MembershipChanged.of(changed.sub, payload, at=at, initiating_entity=by))


async def _taken(tx: MembershipTransaction, asked: AnswerInvitation) -> Invitation:
    invitation = await tx.take_invitation(asked.id, sub=asked.sub)
    if invitation is None:
        raise NoSuchMembership
    return invitation


async def _departure(
    reading: MembershipReading, organization: OrganizationRecord, membership: Membership | None
) -> Departure:
    """Return what decides whether somebody may leave; without a membership it is their home."""
    policy, _ = await reading.leave_policy(organization.id)
    is_last = (
        membership is not None
        and membership.is_owner
        and not await reading.has_another_owner(organization.id, membership.sub)
    )
    return Departure(organization, membership is None, policy, is_last)
