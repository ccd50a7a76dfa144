"""What was done in the organization, newest first, and the way to all of it as a file."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.audit import AuditTrail
from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins
from services.gateway.portal.visits import Visitor
from shared.contracts.audit import AuditFilter
from shared.contracts.profile import Person

ADDRESS = f"{ADMIN}/audit"
_EXPORT = "/api/v1/admin/audit/export"
_PAGE = 20
ACTIONS = (
    "add-user", "change-user", "disable-user", "enable-user", "delete-user", "sign-out-user",
    "set-temporary-password", "require-security-info", "replace-policy", "replay-event",
    "reset-refused",
)  # fmt: skip
"""What can be asked for on the page; the API knows no such limit."""


@dataclass(frozen=True)
class AdminAuditPages:
    """The audit trail."""

    admins: Admins

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(ADDRESS, self.admins.reading(self._list))]

    async def _list(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        asked = {name: request.query.get(name) or None for name in AuditFilter.model_fields}
        after = request.query.get("after") or None
        trail = AuditTrail(self.admins.administration.profile)
        listed = await trail.page(admin, AuditFilter(**asked), limit=_PAGE, after=after)
        return await self.admins.pages.show(
            request,
            "admin_audit.html",
            visitor=visitor,
            listed=listed,
            asked=asked,
            actions=ACTIONS,
            begins=addresses.with_query(ADDRESS, **asked),
            goes_on=addresses.with_query(ADDRESS, **asked, after=listed.next),
            is_first=after is None,
            files={
                name: addresses.with_query(_EXPORT, format=name, **asked)
                for name in ("csv", "jsonl")
            },
        )
