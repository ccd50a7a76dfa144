"""Inviting guests to an organization, and whether they may leave by themselves."""

from dataclasses import dataclass
from typing import get_args

from aiohttp import web

from services.gateway.forms import HelpdeskBody
from services.gateway.organization_form import InviteMemberBody, LeaveBody
from services.gateway.organizations import OrganizationsAdministration
from services.gateway.portal import addresses
from services.gateway.portal.admin_member_pages import read_groups
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins, Sent, filled, read_version
from services.gateway.portal.visits import Form, Visitor
from shared.contracts.organizations import KnownOrganization, MembershipRole
from shared.contracts.profile import Helpdesk, Person

INVITATIONS = f"{ADMIN}/invitations"
INVITE = f"{INVITATIONS}/new"
LEAVING = f"{ADMIN}/leaving"
_PAGE = 20
_SAID_IN_PLACE = {
    "already-invited",
    "already-member",
    "changed-meanwhile",
    "invalid-request",
    "service-unavailable",
}


@dataclass(frozen=True)
class AdminOrganizationPages:
    """The invitations with the form that makes one, and the policy for leaving."""

    admins: Admins
    organizations: OrganizationsAdministration

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(INVITATIONS, self.admins.reading(self._invitations)),
            web.post(INVITATIONS, self.admins.taking(self._revoke)),
            *self.admins.form(INVITE, self._form, self._invite, _SAID_IN_PLACE),
            *self.admins.form(LEAVING, self._policy, self._put_policy, _SAID_IN_PLACE),
        ]

    async def _invitations(
        self, request: web.Request, visitor: Visitor, admin: Person
    ) -> web.Response:
        after, done = request.query.get("after"), request.query.get("done")
        listed = await self.organizations.invitations(
            admin, admin.home_organization.id, limit=_PAGE, after=after or None
        )
        return await self.admins.pages.show(
            request,
            "admin_invitations.html",
            visitor=visitor,
            listed=listed,
            after=after,
            done=done if done in {"invited", "revoked"} else None,
        )

    async def _revoke(self, _request: web.Request, admin: Person, form: Form) -> web.Response:
        organization = admin.home_organization.id
        await self.organizations.revoke(admin, organization, form["invitation"])
        return addresses.see(addresses.with_query(INVITATIONS, done="revoked"))

    async def _form(
        self, request: web.Request, visitor: Visitor, _admin: Person, sent: Sent
    ) -> web.Response:
        return await self.admins.pages.show(
            request,
            "admin_invite.html",
            visitor=visitor,
            form=sent.form or Form({"role": "member"}),
            roles=get_args(MembershipRole),
            refusal=sent.refusal,
        )

    async def _invite(self, _request: web.Request, admin: Person, form: Form) -> web.Response:
        said = {
            "user_id": form["user_id"].strip(),
            "role": form["role"],
            "groups": read_groups(form),
        }
        body = filled(InviteMemberBody, said)
        await self.organizations.invite(
            admin, admin.home_organization.id, body.user_id, body.role, body.groups
        )
        return addresses.see(addresses.with_query(INVITATIONS, done="invited"))

    async def _policy(
        self, request: web.Request, visitor: Visitor, admin: Person, sent: Sent
    ) -> web.Response:
        form = sent.form
        if form is None:
            form = _form_of(await self.organizations.read(admin, admin.home_organization.id))
        return await self.admins.pages.show(
            request,
            "admin_leaving.html",
            visitor=visitor,
            form=form,
            contacts=tuple(Helpdesk.model_fields),
            done="done" in request.query,
            refusal=sent.refusal,
        )

    async def _put_policy(self, _request: web.Request, admin: Person, form: Form) -> web.Response:
        said = {name: form[name].strip() for name in Helpdesk.model_fields}
        contact = filled(HelpdeskBody, said) if any(said.values()) else None
        leave = LeaveBody(allowed=form["allowed"] == "yes", contact=contact)
        await self.organizations.put_policy(
            admin, admin.home_organization.id, leave.as_policy(), read_version(form)
        )
        return addresses.see(addresses.with_query(LEAVING, done="yes"))


def _form_of(known: KnownOrganization) -> Form:
    contact = known.leave.contact or Helpdesk()
    allowed = "yes" if known.leave.allowed else ""
    return Form(contact.model_dump() | {"allowed": allowed, "version": str(known.version)})
