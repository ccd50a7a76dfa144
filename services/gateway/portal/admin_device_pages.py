"""The devices of a user, and enabling one that is disabled."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.devices import Devices
from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import Admins
from services.gateway.portal.admin_user_pages import ADDRESS, page_of
from services.gateway.portal.visits import Form, Visitor
from services.gateway.users import Users
from shared.contracts.profile import Person

_PAGE = 20


@dataclass(frozen=True)
class AdminDevicePages:
    """The list, with a button beside each that is disabled."""

    admins: Admins
    users: Users
    devices: Devices

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        address = f"{ADDRESS}/{{id}}/devices"
        return [
            web.get(address, self.admins.reading(self._list)),
            web.post(address, self.admins.taking(self._enable)),
        ]

    async def _list(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        known = await self.users.read(admin, request.match_info["id"])
        after = request.query.get("after")
        return await self.admins.pages.show(
            request,
            "admin_devices.html",
            visitor=visitor,
            user=known.user,
            listed=await self.devices.of_user(
                admin, known.user.sub, limit=_PAGE, after=after or None
            ),
            after=after,
            done="done" in request.query,
        )

    async def _enable(self, _request: web.Request, admin: Person, form: Form) -> web.Response:
        sub = await self.devices.enable(admin, form["device"])
        return addresses.see(addresses.with_query(f"{page_of(sub)}/devices", done="yes"))
