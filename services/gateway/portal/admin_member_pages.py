"""The guests of an organization, as its admins look after them."""

from dataclasses import dataclass
from typing import cast, get_args

from aiohttp import web

from services.gateway.organization_form import ChangeMemberBody
from services.gateway.organizations import OrganizationsAdministration
from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins, filled, read_version
from services.gateway.portal.visits import Form, Visitor
from shared.contracts.organizations import (
    KeptDays,
    Member,
    MembershipRole,
    MembershipState,
)
from shared.contracts.profile import Person
from shared.contracts.refusals import NotFound, Refusal

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
            web.get(one, self.admins.reading(self._show)),
            web.post(one, self.admins.taking(self._change)),
            web.get(f"{one}/{{action}}", self.admins.reading(self._ask)),
            web.post(f"{one}/{{action}}", self.admins.taking(self._act)),
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

    async def _show(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        member = await self._member(request, admin)
        form = Form({"role": member.role, "groups": ", ".join(member.groups)})
        return await self._form(request, visitor, member, form)

    async def _form(
        self,
        request: web.Request,
        visitor: Visitor,
        member: Member,
        form: Form,
        refusal: Refusal | None = None,
    ) -> web.Response:
        done = request.query.get("done")
        return await self.admins.pages.show(
            request,
            "admin_member.html",
            visitor=visitor,
            member=member,
            form=form,
            roles=get_args(MembershipRole),
            done=done if done in _DONE else None,
            refusal=refusal,
        )

    async def _change(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        sub = request.match_info["id"]
        said = {"role": form["role"], "groups": read_groups(form)}
        try:
            body = filled(ChangeMemberBody, said)
            await self.organizations.change(
                admin,
                admin.home_organization.id,
                sub,
                role=body.role,
                groups=body.groups,
                replaces=read_version(form),
            )
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            visitor = await self.admins.visits.visitor(request)
            member = await self._member(request, admin)
            return await self._form(request, visitor, member, form, refusal)
        return addresses.see(addresses.with_query(f"{ADDRESS}/{sub}", done="changed"))

    async def _ask(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        return await self._question(request, visitor, admin)

    async def _question(
        self,
        request: web.Request,
        visitor: Visitor,
        admin: Person,
        refusal: Refusal | None = None,
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
            refusal=refusal,
        )

    async def _act(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        sub, action = request.match_info["id"], request.match_info["action"]
        page = f"{ADDRESS}/{sub}"
        if form["answer"] != "yes":
            return addresses.see(page)
        acts = {"remove": self.organizations.remove, "restore": self.organizations.restore}
        if action not in acts:
            raise NotFound
        try:
            await acts[action](admin, admin.home_organization.id, sub)
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            visitor = await self.admins.visits.visitor(request)
            return await self._question(request, visitor, admin, refusal)
        return addresses.see(addresses.with_query(page, done=action))

    async def _member(self, request: web.Request, admin: Person) -> Member:
        return await self.organizations.member(
            admin, admin.home_organization.id, request.match_info["id"]
        )


def action_on(member: Member) -> str:
    """Return what can be done to somebody, by the name that it has in the API."""
    return "remove" if member.state == "active" else "restore"


def read_groups(form: Form) -> tuple[str, ...]:
    """Return the groups that were typed, with commas between them."""
    return tuple(each.strip() for each in form["groups"].split(",") if each.strip())
