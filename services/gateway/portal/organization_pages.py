"""The organizations that one belongs to, invitations to others, and leaving one."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.errors import StepUpRequired
from services.gateway.organizations import OwnOrganizations
from services.gateway.portal import addresses
from services.gateway.portal.page import Pages
from services.gateway.portal.step_up_pages import to_step_up
from services.gateway.portal.visits import Visits
from shared.contracts.organizations import KeptDays, OwnOrganization
from shared.contracts.refusals import NotFound, Refusal

ADDRESS = "/organizations"
_DONE = {"accepted", "declined", "left"}
_SAID_IN_THE_LIST = {"not-allowed-by-policy", "last-owner"}


@dataclass(frozen=True)
class OrganizationPages:
    """The list, the answers to invitations, and the question before one leaves."""

    pages: Pages
    visits: Visits
    organizations: OwnOrganizations

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self._list),
            web.post(ADDRESS, self._answer),
            web.get(f"{addresses.LEAVE}{{id}}", self._ask),
            web.post(f"{addresses.LEAVE}{{id}}", self._leave),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request)
        done = request.query.get("done")
        return await self.pages.show(
            request,
            "organizations.html",
            visitor=visitor,
            organizations=await self.organizations.list(visitor.caller),
            invitations=await self.organizations.invitations(visitor.caller),
            done=done if done in _DONE else None,
        )

    async def _answer(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request)
        if form["answer"] == "accept":
            await self.organizations.accept(caller, form["invitation"])
            return addresses.see(addresses.with_query(ADDRESS, done="accepted"))
        await self.organizations.decline(caller, form["invitation"])
        return addresses.see(addresses.with_query(ADDRESS, done="declined"))

    async def _ask(self, request: web.Request) -> web.Response:
        visitor, organization = await self.visits.visitor(request), request.match_info["id"]
        try:
            await self.organizations.require_for_leaving(visitor.caller, organization)
        except Refusal as refusal:
            return _elsewhere(request, refusal)
        listed = await self.organizations.list(visitor.caller)
        return await self.pages.show(
            request,
            "organizations_leave.html",
            visitor=visitor,
            organization=_one(listed, organization),
            days=KeptDays,
        )

    async def _leave(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request)
        if form["answer"] == "no":
            return addresses.see(ADDRESS)
        confirmed = form["answer"] == "yes"
        try:
            await self.organizations.leave(caller, request.match_info["id"], confirmed=confirmed)
        except Refusal as refusal:
            return _elsewhere(request, refusal)
        return addresses.see(addresses.with_query(ADDRESS, done="left"))


def _elsewhere(request: web.Request, refusal: Refusal) -> web.Response:
    """Return the answer that leads where a refusal is made up for, or said with whom to ask."""
    if isinstance(refusal, StepUpRequired):
        return to_step_up(addresses.read_again(request))
    if refusal.type in _SAID_IN_THE_LIST:
        return addresses.see(ADDRESS)
    raise refusal


def _one(listed: tuple[OwnOrganization, ...], organization: str) -> OwnOrganization:
    for each in listed:
        if each.id == organization:
            return each
    raise NotFound
