"""Who one is to the organization, with one's photo."""

import base64
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp_jinja2
from aiohttp import web

from services.gateway.account import Account
from services.gateway.portal import addresses
from services.gateway.portal.page import Pages
from services.gateway.portal.visits import Visits
from shared.contracts.profile import Person
from shared.contracts.refusals import Refusal

_MOST_INITIALS = 2


@dataclass(frozen=True)
class ProfilePages:
    """The first page of the portal, and the picture on it."""

    pages: Pages
    visits: Visits
    account: Account

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(addresses.HOME, self._profile), web.get("/photo", self._photo)]

    async def _profile(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request)
        person = visitor.known_person
        return await self.pages.show(request, "profile.html", visitor=visitor, person=person)

    async def _photo(self, request: web.Request) -> web.Response:
        # It stands on every page, that with the terms to be accepted first among them.
        visitor = await self.visits.visitor(request, before_terms=True)
        try:
            photo = await self.account.photo(visitor.caller)
        except Refusal as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
            return await _drawn(request, visitor.known_person)
        return web.Response(body=base64.b64decode(photo.image), content_type=photo.media_type)


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
