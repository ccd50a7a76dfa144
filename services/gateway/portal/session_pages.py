"""Where one is signed in, and signing out there or everywhere."""

from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from services.gateway.account import Account
from services.gateway.portal import addresses
from services.gateway.portal.page import Pages
from services.gateway.portal.receipt_pages import show_receipt
from services.gateway.portal.visits import Visits
from shared.contracts.refusals import Refusal

ADDRESS = "/sessions"
EVERYWHERE = "/sign-out-everywhere"
_PAGE = 20


@dataclass(frozen=True)
class SessionPages:
    """The list of open sessions, and the two ways to end them."""

    pages: Pages
    visits: Visits
    account: Account

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self._list),
            web.post(f"{ADDRESS}/end", self._end),
            web.get(EVERYWHERE, self._ask),
            web.post(EVERYWHERE, self._everywhere),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request)
        after = request.query.get("after")
        listed = await self.account.open_sessions(visitor.caller, limit=_PAGE, after=after)
        current = visitor.caller.session
        return await self.pages.show(
            request,
            "sessions.html",
            visitor=visitor,
            current=current if after is None else None,
            others=[each for each in listed.items if each.sid != current.sid],
            more=listed.next,
            after=after,
            ended="ended" in request.query,
        )

    async def _end(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request)
        try:
            await self.account.end_session(caller, form["sid"])
        except Refusal as refusal:
            # Somebody else was faster, or it ended by itself: it is over either way.
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
        return addresses.see(f"{ADDRESS}?ended")

    async def _ask(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request)
        return await self.pages.show(request, "sign_out_everywhere.html", visitor=visitor)

    async def _everywhere(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request)
        if form["answer"] == "no":
            return addresses.see(addresses.HOME)
        confirmed = form["answer"] == "yes"
        revoked = await self.account.sign_out_everywhere(caller, confirmed=confirmed)
        return show_receipt(revoked, caller)
