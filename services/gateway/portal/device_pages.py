"""The devices that one signs in on, and disabling one of them."""

import re
from dataclasses import dataclass

from aiohttp import web

from services.gateway.devices import Devices
from services.gateway.errors import StepUpRequired
from services.gateway.portal import addresses
from services.gateway.portal.page import Pages
from services.gateway.portal.receipt_pages import show_receipt
from services.gateway.portal.step_up_pages import to_step_up
from services.gateway.portal.visits import Visits

ADDRESS = "/devices"
DISABLE = f"{ADDRESS}/disable"
_PAGE = 20
_RECEIPT = re.compile(r"[\w-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class DevicePages:
    """The list of devices, and the question before one is disabled."""

    pages: Pages
    visits: Visits
    devices: Devices

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self._list),
            web.get(f"{DISABLE}/{{id}}", self._ask),
            web.post(f"{DISABLE}/{{id}}", self._disable),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request)
        after, receipt = request.query.get("after"), request.query.get("disabled", "")
        return await self.pages.show(
            request,
            "devices.html",
            visitor=visitor,
            listed=await self.devices.list(visitor.caller, limit=_PAGE, after=after or None),
            current=visitor.caller.session.device_id,
            after=after,
            receipt=receipt if _RECEIPT.fullmatch(receipt) else None,
        )

    async def _ask(self, request: web.Request) -> web.Response:
        visitor, device_id = await self.visits.visitor(request), request.match_info["id"]
        try:
            await self.devices.step_ups.require_for_change(visitor.caller)
        except StepUpRequired:
            return to_step_up(addresses.read_again(request))
        return await self.pages.show(
            request,
            "disable_device.html",
            visitor=visitor,
            device=await self.devices.one(visitor.caller, device_id),
            current=visitor.caller.session.device_id,
        )

    async def _disable(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request)
        device_id = request.match_info["id"]
        if form["answer"] == "no":
            return addresses.see(ADDRESS)
        confirmed = form["answer"] == "yes"
        try:
            revoked = await self.devices.disable(caller, device_id, confirmed=confirmed)
        except StepUpRequired:
            return to_step_up(addresses.read_again(request))
        if device_id == caller.session.device_id:
            return show_receipt(revoked, caller)
        return addresses.see(addresses.with_query(ADDRESS, disabled=revoked.receipt))
