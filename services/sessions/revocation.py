"""Ending sessions: one, all of them, and those that a raised epoch has left behind."""

from dataclasses import dataclass

from services.sessions.errors import NoSuchSession
from services.sessions.model import Ending, Revocation, sessions_revoked, signed_out_everywhere
from services.sessions.store import SessionStore, SessionTransaction
from shared.clock import Clock
from shared.contracts.body import Done
from shared.contracts.events import Cause, CredentialChange, SignedOutEverywhere
from shared.contracts.sessions import EndSession, Revoked, SignOutEverywhere
from shared.telemetry import ENDED_AFTER, REFUSED_AFTER, log

_BATCH = 1000
"""How many sessions one transaction ends, well within the time that it may take."""
_SWEEP = 5000
"""How many open sessions one step of a sweep looks at."""


@dataclass(frozen=True)
class Progress:
    """How far the work on a raise has come: more is to be ended, or in how many seconds it was."""

    more: bool = False
    took: float | None = None


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

        try:
            await self.store.in_transaction(work)
        finally:
            # Also when it had ended before: who ended it may have died before this.
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
        asked, done = event.payload, Progress()
        ending = Ending(event.subject, asked.epoch, asked.cause, asked.receipt)

        async def work(tx: SessionTransaction) -> None:
            nonlocal done
            done = await self._end_some(tx, ending)

        if await self.store.once(event.id, work):
            await self._go_on(ending, done)

    async def reconcile(self) -> None:
        """Work off the raises whose event has not come: lost, late, or without a broker."""
        last: Revocation | None = None
        while waiting := await self.store.incomplete(
            older_than_seconds=2.0, limit=_BATCH, after=last
        ):
            for revocation in waiting:
                try:
                    await self._go_on(revocation.ending, Progress(more=True))
                except Exception:
                    # Whatever is wrong with one must not keep the others waiting.
                    log.exception("revocation-not-reconciled", receipt=revocation.receipt)
                else:
                    log.warning("revocation-reconciled", receipt=revocation.receipt)
            last = waiting[-1]

    async def sweep(self) -> None:
        """Close what has expired, and end every session that is older than its user's epoch."""
        after = ""
        while subs := await self.store.subjects_with_open_sessions(after=after, limit=_SWEEP):
            for sub in await self.store.left_open(subs):
                try:
                    await self._sweep_one(sub)
                except Exception:
                    # As above: the next sweep comes back to it.
                    log.exception("sessions-not-swept", sub=sub)
            after = subs[-1]

    async def _sweep_one(self, sub: str) -> None:
        while await self.store.in_transaction(lambda tx: tx.close_expired(sub, limit=_BATCH)):
            pass
        epoch = await self.store.epoch_of(sub)
        latest = await self.store.revocations_of(sub, below=None, limit=1)
        if latest and latest[0].completed_at is None:
            # It is about to be worked off, and then its receipt names what it has ended.
            return
        if await self.store.open_before(sub, epoch):
            raised = [each.ending for each in latest if each.epoch == epoch]
            # An operator may have raised the epoch, which leaves no receipt.
            ending = raised[0] if raised else Ending(sub, epoch, "signed-out-everywhere", None)
            await self._go_on(ending, Progress(more=True))
            log.warning("sessions-swept", sub=sub)

    async def _go_on(self, ending: Ending, done: Progress) -> None:
        while done.more:
            done = await self.store.in_transaction(lambda tx: self._end_some(tx, ending))
        if done.took is not None:
            ENDED_AFTER.labels(ending.cause).observe(done.took)

    async def _end_some(self, tx: SessionTransaction, ending: Ending) -> Progress:
        """End as much as one transaction may, and close the receipt with the last of it."""
        ended = await tx.end_older(ending.sub, ending.epoch, ending.cause, limit=_BATCH)
        sids = [each.sid for each in ended.sessions]
        await self._tell(tx, ending.sub, sids, ending.cause, receipt=ending.receipt)
        if ending.receipt is None:
            return Progress(ended.more)
        if ended.more:
            await tx.note(ending.receipt, ended.sessions)
            return Progress(more=True)
        return Progress(took=await tx.complete(ending.receipt, ended.sessions))

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
