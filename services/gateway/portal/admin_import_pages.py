"""Bringing contact methods along: the form that takes the lines, and what came of each."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.method_import import MethodImport, Report
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins, Sent
from services.gateway.portal.visits import Form, Visitor
from shared.contracts.profile import Person

ADDRESS = f"{ADMIN}/import"
_SAID_IN_PLACE = {"method-file-too-long", "method-file-header-wrong"}


@dataclass(frozen=True)
class AdminImportPages:
    """One page, on which a dry run comes first unless somebody says otherwise."""

    admins: Admins
    method_import: MethodImport

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return self.admins.form(ADDRESS, self._show, self._bring, _SAID_IN_PLACE)

    async def _bring(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        visitor, dry_run = await self.admins.visits.visitor(request), form["answer"] != "import"
        report = await self.method_import.bring(admin, form["csv"], dry_run=dry_run)
        return await self._show(request, visitor, admin, Sent(form), report)

    async def _show(
        self,
        request: web.Request,
        visitor: Visitor,
        _admin: Person,
        sent: Sent,
        report: Report | None = None,
    ) -> web.Response:
        return await self.admins.pages.show(
            request,
            "admin_import.html",
            visitor=visitor,
            csv=(sent.form or Form())["csv"],
            report=report,
            refusal=sent.refusal,
        )
