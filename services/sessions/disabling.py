"""Disabling devices: nobody signs in there any more, and what is open there ends."""

from dataclasses import dataclass
from functools import partial

from services.sessions.errors import NoSuchDevice
from services.sessions.model import Batch, Ending, device_disabled
from services.sessions.revocation import Revocations
from services.sessions.store import Overtaken, SessionStore, SessionTransaction
from shared.clock import Clock
from shared.contracts.audit import Details
from shared.contracts.body import Done
from shared.contracts.devices import DisableDevice, EnableDevice
from shared.contracts.epochs import NoEpoch, Raised
from shared.contracts.events import Audited
from shared.contracts.sessions import Revoked
from shared.telemetry import REFUSED_AFTER

_AT_ONCE = 2000
"""How many sessions end in the transaction that disables their device."""


@dataclass(frozen=True)
class Disabling:
    """Disable one's own devices, and enable those of others."""

    store: SessionStore
    revocations: Revocations
    clock: Clock

    async def disable(self, asked: DisableDevice) -> Revoked:
        """Refuse a device from now on. When this returns, nobody accepts a session of it.

        What is open on it is looked for once more after the change is committed, since a sign-in
        stores its session first and looks at its device afterwards: one of both sees the other.
        Whoever dies in between leaves the receipt incomplete, and it is worked off.
        """
        try:
            raised, ending = await self._disabled(asked)
            committed = self.clock.monotonic()
            await self.revocations.work_off(ending)
        finally:
            # Also when it was disabled before: who did that may have died before this.
            await self.store.settle(asked.sub)
        REFUSED_AFTER.labels(ending.cause).observe(self.clock.monotonic() - committed)
        return Revoked(
            receipt=raised.receipt, receipt_token=raised.receipt_token, epoch=raised.epoch
        )

    async def disable_in(
        self, tx: SessionTransaction, sub: str, device_id: str, *, receipt: str
    ) -> bool:
        """Disable a device in the transaction of something else, whose receipt tells of it.

        That is to end what is open on it too, by a raise of the epoch for instance. Return whether
        it is one of the subject's that was not disabled yet.
        """
        disabled = await tx.disable(sub, device_id)
        if disabled:
            await tx.emit(device_disabled(sub, device_id, receipt=receipt, at=self.clock.now()))
        return disabled

    async def enable(self, asked: EnableDevice) -> Done:
        """Let a device be signed in on again. It is trusted no more than a new one."""
        details: Details = {"device": asked.device_id}

        async def work(tx: SessionTransaction) -> None:
            if await tx.enable(asked.sub, asked.device_id):
                now = self.clock.now()
                await tx.emit(
                    Audited.of(
                        asked.by, "enable-device", at=now, subject=asked.sub, details=details
                    )
                )

        await self.store.in_transaction(work)
        return Done()

    async def _disabled(self, asked: DisableDevice) -> tuple[Raised, Ending]:
        """Disable it together with what is open on it; what is overtaken is looked up anew."""
        on_it = Ending(asked.sub, NoEpoch, "device-disabled", None, device=asked.device_id)
        while True:
            batch = await self.store.to_end(on_it, limit=_AT_ONCE)
            try:
                return await self.store.in_transaction(partial(self._disable, asked, batch))
            except Overtaken:
                continue

    async def _disable(
        self, asked: DisableDevice, batch: Batch, tx: SessionTransaction
    ) -> tuple[Raised, Ending]:
        sub, device = asked.sub, asked.device_id
        left = await tx.leave_receipt(sub, device, "device-disabled")
        if not await self.disable_in(tx, sub, device, receipt=left.receipt):
            raise NoSuchDevice
        ending = Ending(sub, left.epoch, "device-disabled", left.receipt, device=device)
        await self.revocations.begin(ending, tx, batch)
        return left, ending
