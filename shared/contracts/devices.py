"""HTTP contract between the gateway and the sessions service for devices. Times are in UTC."""

from datetime import datetime

from pydantic import Field

from shared.contracts.audit import Actor
from shared.contracts.body import Contract, Sub
from shared.contracts.trust import DeviceTrust


class ListDevices(Contract):
    """Ask for the devices of a subject, the one used last first.

    Those that are disabled are left out unless they are asked for too.
    """

    sub: Sub
    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = None
    with_disabled: bool = False


class ListedDevice(Contract):
    """A device in a list.

    `name` is what its user calls it, if anything, and `user_agent` what its browser said when it
    was last signed in on; null where a version that did not keep that has seen it last.
    `place_names` say by language about where it was then; they are empty where nobody knows. It is
    trusted where there is a `trust` under the current epoch, from then and until then at most.
    """

    id: str
    name: str = ""
    user_agent: str | None = None
    first_seen_at: datetime
    last_seen_at: datetime
    place_names: dict[str, str] = Field(default_factory=dict)
    trust: DeviceTrust | None = None
    trusted_from: datetime | None = None
    trusted_until: datetime | None = None
    disabled_at: datetime | None = None


class DeviceList(Contract):
    """A page of devices; `next` is the cursor of the following page."""

    items: tuple[ListedDevice, ...]
    next: str | None = None


class FindDevice(Contract):
    """Ask for one device, whosever it is."""

    device_id: str


class FoundDevice(ListedDevice):
    """A device, and whose it is."""

    sub: Sub


class DisableDevice(Contract):
    """Let a subject sign in on a device of theirs no more, and end what is open on it."""

    sub: Sub
    device_id: str


class EnableDevice(Contract):
    """Let a subject sign in on a device again, at an admin's wish."""

    sub: Sub
    device_id: str
    by: Actor
