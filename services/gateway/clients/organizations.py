"""The profile service's part for who belongs to which organization."""

from dataclasses import dataclass

from services.gateway.clients.peer import Peer
from shared.contracts import organizations as contract
from shared.contracts.body import Done


@dataclass(frozen=True)
class OrganizationsClient:
    """One method per call of its contract."""

    peer: Peer

    async def own(self, asked: contract.OfSubject) -> contract.OwnOrganizations:
        """Return where somebody belongs."""
        return await self.peer.ask(
            "/organizations/own", asked, contract.OwnOrganizations, safe=True
        )

    async def check_leave(self, asked: contract.Leave) -> Done:
        """Raise where somebody may not leave."""
        return await self.peer.ask("/organizations/check-leave", asked, Done, safe=True)

    async def leave(self, asked: contract.Leave) -> Done:
        """End somebody's membership as they wish."""
        return await self.peer.ask("/organizations/leave", asked, Done)

    async def own_invitations(self, asked: contract.OfSubject) -> contract.OwnInvitations:
        """Return what somebody is invited to."""
        return await self.peer.ask("/invitations/own", asked, contract.OwnInvitations, safe=True)

    async def accept(self, asked: contract.AnswerInvitation) -> Done:
        """Make somebody a guest."""
        return await self.peer.ask("/invitations/accept", asked, Done)

    async def decline(self, asked: contract.AnswerInvitation) -> Done:
        """Have an invitation forgotten."""
        return await self.peer.ask("/invitations/decline", asked, Done)

    async def read(self, asked: contract.ReadOrganization) -> contract.KnownOrganization:
        """Return an organization."""
        return await self.peer.ask(
            "/organizations/read", asked, contract.KnownOrganization, safe=True
        )

    async def put_policy(self, asked: contract.PutLeavePolicy) -> contract.KnownOrganization:
        """Replace whether guests may leave by themselves."""
        return await self.peer.ask("/organizations/put-policy", asked, contract.KnownOrganization)

    async def invite(self, asked: contract.InviteMember) -> contract.Invitation:
        """Invite whoever has a user ID."""
        return await self.peer.ask("/invitations/make", asked, contract.Invitation)

    async def invitations(self, asked: contract.ListInvitations) -> contract.Invitations:
        """Return a page of an organization's invitations."""
        return await self.peer.ask("/invitations/list", asked, contract.Invitations, safe=True)

    async def revoke(self, asked: contract.RevokeInvitation) -> Done:
        """Take an invitation back."""
        return await self.peer.ask("/invitations/revoke", asked, Done)

    async def members(self, asked: contract.ListMembers) -> contract.Members:
        """Return a page of an organization's guests."""
        return await self.peer.ask("/members/list", asked, contract.Members, safe=True)

    async def member(self, asked: contract.FindMember) -> contract.Member:
        """Return one of them."""
        return await self.peer.ask("/members/read", asked, contract.Member, safe=True)

    async def change(self, asked: contract.ChangeMember) -> contract.Member:
        """Change a guest's role or groups."""
        return await self.peer.ask("/members/change", asked, contract.Member)

    async def remove(self, asked: contract.EndOrRestore) -> Done:
        """End a guest's membership."""
        return await self.peer.ask("/members/remove", asked, Done)

    async def restore(self, asked: contract.EndOrRestore) -> contract.Member:
        """Make somebody a guest again."""
        return await self.peer.ask("/members/restore", asked, contract.Member)
