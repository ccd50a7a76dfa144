"""The button that has every trusted device ask again."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.portal import addresses
from services.gateway.portal.security_info_pages import ADDRESS as SECURITY
from services.gateway.portal.visits import Visits
from services.gateway.trust import DeviceTrust


@dataclass(frozen=True)
class TrustPages:
    """The form alone: it stands on the page for security information."""

    visits: Visits
    trust: DeviceTrust

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.post(f"{SECURITY}/forget-trust", self._forget)]

    async def _forget(self, request: web.Request) -> web.Response:
        caller, _ = await self.visits.sent_form(request)
        await self.trust.forget(caller)
        return addresses.see(addresses.with_query(SECURITY, done="trust-forgotten"))
