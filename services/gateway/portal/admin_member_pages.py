"""The guests of an organization, as its admins look after them."""

from dataclasses import dataclass
from typing import cast, get_args

from aiohttp import web

from services.gateway.organization_form import ChangeMemberBody
from services.gateway.organizations import OrganizationsAdministration
from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins, Sent, filled, read_version
from services.gateway.portal.visits import Form, Visitor
from shared.contracts.organizations import (
    KeptDays,
    Member,
    MembershipRole,
    MembershipState,
)
from shared.contracts.profile import Person
from shared.contracts.refusals import NotFound

ADDRESS = f"{ADMIN}/members"
_PAGE = 20
_DONE = {"changed", "remove", "restore"}
_SAID_IN_PLACE = {"changed-meanwhile", "invalid-request", "last-owner", "service-unavailable"}


@dataclass(frozen=True)
class AdminMemberPages:
    """The list of guests, and the page of each with a question before they are removed."""

    admins: Admins
    organizations: OrganizationsAdministration

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        one = f"{ADDRESS}/{{id}}"
        return [
            web.get(ADDRESS, self.admins.reading(self._list)),
            *self.admins.form(one, self._show, self._change, _SAID_IN_PLACE),
            *self.admins.form(f"{one}/{{action}}", self._question, self._act, _SAID_IN_PLACE),
        ]

    async def _list(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        after, chosen = request.query.get("after"), request.query.get("state")
        state = chosen if chosen in get_args(MembershipState) else "active"
        organization = admin.home_organization.id
        listed = await self.organizations.members(
            admin,
            organization,
            cast("MembershipState", state),
            limit=_PAGE,
            after=after or None,
        )
        return await self.admins.pages.show(
            request,
            "admin_members.html",
            visitor=visitor,
            listed=listed,
            after=after,
            chosen=state,
            states=get_args(MembershipState),
        )

    async def _show(
        self, request: web.Request, visitor: Visitor, admin: Person, sent: Sent
    ) -> web.Response:
        member, done = await self._member(request, admin), request.query.get("done")
        return await self.admins.pages.show(
            request,
            "admin_member.html",
            visitor=visitor,
            member=member,
            form=sent.form or _form_of(member),
            roles=get_args(MembershipRole),
            done=done if done in _DONE else None,
            refusal=sent.refusal,
        )

    async def _change(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        sub = request.match_info["id"]
        said = {"role": form["role"], "groups": read_groups(form)}
        body = filled(ChangeMemberBody, said)
        await self.organizations.change(
            admin,
            admin.home_organization.id,
            sub,
            role=body.role,
            groups=body.groups,
            replaces=read_version(form),
        )
        return addresses.see(addresses.with_query(f"{ADDRESS}/{sub}", done="changed"))

    async def _question(
        self, request: web.Request, visitor: Visitor, admin: Person, sent: Sent
    ) -> web.Response:
        member, action = await self._member(request, admin), request.match_info["action"]
        if action != action_on(member):
            raise NotFound
        return await self.admins.pages.show(
            request,
            "admin_member_action.html",
            visitor=visitor,
            member=member,
            action=action,
            days=KeptDays,
            refusal=sent.refusal,
        )

    async def _act(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        sub, action = request.match_info["id"], request.match_info["action"]
        page = f"{ADDRESS}/{sub}"
        if form["answer"] != "yes":
            return addresses.see(page)
        acts = {"remove": self.organizations.remove, "restore": self.organizations.restore}
        if action not in acts:
            raise NotFound
        await acts[action](admin, admin.home_organization.id, sub)
        return addresses.see(addresses.with_query(page, done=action))

    async def _member(self, request: web.Request, admin: Person) -> Member:
        return await self.organizations.member(
            admin, admin.home_organization.id, request.match_info["id"]
        )


def _form_of(member: Member) -> Form:
    return Form({"role": member.role, "groups": ", ".join(member.groups)})


def action_on(member: Member) -> str:
    """Return what can be done to somebody, by the name that it has in the API."""
    return "remove" if member.state == "active" else "restore"


def read_groups(form: Form) -> tuple[str, ...]:
    """Return the groups that were typed, with commas between them."""
    return tuple(each.strip() for each in form["groups"].split(",") if each.strip())
