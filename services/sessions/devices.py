"""Devices: recognised by a key that the client keeps, and outliving their sessions."""

from dataclasses import dataclass

from services.sessions.model import KnownDevice, Secret, SigningInDevice, new_id, proof_of
from services.sessions.store import SessionStore
from shared.contracts.sessions import RecognisedDevice, RecogniseDevice


@dataclass(frozen=True)
class Devices:
    """Recognise devices, and take in new ones."""

    store: SessionStore

    async def recognise(self, asked: RecogniseDevice) -> RecognisedDevice:
        """Tell whose device holds a key. An unknown key is nobody's, and no error."""
        device = await self.store.device_with_key(proof_of(asked.device_key))
        if device is None:
            return RecognisedDevice()
        return RecognisedDevice(device_id=device.id, sub=device.sub)

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
