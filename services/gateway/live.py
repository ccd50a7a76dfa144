"""Live pages: whoever has one open is told at once that it was signed out, and why."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus

from services.gateway.acceptance import Acceptance
from services.gateway.model import Caller
from shared.contracts.events import SessionRevoked
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
class StillOpen:
    """Said now and then, so that a dead connection is noticed."""


@dataclass
class LiveSessions:
    """The streams that are open at this replica, by session."""

    acceptance: Acceptance
    _streams: defaultdict[str, set[asyncio.Queue[Ended | None]]] = field(
        default_factory=lambda: defaultdict(set)
    )

    async def revoked(self, event: SessionRevoked) -> None:
        """Tell the streams of ended sessions."""
        for sid in event.payload.sids:
            for stream in self._streams.get(sid, ()):
                stream.put_nowait(Ended(sid, event.payload.cause, event.payload.receipt))

    def close(self) -> None:
        """End every stream without saying anything; clients come back to another replica."""
        for streams in self._streams.values():
            for stream in streams:
                stream.put_nowait(None)

    async def follow(self, caller: Caller) -> AsyncIterator[Ended | StillOpen]:
        """Yield until the session is ended, which is the last thing said."""
        sid, stream = caller.session.sid, asyncio.Queue[Ended | None]()
        self._streams[sid].add(stream)
        try:
            while True:
                said = await self._next(stream, caller)
                if said is None:
                    return
                yield said
                if isinstance(said, Ended):
                    return
        finally:
            self._streams[sid].discard(stream)
            if not self._streams[sid]:
                del self._streams[sid]

    async def _next(
        self, stream: asyncio.Queue[Ended | None], caller: Caller
    ) -> Ended | StillOpen | None:
        try:
            async with asyncio.timeout(LookSeconds):
                return await stream.get()
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
