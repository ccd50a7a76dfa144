"""What the gateway asks about organizations and their guests, as the contract's tests ask it."""

from typing import Any

from shared.contracts.audit import Actor
from shared.contracts.organizations import (
    AnswerInvitation,
    ChangeMember,
    EndOrRestore,
    FindMember,
    Invitation,
    InviteMember,
    Leave,
    LeavePolicy,
    ListInvitations,
    ListMembers,
    OfSubject,
    PutLeavePolicy,
    ReadOrganization,
    RevokeInvitation,
)
from shared.contracts.profile import PutOrganization
from tests.contract.http.services import Calls, Services

BY = Actor(sub="person-9", organization="varde")
ADA = {"sub": "person-1"}
OF_VARDE = {"organization": "varde"}


async def invited(services: Services) -> Invitation:
    """Have an organization invite Ada."""
    await services.profile.put_organization(PutOrganization(id="varde", name="Varde"))
    return await services.organizations.invite(InviteMember(user_id="ada@example.org", by=BY))


async def answer(services: Services, call: str) -> object:
    asked = AnswerInvitation(id=(await invited(services)).id, **ADA)
    return await getattr(services.organizations, call)(asked)


async def as_guest(services: Services, call: str, asked: Any) -> object:
    """Make a call about somebody who is a guest."""
    await answer(services, "accept")
    return await getattr(services.organizations, call)(asked)


async def revoke(services: Services) -> object:
    asked = RevokeInvitation(id=(await invited(services)).id, by=BY)
    return await services.organizations.revoke(asked)


async def restore(services: Services) -> object:
    await as_guest(services, "leave", Leave(**ADA, **OF_VARDE))
    return await services.organizations.restore(EndOrRestore(**ADA, by=BY))


async def put_policy(services: Services) -> object:
    await invited(services)
    return await services.organizations.put_policy(
        PutLeavePolicy(leave=LeavePolicy(allowed=False), by=BY, **OF_VARDE)
    )


ORGANIZATION_CALLS: Calls = {
    ("profile", "/organizations/own"): lambda s: as_guest(s, "own", OfSubject(**ADA)),
    ("profile", "/organizations/check-leave"): lambda s: as_guest(
        s, "check_leave", Leave(**ADA, **OF_VARDE)
    ),
    ("profile", "/organizations/leave"): lambda s: as_guest(s, "leave", Leave(**ADA, **OF_VARDE)),
    ("profile", "/organizations/read"): lambda s: s.organizations.read(
        ReadOrganization(id="halden")
    ),
    ("profile", "/organizations/put-policy"): put_policy,
    ("profile", "/invitations/own"): lambda s: s.organizations.own_invitations(OfSubject(**ADA)),
    ("profile", "/invitations/accept"): lambda s: answer(s, "accept"),
    ("profile", "/invitations/decline"): lambda s: answer(s, "decline"),
    ("profile", "/invitations/make"): invited,
    ("profile", "/invitations/list"): lambda s: s.organizations.invitations(
        ListInvitations(**OF_VARDE)
    ),
    ("profile", "/invitations/revoke"): revoke,
    ("profile", "/members/list"): lambda s: s.organizations.members(ListMembers(**OF_VARDE)),
    ("profile", "/members/read"): lambda s: as_guest(s, "member", FindMember(**ADA, **OF_VARDE)),
    ("profile", "/members/change"): lambda s: as_guest(
        s, "change", ChangeMember(role="owner", by=BY, **ADA)
    ),
    ("profile", "/members/remove"): lambda s: as_guest(s, "remove", EndOrRestore(**ADA, by=BY)),
    ("profile", "/members/restore"): restore,
}
ORGANIZATION_READS = {
    "/organizations/own", "/organizations/check-leave", "/organizations/read", "/invitations/own",
    "/invitations/list", "/members/list", "/members/read",
}  # fmt: skip
