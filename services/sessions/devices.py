"""Devices: recognised by a key that the client keeps, outliving their sessions, and trusted."""

from dataclasses import dataclass, field
from functools import partial

from services.sessions.errors import DeviceIsDisabled, NoSuchDevice
from services.sessions.model import (
    KnownDevice,
    Secret,
    SigningInDevice,
    new_devices,
    new_id,
    proof_of,
)
from services.sessions.places import NoPlaces, Places
from services.sessions.store import DeviceStore
from shared.clock import Clock
from shared.contracts.body import Done
from shared.contracts.devices import DeviceList, FindDevice, FoundDevice, ListDevices
from shared.contracts.sessions import EstablishSession, RecognisedDevice, RecogniseDevice
from shared.contracts.trust import CountTrusted, ForgetTrust, TrustedDevices


@dataclass(frozen=True)
class Devices:
    """Recognise devices, take in new ones, and trust those that their users have trusted."""

    store: DeviceStore
    clock: Clock
    places: Places = field(default_factory=NoPlaces)

    async def recognise(self, asked: RecogniseDevice) -> RecognisedDevice:
        """Tell whose device holds a key. An unknown key is nobody's, and no error."""
        device = await self.store.device_with_key(proof_of(asked.device_key))
        if device is None:
            return RecognisedDevice()
        if device.disabled:
            # Who guesses at a password there has no more tries than at any other stranger's.
            return RecognisedDevice(disabled_for=device.sub)
        return RecognisedDevice(device_id=device.id, sub=device.sub, trust=device.trust)

    async def of_sign_in(self, asked: EstablishSession) -> SigningInDevice:
        """Return the device a subject signs in on; somebody else's key makes a new one.

        Raise `DeviceIsDisabled` where it is: by now, all that a sign-in takes was shown.
        """
        key, name = asked.device_key, asked.device_name or ""
        found = await self.store.device_with_key(proof_of(key)) if key is not None else None
        if found is None or found.sub != asked.sub:
            new = KnownDevice(id=new_id(), sub=asked.sub, name=name)
            return SigningInDevice(new, Secret.fresh())
        if found.disabled:
            raise DeviceIsDisabled
        return SigningInDevice(found)

    async def keep(self, device: SigningInDevice, asked: EstablishSession) -> None:
        """Keep a new device, or take note that a known one was used."""
        known, user_agent = device.known, asked.where.user_agent
        place = self.places.of(asked.where.address)
        if device.fresh_key is None:
            await self.store.device_seen(known.id, user_agent=user_agent, place=place)
        else:
            proof = device.fresh_key.proof
            await self.store.add_device(known, key_hash=proof, user_agent=user_agent, place=place)

    async def list(self, asked: ListDevices) -> DeviceList:
        """Return a page of a subject's devices, the one used last first."""
        found = await self.store.devices_of(
            asked.sub,
            after=asked.after,
            limit=asked.limit + 1,
            with_disabled=asked.with_disabled,
        )
        page = found[: asked.limit]
        more = page[-1].id if len(found) > asked.limit else None
        return DeviceList(items=tuple(page), next=more)

    async def find(self, asked: FindDevice) -> FoundDevice:
        """Return a device with whose it is, or raise `NoSuchDevice`."""
        found = await self.store.find_device(asked.device_id)
        if found is None:
            raise NoSuchDevice
        return found

    async def trust(self, device: SigningInDevice, asked: EstablishSession) -> None:
        """Trust a device where its user, who has just shown a second factor, asks for it."""
        if asked.trust is not None and asked.factor is not None:
            await self.store.trust_device(
                device.known.id, asked.trust, epoch=asked.epoch, factor=asked.factor
            )

    async def is_trusted_still(self, asked: EstablishSession) -> bool:
        """Tell whether the trust that a sign-in rests on, if it does, was not forgotten since."""
        if asked.trusted_by is None:
            return True
        proof = proof_of(asked.device_key or "")
        device = await self.store.device_with_key(proof)
        if device is None or device.sub != asked.sub or device.trust is None:
            return False
        return (device.trust.epoch, device.trust.factor) == (asked.epoch, asked.trusted_by)

    async def tell_new(self) -> None:
        """Tell people of the devices that were not used before, as many as there are by now."""
        event_of = partial(new_devices, at=self.clock.now())
        while await self.store.tell_next_new(event_of):
            pass

    async def forget_trust(self, asked: ForgetTrust) -> Done:
        """Trust none of a subject's devices. When this returns, each asks again."""
        await self.store.forget_trust(asked.sub)
        return Done()

    async def count_trusted(self, asked: CountTrusted) -> TrustedDevices:
        """Return how many devices a subject might have forgotten."""
        return TrustedDevices(count=await self.store.trusted_devices(asked.sub))
