"""App passwords: the form that makes one, and the page that shows it once."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.model import Caller
from services.gateway.portal.security_info_pages import ADDRESS, SecurityInfoPages, read_label
from services.gateway.portal.visits import Form

LABEL = "app-password-label"
"""The field for the name, beside which the page has others."""


@dataclass(frozen=True)
class AppPasswordPages:
    """What belongs to app passwords beside the list of methods."""

    listing: SecurityInfoPages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.post(f"{ADDRESS}/app-passwords", self.listing.taking(self._make))]

    async def _make(self, request: web.Request, caller: Caller, form: Form) -> web.Response:
        label = read_label(form, field=LABEL)
        made = await self.listing.security_info.make_app_password(caller, label)
        return await self.listing.pages.show(
            request,
            "app_password.html",
            visitor=await self.listing.visits.visitor(request),
            address=ADDRESS,
            label=label,
            password=made.password.get_secret_value(),
            revision=made.revision,
        )
