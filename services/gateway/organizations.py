"""Organizations: where one belongs, and who is a guest of the one that an admin looks after."""

from dataclasses import dataclass

from services.gateway.clients.organizations import OrganizationsClient
from services.gateway.errors import ConfirmationRequired
from services.gateway.model import Caller, acting
from services.gateway.step_up import StepUps
from shared.contracts import organizations as contract
from shared.contracts.profile import Person
from shared.contracts.refusals import NotFound
from shared.problems import at_fault


@dataclass(frozen=True)
class OwnOrganizations:
    """See one's organizations, accept and decline invitations, and leave."""

    organizations: OrganizationsClient
    step_ups: StepUps

    async def list(self, caller: Caller) -> tuple[contract.OwnOrganization, ...]:
        """Return the caller's organizations, the home organization first."""
        return (await self.organizations.own(contract.OfSubject(sub=caller.sub))).items

    async def invitations(self, caller: Caller) -> tuple[contract.OwnInvitation, ...]:
        """Return what the caller is invited to."""
        asked = contract.OfSubject(sub=caller.sub)
        return (await self.organizations.own_invitations(asked)).items

    async def accept(self, caller: Caller, invitation: str) -> None:
        """Become a guest."""
        await self.organizations.accept(
            contract.AnswerInvitation(sub=caller.sub, id=_id(invitation))
        )

    async def decline(self, caller: Caller, invitation: str) -> None:
        """Have an invitation forgotten."""
        await self.organizations.decline(
            contract.AnswerInvitation(sub=caller.sub, id=_id(invitation))
        )

    async def require_for_leaving(self, caller: Caller, organization: str) -> None:
        """Raise unless the caller may leave, and has just signed in to that organization.

        Who may not leave is told so before they are asked who they are.
        """
        asked = contract.Leave(sub=caller.sub, organization=_id(organization))
        await self.organizations.check_leave(asked)
        await self.step_ups.require_for_leaving(caller, organization)

    async def leave(self, caller: Caller, organization: str, *, confirmed: bool) -> None:
        """Leave an organization, which the caller cannot undo; unconfirmed, nothing happens."""
        if not confirmed:
            raise ConfirmationRequired(errors=[at_fault("confirm", "not-confirmed")])
        await self.require_for_leaving(caller, organization)
        await self.organizations.leave(contract.Leave(sub=caller.sub, organization=organization))


@dataclass(frozen=True)
class OrganizationsAdministration:
    """Look after the guests of an admin's own organization; any other is not found."""

    organizations: OrganizationsClient

    async def read(self, admin: Person, organization: str) -> contract.KnownOrganization:
        """Return the organization."""
        return await self.organizations.read(
            contract.ReadOrganization(id=_own(admin, organization))
        )

    async def put_policy(
        self,
        admin: Person,
        organization: str,
        leave: contract.LeavePolicy,
        replaces: tuple[int, ...] | None = None,
    ) -> contract.KnownOrganization:
        """Replace whether guests may leave by themselves."""
        return await self.organizations.put_policy(
            contract.PutLeavePolicy(
                organization=_own(admin, organization),
                leave=leave,
                replaces=replaces,
                by=acting(admin),
            )
        )

    async def invite(
        self,
        admin: Person,
        organization: str,
        user_id: str,
        role: contract.MembershipRole,
        groups: tuple[str, ...] = (),
    ) -> contract.Invitation:
        """Invite whoever has a user ID."""
        _own(admin, organization)
        return await self.organizations.invite(
            contract.InviteMember(user_id=user_id, role=role, groups=groups, by=acting(admin))
        )

    async def invitations(
        self, admin: Person, organization: str, *, limit: int = 50, after: str | None = None
    ) -> contract.Invitations:
        """Return a page of what is neither accepted nor declined."""
        return await self.organizations.invitations(
            contract.ListInvitations(
                organization=_own(admin, organization), limit=limit, after=after
            )
        )

    async def revoke(self, admin: Person, organization: str, invitation: str) -> None:
        """Take an invitation back."""
        _own(admin, organization)
        await self.organizations.revoke(
            contract.RevokeInvitation(id=_id(invitation), by=acting(admin))
        )

    async def members(
        self,
        admin: Person,
        organization: str,
        state: contract.MembershipState = "active",
        *,
        limit: int = 50,
        after: str | None = None,
    ) -> contract.Members:
        """Return a page of guests, or of who was one and can be restored."""
        return await self.organizations.members(
            contract.ListMembers(
                organization=_own(admin, organization), state=state, limit=limit, after=after
            )
        )

    async def member(self, admin: Person, organization: str, sub: str) -> contract.Member:
        """Return one of them."""
        return await self.organizations.member(
            contract.FindMember(sub=sub, organization=_own(admin, organization))
        )

    async def change(
        self,
        admin: Person,
        organization: str,
        sub: str,
        *,
        role: contract.MembershipRole | None = None,
        groups: tuple[str, ...] | None = None,
        replaces: tuple[int, ...] | None = None,
    ) -> contract.Member:
        """Change a guest's role or groups, at one of these revisions where they are given."""
        _own(admin, organization)
        return await self.organizations.change(
            contract.ChangeMember(
                sub=sub, role=role, groups=groups, revisions=replaces, by=acting(admin)
            )
        )

    async def remove(
        self,
        admin: Person,
        organization: str,
        sub: str,
        *,
        replaces: tuple[int, ...] | None = None,
    ) -> None:
        """End a membership, which can be restored for a while."""
        _own(admin, organization)
        asked = contract.EndOrRestore(sub=sub, by=acting(admin), revisions=replaces)
        await self.organizations.remove(asked)

    async def restore(
        self,
        admin: Person,
        organization: str,
        sub: str,
        *,
        replaces: tuple[int, ...] | None = None,
    ) -> contract.Member:
        """Make somebody a guest again, as they were."""
        _own(admin, organization)
        asked = contract.EndOrRestore(sub=sub, by=acting(admin), revisions=replaces)
        return await self.organizations.restore(asked)


@dataclass(frozen=True)
class OrganizationFlows:
    """One's own organizations, and the one that is looked after."""

    own: OwnOrganizations
    administration: OrganizationsAdministration

    @classmethod
    def of(cls, organizations: OrganizationsClient, step_ups: StepUps) -> "OrganizationFlows":
        """Return both over one client."""
        administration = OrganizationsAdministration(organizations)
        return cls(OwnOrganizations(organizations, step_ups), administration)


def _own(admin: Person, organization: str) -> str:
    if organization != admin.home_organization.id:
        raise NotFound
    return organization


def _id(named: str) -> str:
    """Return an id as it may be asked for; what is too long to be one is nothing's."""
    if not 0 < len(named) <= contract.LongestId:
        raise NotFound
    return named
