"""Choosing the language of the portal."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.portal import addresses
from services.gateway.portal.page import keep_language
from shared.contracts.refusals import NotFound
from shared.texts import Catalogues


@dataclass(frozen=True)
class LanguagePages:
    """One address for each language; following it changes nothing but what is read."""

    catalogues: Catalogues

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get("/language/{language}", self._choose)]

    async def _choose(self, request: web.Request) -> web.Response:
        language = request.match_info["language"]
        if language not in self.catalogues.languages:
            raise NotFound
        response = addresses.see(addresses.readable(request.query.get("next")))
        keep_language(response, language)
        return response
