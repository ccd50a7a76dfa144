"""Live pages: whoever has one open is told at once that it was signed out, or what was changed."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from services.gateway.acceptance import Acceptance
from services.gateway.model import Caller
from shared.contracts.events import Cause, CredentialChange, SessionRevoked
from shared.contracts.refusals import Refusal, Unavailable

LookSeconds = 5.0
"""How often a stream asks by itself, for when no event reaches this replica."""


@dataclass(frozen=True)
class Ended:
    """The last thing a stream says."""

    sid: str
    cause: str
    receipt: str | None = None


@dataclass(frozen=True)
class Changed:
    """The caller's methods were changed. Of two, the one with the higher revision is the later."""

    at: datetime
    cause: Cause
    revision: int


@dataclass(frozen=True)
class StillOpen:
    """Said now and then, so that a dead connection is noticed."""


Said = Ended | Changed | StillOpen


@dataclass(eq=False)
class _Stream:
    """One page that listens, with what is to be said to it."""

    sid: str
    queue: asyncio.Queue[Ended | Changed | None] = field(default_factory=asyncio.Queue)
    newest: int = 0

    def tell(self, change: Changed) -> None:
        """Say it, unless that or something later was said before: events come twice and late."""
        if change.revision > self.newest:
            self.newest = change.revision
            self.queue.put_nowait(change)


@dataclass
class LiveSessions:
    """The streams that are open at this replica, by subject."""

    acceptance: Acceptance
    _streams: defaultdict[str, set[_Stream]] = field(default_factory=lambda: defaultdict(set))

    async def revoked(self, event: SessionRevoked) -> None:
        """Tell the streams of ended sessions."""
        for stream in self._streams.get(event.subject, ()):
            if stream.sid in event.payload.sids:
                ended = Ended(stream.sid, event.payload.cause, event.payload.receipt)
                stream.queue.put_nowait(ended)

    async def changed(self, event: CredentialChange) -> None:
        """Tell all of a subject's streams that methods were changed, not only used."""
        revision, cause = event.payload.revision, event.payload.cause
        if revision is None or cause == "recovery-code-used":
            return
        for stream in self._streams.get(event.subject, ()):
            stream.tell(Changed(event.occurred_at, cause, revision))

    def close(self) -> None:
        """End every stream without saying anything; clients come back to another replica."""
        for streams in self._streams.values():
            for stream in streams:
                stream.queue.put_nowait(None)

    async def follow(self, caller: Caller) -> AsyncIterator[Said]:
        """Yield until the session is ended, which is the last thing said."""
        sub, stream = caller.sub, _Stream(caller.session.sid)
        self._streams[sub].add(stream)
        try:
            while True:
                said = await self._next(stream, caller)
                if said is None:
                    return
                yield said
                if isinstance(said, Ended):
                    return
        finally:
            self._streams[sub].discard(stream)
            if not self._streams[sub]:
                del self._streams[sub]

    async def _next(self, stream: _Stream, caller: Caller) -> Said | None:
        try:
            async with asyncio.timeout(LookSeconds):
                return await stream.queue.get()
        except TimeoutError:
            return await self._look(caller)

    async def _look(self, caller: Caller) -> Ended | StillOpen:
        try:
            # A page that is merely left open is no use of the session.
            await self.acceptance.accept(caller.token, caller.where, renew=False)
        except Unavailable:
            return StillOpen()
        except Refusal as refusal:
            if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return StillOpen()
            return Ended(caller.session.sid, str(refusal.extra.get("cause", "signed-out")))
        return StillOpen()
