"""The part of the API's table for the devices that people sign in on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pydantic import BaseModel

from services.gateway.api.bodies import ConfirmBody, ReceiptGiven
from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.receipts import receipt_given
from services.gateway.devices import Devices, SeenDevice
from shared.contracts.activity import place_in


class _Item(BaseModel):
    id: str
    name: str | None
    browser: str | None
    system: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    trusted_until: datetime | None

    @classmethod
    def _of(cls, device: SeenDevice, **more: object) -> Self:
        listed, agent = device.listed, device.user_agent
        return cls.model_validate(
            {
                "id": listed.id,
                "name": device.name or None,
                "browser": agent.name or None,
                "system": agent.system or None,
                "first_seen_at": listed.first_seen_at,
                "last_seen_at": listed.last_seen_at,
                "trusted_until": device.trusted_until,
                **more,
            }
        )


class DeviceItem(_Item):
    """A device; `current` marks the one that asks. What nobody has told of it is null.

    `place` is about where it was last signed in on, in the reader's language.
    """

    current: bool
    place: str | None

    @classmethod
    def of(cls, device: SeenDevice, language: str, *, current: str) -> Self:
        """Return a device as its user sees it."""
        place = place_in(device.listed.place_names, language)
        return cls._of(device, current=device.listed.id == current, place=place)


class DeviceItems(BaseModel):
    """A page of devices; `next` is the cursor of the following page."""

    items: tuple[DeviceItem, ...]
    next: str | None = None


class UserDeviceItem(_Item):
    """A device of a user; `disabled_at` is null unless it is disabled."""

    disabled_at: datetime | None

    @classmethod
    def of(cls, device: SeenDevice) -> Self:
        """Return a device as an admin sees it, who has no need to know where its user is."""
        return cls._of(device, disabled_at=device.listed.disabled_at)


class UserDeviceItems(BaseModel):
    """A page of a user's devices."""

    items: tuple[UserDeviceItem, ...]
    next: str | None = None


@dataclass(frozen=True)
class DevicesApi:
    """The operations, each over one flow."""

    devices: Devices

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        nobodys = {404: "not-found"}
        return [
            Operation(
                "GET", "/me/devices", "The devices that I sign in on", self._list,
                answers={200: DeviceItems}, paged=True,
            ),
            Operation(
                "POST", "/me/devices/{id}/disable",
                "Let nobody sign in on one of my devices, and end what is open on it",
                self._disable, body=ConfirmBody, answers={202: ReceiptGiven},
                refusals={
                    **nobodys, 403: "step-up-required", 422: "confirmation-required",
                },
            ),
            Operation(
                "POST", "/me/devices/forget-trust", "Have every trusted device ask me again",
                self._forget_trust, answers={204: None},
            ),
            Operation(
                "GET", "/admin/users/{id}/devices", "A user's devices, those disabled too",
                self._of_user, "admin", answers={200: UserDeviceItems}, refusals=nobodys,
                paged=True,
            ),
            Operation(
                "POST", "/admin/devices/{id}/enable", "Let a user sign in on a device again",
                self._enable, "admin", answers={204: None}, refusals=nobodys,
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        page = await self.devices.list(call.caller, limit=call.limit, after=call.after)
        current = call.caller.session.device_id
        items = tuple(DeviceItem.of(each, call.language, current=current) for each in page.items)
        return Answer(DeviceItems(items=items, next=page.next))

    async def _disable(self, call: Call) -> Answer:
        confirmed = call.body(ConfirmBody).confirm
        return receipt_given(
            await self.devices.disable(call.caller, call.path("id"), confirmed=confirmed)
        )

    async def _forget_trust(self, call: Call) -> Answer:
        await self.devices.trust.forget(call.caller)
        return Answer(None, 204)

    async def _of_user(self, call: Call) -> Answer:
        page = await self.devices.of_user(
            call.admin, call.path("id"), limit=call.limit, after=call.after
        )
        items = tuple(map(UserDeviceItem.of, page.items))
        return Answer(UserDeviceItems(items=items, next=page.next))

    async def _enable(self, call: Call) -> Answer:
        await self.devices.enable(call.admin, call.path("id"))
        return Answer(None, 204)
