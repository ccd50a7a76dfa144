"""Epochs and revocations in memory, shared by the services as the real ones are."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from services.sessions.model import Revocation
from shared.clock import Clock, SystemClock
from shared.contracts.epochs import NoEpoch, Raised, Standing
from shared.contracts.events import Cause, Event
from shared.contracts.refusals import ChangedMeanwhile
from shared.policies import Replaced, Telling


@dataclass
class MemoryEpochs:
    """Everything that the services of one system hold together."""

    clock: Clock = field(default_factory=SystemClock)
    epochs: dict[str, int] = field(default_factory=dict)
    password_versions: dict[str, int] = field(default_factory=dict)
    guarded: dict[str, bool] = field(default_factory=dict)
    revocations: dict[str, Revocation] = field(default_factory=dict)
    outbox: dict[str, Event] = field(default_factory=dict)
    inbox: dict[str, bool] = field(default_factory=dict)
    settled: list[str] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def transaction(self, *tables: dict[Any, Any]) -> AsyncIterator[None]:
        """Put everything back as it was when the work in it fails."""
        own = (self.epochs, self.password_versions, self.revocations, self.outbox, self.inbox)
        touched: tuple[dict[Any, Any], ...] = (*tables, *own)
        async with self._lock:
            before = [dict(table) for table in touched]
            try:
                yield
            except BaseException:
                for table, kept in zip(touched, before, strict=True):
                    table.clear()
                    table.update(kept)
                raise

    def replaced(
        self,
        before: dict[str, Any],
        after: dict[str, Any],
        replaces: Collection[int] | None,
        told: Telling | None,
    ) -> Replaced:
        """Take note of a policy's replacement, or raise where another version stands there."""
        if replaces is not None and before.get("version", 0) not in replaces:
            raise ChangedMeanwhile
        changed = {name: value for name, value in after.items() if name != "version"}
        replaced = Replaced.of(before, changed)
        if told is not None and (event := told(replaced)) is not None:
            self.outbox[event.id] = event
        return replaced

    def current(self, sub: str) -> int:
        """Return a subject's epoch."""
        return self.epochs.get(sub, NoEpoch)

    def standing(self, sub: str) -> Standing:
        """Return a subject's epoch and password version."""
        version = self.password_versions.get(sub, 0)
        return Standing(self.current(sub), version, is_guarded=self.guarded.get(sub, False))

    def raise_(self, sub: str, cause: Cause, *, password_version: int | None = None) -> Raised:
        """Raise a subject's epoch and leave the receipt."""
        if sub not in self.epochs:
            raise LookupError(sub)
        self.epochs[sub] += 1
        if password_version is not None:
            self.password_versions[sub] = password_version
        return self.leave_receipt(sub, cause)

    def leave_receipt(self, sub: str, cause: Cause, *, device: str | None = None) -> Raised:
        """Leave a receipt, that of the raise or of a device."""
        number = next(self._numbers)
        left = Raised(sub, self.current(sub), f"receipt-{number}", f"token-{number}")
        self.revocations[left.receipt] = Revocation(
            receipt=left.receipt,
            sub=sub,
            cause=cause,
            epoch=left.epoch,
            committed_at=self.clock.now(),
            token_hash=hashlib.sha256(left.receipt_token.encode()).hexdigest(),
            device=device,
        )
        return left
