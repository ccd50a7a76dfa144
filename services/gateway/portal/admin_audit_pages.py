"""The audit trail as a page."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.audit import AuditTrail
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins
from services.gateway.portal.visits import Visitor
from shared.contracts.audit import AuditFilter
from shared.contracts.profile import Person

ADDRESS = f"{ADMIN}/audit"
_PAGE = 50


@dataclass(frozen=True)
class AdminAuditPages:
    """What was done in the organization, the newest first."""

    admins: Admins
    trail: AuditTrail

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(ADDRESS, self.admins.reading(self._list))]

    async def _list(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        after, subject = request.query.get("after"), request.query.get("subject")
        wanted = AuditFilter(subject=subject or None)
        listed = await self.trail.page(admin, wanted, limit=_PAGE, after=after or None)
        return await self.admins.pages.show(
            request,
            "admin_audit.html",
            visitor=visitor,
            listed=listed,
            after=after,
            subject=subject,
        )
