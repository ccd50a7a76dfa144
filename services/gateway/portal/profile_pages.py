"""Who one is to the organization, with one's photo, and what one looks after here."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import aiohttp_jinja2
from aiohttp import web

from services.gateway.account import Account
from services.gateway.activity import Activity
from services.gateway.devices import Devices
from services.gateway.errors import NotAllowedByPolicy
from services.gateway.organizations import OwnOrganizations
from services.gateway.portal import addresses
from services.gateway.portal.page import Pages
from services.gateway.portal.visits import Visits
from services.gateway.security_info import SecurityInfo
from shared.contracts.profile import Person
from shared.contracts.refusals import Refusal

_MOST_INITIALS = 2
_FEW = 5
T = TypeVar("T")


@dataclass(frozen=True)
class ProfilePages:
    """The first page of the portal, and the picture on it."""

    pages: Pages
    visits: Visits
    account: Account
    security_info: SecurityInfo
    devices: Devices
    activity: Activity
    organizations: OwnOrganizations

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(addresses.HOME, self._profile), web.get("/photo", self._photo)]

    async def _profile(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request)
        caller, areas, record = visitor.caller, visitor.opening.areas, visitor.known_person
        person, devices, attempts, organizations, for_reset, password_set_at = await asyncio.gather(
            self.account.shown(record),
            _beside("devices" in areas, lambda: self.devices.list(caller, limit=_FEW)),
            _beside("activity" in areas, lambda: self.activity.page(caller, limit=_FEW)),
            _beside("organizations" in areas, lambda: self.organizations.list(caller)),
            _beside(True, lambda: self.security_info.standing_for_reset(caller)),
            _beside(True, lambda: self.account.password_set_at(caller)),
        )
        return await self.pages.show(
            request,
            "profile.html",
            visitor=visitor,
            person=person,
            devices=devices,
            attempts=attempts,
            organizations=organizations,
            for_reset=for_reset,
            password_set_at=password_set_at,
        )

    async def _photo(self, request: web.Request) -> web.Response:
        # It stands on every page, that with the terms to be accepted first among them.
        visitor = await self.visits.visitor(request, before_terms=True)
        try:
            photo = await self.account.photo(visitor.caller)
        except Refusal as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND and refusal.type != NotAllowedByPolicy.type:
                raise
            return await _drawn(request, visitor.known_person)
        return web.Response(body=base64.b64decode(photo.image), content_type=photo.media_type)


async def _beside(is_shown: bool, ask: Callable[[], Awaitable[T]]) -> T | None:  # noqa: FBT001
    """Return what stands beside the record; None where it is left out or its service is away."""
    if not is_shown:
        return None
    try:
        return await ask()
    except Refusal as refusal:
        if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return None


async def _drawn(request: web.Request, person: Person) -> web.Response:
    letters = {"initials": initials(person.display_name)}
    response = await aiohttp_jinja2.render_template_async("initials.svg", request, letters)
    response.content_type = "image/svg+xml"
    return response


def initials(name: str) -> str:
    """Return the first letters of the first and the last part of a name."""
    parts = [part for part in name.split() if part[0].isalnum()]
    chosen = [parts[0], parts[-1]] if len(parts) >= _MOST_INITIALS else parts
    return "".join(part[0] for part in chosen).upper()
