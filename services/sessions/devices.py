"""Devices: recognised by a key that the client keeps, outliving their sessions, and trusted."""

from dataclasses import dataclass

from services.sessions.model import KnownDevice, Secret, SigningInDevice, new_id, proof_of
from services.sessions.store import DeviceStore
from shared.contracts.body import Done
from shared.contracts.sessions import EstablishSession, RecognisedDevice, RecogniseDevice
from shared.contracts.trust import CountTrusted, ForgetTrust, TrustedDevices


@dataclass(frozen=True)
class Devices:
    """Recognise devices, take in new ones, and trust those that their users have trusted."""

    store: DeviceStore

    async def recognise(self, asked: RecogniseDevice) -> RecognisedDevice:
        """Tell whose device holds a key. An unknown key is nobody's, and no error."""
        device = await self.store.device_with_key(proof_of(asked.device_key))
        if device is None:
            return RecognisedDevice()
        return RecognisedDevice(device_id=device.id, sub=device.sub, trust=device.trust)

    async def of_sign_in(self, sub: str, *, key: str | None, name: str | None) -> SigningInDevice:
        """Return the device a subject signs in on; somebody else's key makes a new one."""
        found = await self.store.device_with_key(proof_of(key)) if key is not None else None
        if found is not None and found.sub == sub:
            return SigningInDevice(found)
        return SigningInDevice(KnownDevice(id=new_id(), sub=sub, name=name or ""), Secret.fresh())

    async def keep(self, device: SigningInDevice) -> None:
        """Keep a new device, or take note that a known one was used."""
        if device.fresh_key is None:
            await self.store.device_seen(device.known.id)
        else:
            await self.store.add_device(device.known, key_hash=device.fresh_key.proof)

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

    async def forget_trust(self, asked: ForgetTrust) -> Done:
        """Trust none of a subject's devices. When this returns, each asks again."""
        await self.store.forget_trust(asked.sub)
        return Done()

    async def count_trusted(self, asked: CountTrusted) -> TrustedDevices:
        """Return how many devices a subject might have forgotten."""
        return TrustedDevices(count=await self.store.trusted_devices(asked.sub))
