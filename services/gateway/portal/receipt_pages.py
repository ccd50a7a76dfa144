"""Receipts: what a password change or a sign-out everywhere has ended, and when."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.account import Account
from services.gateway.errors import SessionRequired
from services.gateway.portal import addresses, cookies
from services.gateway.portal.page import Pages
from services.gateway.portal.visits import Visitor, Visits
from shared.contracts.sessions import Receipt, Revoked

ADDRESS = "/receipts"
_PAGE = 20


def show_receipt(revoked: Revoked) -> web.Response:
    """Return the answer to what ended every session: this one is over, its receipt can be read."""
    response = addresses.see(f"{ADDRESS}/{revoked.receipt}")
    cookies.forget(response, cookies.SESSION)
    shown = f"{revoked.receipt}.{revoked.receipt_token}"
    cookies.keep(response, cookies.RECEIPT, shown, seconds=cookies.RECEIPT_SECONDS)
    return response


@dataclass(frozen=True)
class ReceiptPages:
    """The list of receipts, and each of them."""

    pages: Pages
    visits: Visits
    account: Account

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(ADDRESS, self._list), web.get(f"{ADDRESS}/{{id}}", self._one)]

    async def _list(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request)
        after = request.query.get("after")
        listed = await self.account.receipts(visitor.caller, limit=_PAGE, after=after)
        return await self.pages.show(
            request, "receipts.html", visitor=visitor, listed=listed, after=after
        )

    async def _one(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor_if_any(request)
        receipt = await self._read(request, visitor)
        return await self.pages.show(request, "receipt.html", visitor=visitor, receipt=receipt)

    async def _read(self, request: web.Request, visitor: Visitor | None) -> Receipt:
        asked = request.match_info["id"]
        if visitor is not None:
            return await self.account.receipt(visitor.caller.sub, asked, None)
        receipt_id, _, token = request.cookies.get(cookies.RECEIPT, "").partition(".")
        if receipt_id != asked:
            raise SessionRequired
        return await self.account.receipt(None, asked, token)
