"""Ending sessions: one, all of them, and those that a raised epoch has left behind."""

from dataclasses import dataclass

from services.sessions.errors import NoSuchSession
from services.sessions.model import Revocation, sessions_revoked, signed_out_everywhere
from services.sessions.store import SessionStore, SessionTransaction
from shared.clock import Clock
from shared.contracts.body import Done
from shared.contracts.events import Cause, CredentialChange, SignedOutEverywhere
from shared.contracts.sessions import EndSession, Revoked, SignOutEverywhere
from shared.telemetry import ENDED_AFTER, REFUSED_AFTER, log

_BATCH = 500


@dataclass(frozen=True)
class Revocations:
    """End sessions, and tell who has them open."""

    store: SessionStore
    clock: Clock

    async def end(self, asked: EndSession) -> Done:
        """End one session. When this returns, nobody accepts it any more."""

        async def work(tx: SessionTransaction) -> None:
            if not await tx.end(asked.sub, asked.sid, asked.cause):
                raise NoSuchSession
            await self._tell(tx, asked.sub, [asked.sid], asked.cause, receipt=None)

        await self.store.in_transaction(work)
        await self.store.settle(asked.sub)
        return Done()

    async def sign_out_everywhere(self, asked: SignOutEverywhere) -> Revoked:
        """Refuse everything issued to a subject. When this returns, nobody accepts it any more."""
        cause: Cause = "signed-out-everywhere"

        async def work(tx: SessionTransaction) -> Revoked:
            raised = await tx.raise_epoch(asked.sub, cause)
            await tx.emit(signed_out_everywhere(raised, cause, at=self.clock.now()))
            return Revoked(
                receipt=raised.receipt, receipt_token=raised.receipt_token, epoch=raised.epoch
            )

        revoked = await self.store.in_transaction(work)
        committed = self.clock.monotonic()
        await self.store.settle(asked.sub)
        REFUSED_AFTER.labels(cause).observe(self.clock.monotonic() - committed)
        return revoked

    async def carry_out(self, event: CredentialChange | SignedOutEverywhere) -> None:
        """Work off the raise that an event tells of; events may come twice and in any order."""
        asked = event.payload

        async def work(tx: SessionTransaction) -> None:
            await self._end_older(tx, event.subject, asked.epoch, asked.cause, asked.receipt)

        if await self.store.once(event.id, work):
            await self._measure(asked.receipt)

    async def reconcile(self) -> None:
        """Work off the raises whose event has not come: lost, late, or without a broker."""
        for revocation in await self.store.incomplete(older_than_seconds=2.0, limit=_BATCH):
            await self.store.in_transaction(lambda tx, it=revocation: self._complete(tx, it))  # type: ignore[misc]
            await self._measure(revocation.receipt)
            log.warning("revocation-reconciled", receipt=revocation.receipt)

    async def sweep(self) -> None:
        """End every session that is older than its user's epoch, whatever left it open."""
        after = ""
        while subs := await self.store.subjects_with_open_sessions(after=after, limit=_BATCH):
            epochs = await self.store.epochs_of(subs)
            for sub in subs:
                if await self.store.open_before(sub, epochs.get(sub, 0)):
                    await self._sweep_one(sub, epochs[sub])
            after = subs[-1]

    async def _sweep_one(self, sub: str, epoch: int) -> None:
        cause: Cause = "signed-out-everywhere"

        async def work(tx: SessionTransaction) -> None:
            ended = await tx.end_older(sub, epoch, cause)
            await self._tell(tx, sub, [each.sid for each in ended], cause, receipt=None)

        await self.store.in_transaction(work)
        log.warning("sessions-swept", sub=sub)

    async def _complete(self, tx: SessionTransaction, it: Revocation) -> None:
        await self._end_older(tx, it.sub, it.epoch, it.cause, it.receipt)

    async def _end_older(
        self, tx: SessionTransaction, sub: str, epoch: int, cause: Cause, receipt: str
    ) -> None:
        ended = await tx.end_older(sub, epoch, cause)
        if await tx.complete(receipt, ended):
            await self._tell(tx, sub, [each.sid for each in ended], cause, receipt=receipt)

    async def _tell(
        self,
        tx: SessionTransaction,
        sub: str,
        sids: list[str],
        cause: Cause,
        *,
        receipt: str | None,
    ) -> None:
        for event in sessions_revoked(sub, sids, cause, receipt=receipt, at=self.clock.now()):
            await tx.emit(event)

    async def _measure(self, receipt: str) -> None:
        done = await self.store.revocation(receipt)
        if done is not None and done.completed_at is not None:
            took = (done.completed_at - done.committed_at).total_seconds()
            ENDED_AFTER.labels(done.cause).observe(took)
