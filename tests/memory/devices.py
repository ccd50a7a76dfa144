"""What the sessions service keeps of devices, in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.sessions.model import KnownDevice
from services.sessions.places import Place
from services.sessions.store import TellAgainSeconds
from shared.contracts.devices import FoundDevice, ListedDevice
from shared.contracts.events import Event
from shared.contracts.refusals import UnknownCursor
from shared.contracts.trust import DeviceTrust, TrustTerms
from tests.memory.epochs import MemoryEpochs


@dataclass(frozen=True)
class Trusted:
    """That a device is trusted."""

    terms: TrustTerms
    epoch: int
    factor: str
    given_at: datetime

    def at(self, now: datetime) -> DeviceTrust | None:
        """Return it unless it is over."""
        age = now - self.given_at
        if age >= timedelta(days=self.terms.days):
            return None
        return DeviceTrust(
            epoch=self.epoch,
            factor=self.factor,
            version=self.terms.version,
            given_seconds_ago=age.total_seconds(),
        )


@dataclass(frozen=True)
class KeptDevice:
    """A device's record; `used` orders what the clock does not."""

    known: KnownDevice
    listed: ListedDevice
    used: int = 0
    tell_at: datetime | None = None


@dataclass
class MemoryDevices:
    """Devices, by the hash of their key."""

    epochs: MemoryEpochs = field(default_factory=MemoryEpochs)
    devices: dict[str, KeptDevice] = field(default_factory=dict)
    devices_seen: list[str] = field(default_factory=list)
    trusted: dict[str, Trusted] = field(default_factory=dict)
    told: dict[str, datetime] = field(default_factory=dict)

    async def add_device(
        self,
        device: KnownDevice,
        *,
        key_hash: str,
        user_agent: str | None = None,
        place: Place | None = None,
    ) -> None:
        """Keep a new device."""
        now = self.epochs.clock.now()
        listed = ListedDevice(
            id=device.id,
            name=device.name,
            user_agent=user_agent,
            first_seen_at=now,
            last_seen_at=now,
            place_names=dict(place.names) if place else {},
        )
        self.devices[key_hash] = KeptDevice(device, listed, self._last_used + 1, now)

    async def device_with_key(self, key_hash: str) -> KnownDevice | None:
        """Look the key up."""
        kept = self.devices.get(key_hash)
        if kept is None:
            return None
        disabled = kept.listed.disabled_at is not None
        return replace(kept.known, trust=self._trust_in(kept.known.id), disabled=disabled)

    async def device_seen(
        self, device_id: str, *, user_agent: str | None = None, place: Place | None = None
    ) -> None:
        """Take note."""
        self.devices_seen.append(device_id)
        said: dict[str, object] = {}
        if user_agent is not None:
            said = {"user_agent": user_agent, "place_names": dict(place.names) if place else {}}
        now, used = self.epochs.clock.now(), self._last_used + 1
        self._change(device_id, used=used, last_seen_at=now, **said)

    async def devices_of(
        self, sub: str, *, after: str | None, limit: int, with_disabled: bool = False
    ) -> list[ListedDevice]:
        """Return a page."""
        own = sorted(self._devices_of(sub), key=lambda each: -each.used)
        ids = [each.known.id for each in own]
        if after is not None and after not in ids:
            raise UnknownCursor
        left = own[ids.index(after) + 1 :] if after is not None else own
        shown = [each for each in left if with_disabled or each.listed.disabled_at is None]
        return [self._listed(each) for each in shown[:limit]]

    async def find_device(self, device_id: str) -> FoundDevice | None:
        """Look it up."""
        for each in self.devices.values():
            if each.known.id == device_id:
                return FoundDevice(sub=each.known.sub, **dict(self._listed(each)))
        return None

    async def is_disabled(self, device_id: str) -> bool:
        """Look it up."""
        return any(
            each.known.id == device_id and each.listed.disabled_at is not None
            for each in self.devices.values()
        )

    async def tell_next_new(self, event_of: Callable[[str, tuple[str, ...]], Event]) -> bool:
        """Tell of what is due first."""
        now = self.epochs.clock.now()
        due = [each for each in self.devices.values() if each.tell_at and each.tell_at <= now]
        if not due:
            return False
        sub = min(due, key=lambda each: each.tell_at or now).known.sub
        untold = [each.known.id for each in self._devices_of(sub) if each.tell_at]
        again_at = self.told.get(sub, datetime.min.replace(tzinfo=now.tzinfo)) + timedelta(
            seconds=TellAgainSeconds
        )
        for device_id in untold:
            self._tell_at(device_id, again_at if again_at > now else None)
        if again_at > now:
            return True
        others = len(self._devices_of(sub)) > len(untold)
        if ids := untold if others else untold[1:]:
            self.told[sub] = now
            event = event_of(sub, tuple(ids))
            self.epochs.outbox[event.id] = event
        return True

    async def trust_device(
        self, device_id: str, terms: TrustTerms, *, epoch: int, factor: str
    ) -> None:
        """Take note."""
        if not await self.is_disabled(device_id):
            self.trusted[device_id] = Trusted(terms, epoch, factor, self.epochs.clock.now())

    async def forget_trust(self, sub: str, *, factor: str | None = None) -> None:
        """Forget it."""
        for device in self._devices_of(sub):
            known = self.trusted.get(device.known.id)
            if known is not None and factor in {None, known.factor}:
                del self.trusted[device.known.id]

    async def trusted_devices(self, sub: str) -> int:
        """Count."""
        trusts = (self._trust_in(device.known.id) for device in self._devices_of(sub))
        epoch = self.epochs.current(sub)
        return sum(trust is not None and trust.epoch == epoch for trust in trusts)

    def disable(self, sub: str, device_id: str) -> bool:
        """Take note, and forget its trust."""
        if not any(
            each.known.id == device_id and each.listed.disabled_at is None
            for each in self._devices_of(sub)
        ):
            return False
        self._change(device_id, disabled_at=self.epochs.clock.now())
        self.trusted.pop(device_id, None)
        return True

    def enable(self, sub: str, device_id: str) -> bool:
        """Take note."""
        if not any(
            each.known.id == device_id and each.listed.disabled_at is not None
            for each in self._devices_of(sub)
        ):
            return False
        self._change(device_id, disabled_at=None)
        return True

    @property
    def _last_used(self) -> int:
        return max((each.used for each in self.devices.values()), default=0)

    def _change(self, device_id: str, *, used: int | None = None, **said: object) -> None:
        for key, kept in self.devices.items():
            if kept.known.id == device_id:
                listed = kept.listed.model_copy(update=said)
                self.devices[key] = replace(kept, listed=listed, used=used or kept.used)

    def _tell_at(self, device_id: str, at: datetime | None) -> None:
        for key, kept in self.devices.items():
            if kept.known.id == device_id:
                self.devices[key] = replace(kept, tell_at=at)

    def _trust_in(self, device_id: str) -> DeviceTrust | None:
        given = self.trusted.get(device_id)
        return given.at(self.epochs.clock.now()) if given is not None else None

    def _listed(self, kept: KeptDevice) -> ListedDevice:
        trust = self._trust_in(kept.known.id)
        if trust is None or trust.epoch != self.epochs.current(kept.known.sub):
            return kept.listed
        given = self.trusted[kept.known.id]
        until = given.given_at + timedelta(days=given.terms.days)
        return kept.listed.model_copy(
            update={"trust": trust, "trusted_from": given.given_at, "trusted_until": until}
        )

    def _devices_of(self, sub: str) -> list[KeptDevice]:
        return [each for each in self.devices.values() if each.known.sub == sub]
