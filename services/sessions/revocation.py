"""Ending sessions: one, all of them, and those that a raised epoch has left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from services.sessions.errors import NoSuchSession
from services.sessions.model import (
    Batch,
    Ending,
    Revocation,
    sessions_revoked,
    signed_out_everywhere,
)
from services.sessions.store import Overtaken, SessionStore, SessionTransaction
from shared.clock import Clock
from shared.contracts.body import Done
from shared.contracts.epochs import NoEpoch, Raised
from shared.contracts.events import (
    AccountDisabled,
    Audited,
    Cause,
    CredentialChange,
    SignedOutEverywhere,
)
from shared.contracts.sessions import EndRestingOn, EndSession, Revoked, SignOutEverywhere
from shared.telemetry import ENDED_AFTER, REFUSED_AFTER, log

Besides = Callable[[SessionTransaction, Raised], Awaitable[None]]

_BATCH = 2000
"""How many sessions one transaction ends, well within the time that it may take."""
_SWEEP = 5000
"""How many open sessions one step of a sweep looks at."""


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
        by = asked.by
        cause: Cause = "signed-out-everywhere" if by is None else "signed-out-by-admin"

        async def audit(tx: SessionTransaction, _raised: Raised) -> None:
            if by is not None:
                at = self.clock.now()
                await tx.emit(Audited.of(by, "sign-out-user", at=at, subject=asked.sub))

        return await self.refuse_all(asked.sub, cause, audit)

    async def refuse_all(self, sub: str, cause: Cause, besides: Besides) -> Revoked:
        """Refuse everything issued to a subject, and do something else in the same transaction."""

        async def work(tx: SessionTransaction) -> Revoked:
            raised = await tx.raise_epoch(sub, cause)
            await tx.emit(signed_out_everywhere(raised, cause, at=self.clock.now()))
            await besides(tx, raised)
            return Revoked(
                receipt=raised.receipt, receipt_token=raised.receipt_token, epoch=raised.epoch
            )

        revoked = await self.store.in_transaction(work)
        committed = self.clock.monotonic()
        await self.store.settle(sub)
        REFUSED_AFTER.labels(cause).observe(self.clock.monotonic() - committed)
        return revoked

    async def carry_out(
        self, event: CredentialChange | AccountDisabled | SignedOutEverywhere
    ) -> None:
        """Work off what an event tells of; events may come twice and in any order."""
        asked = event.payload
        if asked.epoch is not None:
            await self.work_off(Ending(event.subject, asked.epoch, asked.cause, asked.receipt))
        elif isinstance(event, CredentialChange):
            change = event.payload
            for factor in change.gone:
                await self.end_resting_on(
                    EndRestingOn(
                        sub=event.subject, factor=factor, cause=change.cause, kept=change.kept
                    )
                )

    async def end_resting_on(self, asked: EndRestingOn) -> Done:
        """End what rests on a method that is gone. When this returns, nobody accepts it any more.

        The method is noted as gone before what rests on it is looked up, so that a sign-in which
        is just being completed either is found here or finds the note. No device is trusted with
        it any more.
        """
        await self.store.note_gone(asked.factor)
        await self.store.forget_trust(asked.sub, factor=asked.factor)
        more = True
        while more:
            batch = await self.store.resting_on(
                asked.sub, asked.factor, kept=asked.kept, limit=_BATCH
            )
            if not batch.valid and not batch.expired:
                break
            ending = Ending(asked.sub, NoEpoch, asked.cause, None)
            try:
                await self.store.in_transaction(partial(self._end, ending, batch))
            except Overtaken:
                continue
            more = batch.more
        # Also where nothing was left: who ended it may have died before this.
        await self.store.settle(asked.sub)
        return Done()

    async def reconcile(self) -> None:
        """Work off the raises whose event has not come: lost, late, or without a broker."""
        last: Revocation | None = None
        while waiting := await self.store.incomplete(
            older_than_seconds=2.0, limit=_BATCH, after=last
        ):
            for revocation in waiting:
                try:
                    await self.work_off(revocation.ending)
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
        await self.store.tidy(sub)
        gone = await self.store.expired(sub, limit=_BATCH)
        if gone.expired:
            await self.store.in_transaction(lambda tx: tx.close(gone, "expired"))
        epoch = await self.store.epoch_of(sub)
        raised = await self.store.revocation_after(sub, epoch - 1)
        if raised is not None and raised.completed_at is None:
            # It is about to be worked off, and then its receipt names what it has ended.
            return
        # An operator may have raised the epoch, which leaves no receipt.
        ending = Ending(sub, epoch, "signed-out-everywhere", None)
        if (await self.store.to_end(ending, limit=1)).valid:
            await self.work_off(raised.ending if raised is not None else ending)
            log.warning("sessions-swept", sub=sub)

    async def begin(self, ending: Ending, tx: SessionTransaction, batch: Batch) -> None:
        """End some of it in the transaction that brings it about; `work_off` is to follow."""
        await self._end(ending, replace(batch, more=True), tx)

    async def work_off(self, ending: Ending) -> None:
        """End what it is about and close the receipt with the last of it.

        The receipt is what an inbox is elsewhere: it is closed once, in the transaction of the
        effect, so an event that comes again finds nothing to do.
        """
        try:
            took = await self._end_at_once(ending)
        except Overtaken:
            took = await self._end_in_batches(ending)
        if took is not None:
            ENDED_AFTER.labels(ending.cause).observe(took)
        await self.store.tidy(ending.sub)

    async def _end_at_once(self, ending: Ending) -> float | None:
        """End everything while it is looked up what that is, or raise `Overtaken`.

        It is one thing where as many were ended as were found, and none of them had expired. What
        is about a device is for batches.
        """
        if ending.device is not None:
            raise Overtaken
        looking = asyncio.ensure_future(self.store.to_end(ending, limit=_BATCH))

        async def work(tx: SessionTransaction) -> float | None:
            ended = await tx.close_older(ending.sub, ending.epoch, ending.cause)
            batch = await looking
            if batch.more or batch.expired or ended != len(batch.valid):
                raise Overtaken
            return await self._note(ending, batch, tx)

        try:
            return await self.store.in_transaction(work)
        finally:
            looking.cancel()

    async def _end_in_batches(self, ending: Ending) -> float | None:
        """End what is looked up first, a batch at a time; what is overtaken is looked up anew."""
        more, took = True, None
        while more:
            batch = await self.store.to_end(ending, limit=_BATCH)
            try:
                took = await self.store.in_transaction(partial(self._end, ending, batch))
            except Overtaken:
                continue
            more = batch.more
        return took

    async def _end(self, ending: Ending, batch: Batch, tx: SessionTransaction) -> float | None:
        """End a batch; return how many seconds the receipt was open when that closes it."""
        took = await self._note(ending, batch, tx)
        await tx.close(batch, ending.cause)
        return took

    async def _note(self, ending: Ending, batch: Batch, tx: SessionTransaction) -> float | None:
        took = None
        if ending.receipt is not None and batch.more:
            await tx.note(ending.receipt, batch)
        elif ending.receipt is not None:
            took = await tx.complete(ending.receipt, batch)
        await self._tell(tx, ending.sub, list(batch.valid), ending.cause, receipt=ending.receipt)
        return took

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
