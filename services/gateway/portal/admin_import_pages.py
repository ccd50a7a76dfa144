"""Bringing contact methods along: the form that takes the lines, and what came of each."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.method_import import MethodImport, Report
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins
from services.gateway.portal.visits import Form, Visitor
from shared.contracts.profile import Person
from shared.contracts.refusals import Refusal

ADDRESS = f"{ADMIN}/import"
_SAID_IN_PLACE = {"method-file-too-long", "method-file-header-wrong"}


@dataclass(frozen=True)
class AdminImportPages:
    """One page, on which a dry run comes first unless somebody says otherwise."""

    admins: Admins
    method_import: MethodImport

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self.admins.reading(self._ask)),
            web.post(ADDRESS, self.admins.taking(self._bring)),
        ]

    async def _ask(self, request: web.Request, visitor: Visitor, _admin: Person) -> web.Response:
        return await self._show(request, visitor, "")

    async def _bring(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        visitor, text = await self.admins.visits.visitor(request), form["csv"]
        dry_run = form["answer"] != "import"
        try:
            report = await self.method_import.bring(admin, text, dry_run=dry_run)
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            return await self._show(request, visitor, text, refusal=refusal)
        return await self._show(request, visitor, text, report=report)

    async def _show(
        self,
        request: web.Request,
        visitor: Visitor,
        text: str,
        *,
        report: Report | None = None,
        refusal: Refusal | None = None,
    ) -> web.Response:
        return await self.admins.pages.show(
            request,
            "admin_import.html",
            visitor=visitor,
            csv=text,
            report=report,
            refusal=refusal,
        )
