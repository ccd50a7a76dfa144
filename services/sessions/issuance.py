"""Issuing sessions."""

import asyncio
from dataclasses import dataclass

from services.sessions.activity import Activity
from services.sessions.devices import Devices
from services.sessions.errors import DeviceIsDisabled, EpochMovedOn, SessionRequired
from services.sessions.model import Secret, SigningInDevice
from services.sessions.policy import SessionPolicies
from services.sessions.store import SessionStore
from shared.contracts.events import Cause
from shared.contracts.sessions import Established, EstablishSession, Session, StepUp


@dataclass(frozen=True)
class Issuance:
    """Turn a finished authentication into a session."""

    store: SessionStore
    devices: Devices
    policies: SessionPolicies
    activity: Activity

    async def establish(self, asked: EstablishSession) -> Established:
        """Begin a session under the epoch that the authentication was done under.

        The epoch is compared after the session is stored: a change that commits before
        makes this refuse, one that commits after finds the record and ends it. The same
        goes for the device, and for what else it rests on.
        """
        device = await self._device(asked)
        secret, policy = Secret.fresh(), await self.policies.of(asked.organization)
        # Side by side, so that both wait for the same write of the store's journal.
        session, _, attempt = await asyncio.gather(
            self.store.add_session(
                asked, device_id=device.known.id, proof=secret.proof, policy=policy
            ),
            self.devices.keep(device, asked),
            self.activity.signed_in(asked, device),
        )
        epoch, is_gone, is_trusted_still, is_disabled = await asyncio.gather(
            self.store.epoch_after_write(asked.sub),
            self._is_gone(asked.factor),
            self.devices.is_trusted_still(asked),
            self.store.is_disabled(device.known.id),
        )
        if epoch != asked.epoch or is_gone or not is_trusted_still:
            await self._take_back(session, "signed-out-everywhere")
            await self.activity.came_to(attempt, "overtaken")
            raise EpochMovedOn
        if is_disabled:
            await self._take_back(session, "device-disabled")
            await self.activity.came_to(attempt, "device-disabled")
            raise DeviceIsDisabled
        await self.devices.trust(device, asked)
        token = f"{asked.sub}.{session.sid}.{secret.value}"
        return Established(token=token, session=session, device=device.as_device())

    async def _device(self, asked: EstablishSession) -> SigningInDevice:
        try:
            return await self.devices.of_sign_in(asked)
        except DeviceIsDisabled:
            await self.activity.device_refused(asked)
            raise

    async def _take_back(self, session: Session, cause: Cause) -> None:
        await self.store.in_transaction(lambda tx: tx.end(session.sub, session.sid, cause))

    async def _is_gone(self, factor: str | None) -> bool:
        return factor is not None and await self.store.is_gone(factor)

    async def step_up(self, asked: StepUp) -> Session:
        """Take note that a session's user has shown again who they are.

        When this returns, nobody knows the session as it was before.
        """
        session = await self.store.step_up(asked)
        if session is None:
            raise SessionRequired
        if await self._is_gone(asked.factor):
            await self.store.in_transaction(
                lambda tx: tx.end(asked.sub, asked.sid, "method-removed")
            )
            session = None
        await self.store.settle(asked.sub)
        if session is None:
            raise SessionRequired
        return session
