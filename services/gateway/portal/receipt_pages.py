"""Receipts: what a password change or a sign-out everywhere has ended, and when."""

import re
from dataclasses import dataclass

from aiohttp import web

from services.gateway.account import Account
from services.gateway.errors import SessionRequired
from services.gateway.model import Caller
from services.gateway.portal import addresses, cookies
from services.gateway.portal.page import Pages
from services.gateway.portal.visits import Visits
from shared.contracts.refusals import Refusal
from shared.contracts.sessions import Revoked

ADDRESS = "/receipts"
_PAGE = 20
# The receipt, its token, and the session that this browser had.
_COOKIE = re.compile(r"([\w-]{1,64})\.([\w-]{1,256})\.([\w-]{1,64})", re.ASCII)

_NO_SESSION = "-"


def show_receipt(revoked: Revoked, caller: Caller) -> web.Response:
    """Return the answer to what ended every session: this one is over, its receipt can be read."""
    response = addresses.see(f"{ADDRESS}/{revoked.receipt}")
    cookies.forget(response, cookies.SESSION)
    keep_receipt(response, revoked, caller.session.sid)
    return response


def keep_receipt(response: web.Response, revoked: Revoked, sid: str = _NO_SESSION) -> None:
    """Let this browser read a receipt although nobody is signed in there."""
    shown = f"{revoked.receipt}.{revoked.receipt_token}.{sid}"
    cookies.keep(response, cookies.RECEIPT, shown, seconds=cookies.RECEIPT_SECONDS)


def kept_receipt(request: web.Request) -> str:
    """Return the receipt that this browser can read, if any."""
    return _shown(request)[0]


async def cause_by_receipt(request: web.Request, account: Account) -> str | None:
    """Return why this browser was signed out, as far as it can show a receipt for it."""
    receipt_id, token, _ = _shown(request)
    if not receipt_id:
        return None
    try:
        return (await account.receipt(None, receipt_id, token)).cause
    except Refusal:
        return None


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
        asked = request.match_info["id"]
        receipt_id, token, sid = _shown(request)
        if visitor is not None:
            receipt = await self.account.receipt(visitor.caller.sub, asked, None)
        elif receipt_id == asked:
            receipt = await self.account.receipt(None, asked, token)
        else:
            raise SessionRequired
        return await self.pages.show(
            request, "receipt.html", visitor=visitor, receipt=receipt, here_sid=sid
        )


def _shown(request: web.Request) -> tuple[str, str, str]:
    matched = _COOKIE.fullmatch(request.cookies.get(cookies.RECEIPT, ""))
    receipt_id, token, sid = matched.groups() if matched else ("", "", "")
    return receipt_id, token, sid
