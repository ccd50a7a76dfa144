"""Everything that is stored about oneself, to take along."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.personal_data import PersonalData
from services.gateway.portal.page import Pages
from services.gateway.portal.step_up_pages import stepped_up
from services.gateway.portal.visits import Visits

ADDRESS = "/personal-data"


@dataclass(frozen=True)
class PersonalDataPages:
    """The page that says what is in the file."""

    pages: Pages
    visits: Visits
    data: PersonalData

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [web.get(ADDRESS, self._show)]

    async def _show(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request)

        async def show() -> web.Response:
            await self.data.require_recent(visitor.caller)
            return await self.pages.show(request, "personal_data.html", visitor=visitor)

        return await stepped_up(request, show)
