"""Devices: recognised by a key that the client keeps, and outliving their sessions."""

from dataclasses import dataclass

from services.sessions.model import KnownDevice, Secret, proof_of
from services.sessions.store import SessionStore
from shared.contracts.sessions import Device, RecognisedDevice, RecogniseDevice


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

    async def of_sign_in(self, sub: str, *, key: str | None, name: str | None) -> Device:
        """Return the device a subject signs in on; somebody else's key makes a new one."""
        known = await self._known(sub, key)
        if known is not None:
            await self.store.device_seen(known.id)
            return Device(id=known.id, name=known.name)
        fresh = Secret.fresh()
        device = await self.store.add_device(sub, name=name or "", key_hash=fresh.proof)
        return Device(id=device.id, name=device.name, key=fresh.value)

    async def _known(self, sub: str, key: str | None) -> KnownDevice | None:
        if key is None:
            return None
        device = await self.store.device_with_key(proof_of(key))
        return device if device is not None and device.sub == sub else None
