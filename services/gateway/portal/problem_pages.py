"""What went wrong, as a page, and what each kind of problem means."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web

from services.gateway.errors import FlowOutOfOrder, TermsRequired
from services.gateway.headers import REQUEST_ID
from services.gateway.portal import addresses, cookies, sign_in_pages
from services.gateway.portal.page import Pages
from services.gateway.portal.receipt_pages import cause_by_receipt
from services.gateway.portal.terms_pages import terms_first
from services.gateway.portal.visits import Visitor, Visits
from services.gateway.rendering import withheld_in
from shared.contracts.refusals import NotFound, Refusal

_SERVER_ERROR = HTTPStatus.INTERNAL_SERVER_ERROR
_WORTH_ANOTHER_TRY = {"service-unavailable", "too-busy", "sign-in-throttled", "csrf-refused"}
_ENDED = {"flow-ended": cookies.FLOW, "reset-ended": cookies.RESET}


@dataclass(frozen=True)
class ProblemPages:
    """A page for each problem, and one behind each problem's `type`."""

    pages: Pages
    visits: Visits

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get("/problems/{slug}", self._meaning)]

    async def _meaning(self, request: web.Request) -> web.Response:
        slug = request.match_info["slug"]
        if not self.pages.catalogues.has(f"problem.{slug}.title"):
            raise NotFound
        visitor = await self._visitor(request)
        return await self.pages.show(request, "problem_type.html", visitor=visitor, slug=slug)

    async def problem(self, request: web.Request, document: dict[str, Any]) -> web.Response:
        """Return a problem as a page; who has to sign in is sent to where one does."""
        status = int(document["status"])
        if status == HTTPStatus.UNAUTHORIZED:
            return await self._to_sign_in(request, document.get("cause"))
        slug = str(document["type"]).rpartition("/")[2]
        if slug == TermsRequired.type:
            return addresses.see(terms_first(addresses.read_again(request)))
        if slug == FlowOutOfOrder.type:
            to = addresses.local(request.query.get("next"))
            return addresses.see(sign_in_pages.to_challenge(to))
        response = await self.pages.show(
            request,
            "problem.html",
            visitor=await self._visitor(request) if status < _SERVER_ERROR else None,
            status=status,
            slug=slug if self.pages.catalogues.has(f"problem.{slug}.title") else "internal-error",
            withheld=withheld_in(document),
            retry=addresses.read_again(request) if slug in _WORTH_ANOTHER_TRY else None,
            helpdesk=document.get("helpdesk"),
            home=cookies.SESSION in request.cookies,
            request_id=request[REQUEST_ID],
        )
        if slug in _ENDED:
            cookies.forget(response, _ENDED[slug])
        return response

    async def _visitor(self, request: web.Request) -> Visitor | None:
        # Who visits matters for the page's frame only; without a service it is left empty.
        try:
            return await self.visits.known(request)
        except Refusal:
            return None

    async def _to_sign_in(self, request: web.Request, cause: str | None) -> web.Response:
        to = addresses.read_again(request)
        # Another tab may have ended the session, and its cookie with it.
        why = cause or await cause_by_receipt(request, self.visits.account)
        response = addresses.see(sign_in_pages.again(to, why=why))
        if cookies.SESSION in request.cookies:
            cookies.forget(response, cookies.SESSION)
        return response
