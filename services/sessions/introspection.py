"""Telling whether a session is accepted, and renewing it."""

import asyncio
from dataclasses import dataclass

from services.sessions.errors import SessionIsRevoked, SessionRequired
from services.sessions.model import SessionState
from services.sessions.policy import SessionPolicies
from services.sessions.store import Acceptances, SessionStore
from shared.contracts.sessions import (
    Introspect,
    ListSessions,
    Session,
    SessionList,
)

_SEEN_EVERY_SECONDS = 60
_LEAVE_UNCACHED_SECONDS = 5
"""A session this near its end is asked for each time, so that no cache outlives it."""


@dataclass(frozen=True)
class Introspection:
    """Answer for sessions from the store, and leave the answer where the gateway looks first."""

    store: SessionStore
    cache: Acceptances
    policies: SessionPolicies

    async def introspect(self, asked: Introspect) -> Session:
        """Return the session, or raise: never one, revoked (with its cause), or expired."""
        # The generation comes first: what is read after a change cannot be older than it.
        generation = await self.cache.begin(asked.sub)
        state, epoch = await asyncio.gather(
            self.store.session(asked.sub, asked.sid), self.store.epoch_of(asked.sub)
        )
        state = await self._accepted(state, asked, epoch)
        if state.unseen_seconds > _SEEN_EVERY_SECONDS:
            # What is due for renewal is not cached: the next use of it has to come here.
            return await self._renewed(state, asked, epoch) if asked.renew else state.session
        if generation is not None and state.seconds_left > _LEAVE_UNCACHED_SECONDS:
            record = cached(state)
            await self.cache.fill(asked.sub, generation, epoch, asked.sid, record)
        return state.session

    async def sessions(self, asked: ListSessions) -> SessionList:
        """Return a page of a subject's open sessions, newest first."""
        found = await self.store.open_sessions(asked.sub, after=asked.after, limit=asked.limit + 1)
        page = found[: asked.limit]
        more = page[-1].sid if len(found) > asked.limit else None
        return SessionList(items=tuple(page), next=more)

    async def _renewed(self, known: SessionState, asked: Introspect, epoch: int) -> Session:
        policy = await self.policies.of(known.session.organization)
        await asyncio.gather(
            self.store.seen(asked.sid, policy), self.store.device_seen(known.session.device_id)
        )
        # It is read again, since only the store's clock tells until when it lasts now.
        state = await self.store.session(asked.sub, asked.sid)
        return (await self._accepted(state, asked, epoch)).session

    async def _accepted(
        self, state: SessionState | None, asked: Introspect, epoch: int
    ) -> SessionState:
        if state is None:
            raise SessionRequired
        try:
            state.accept(proof=asked.proof, epoch=epoch)
        except SessionIsRevoked as refusal:
            if "cause" in refusal.extra:
                raise
            revocation = await self.store.revocation_after(asked.sub, state.session.epoch)
            if revocation is None:
                raise
            raise refusal.because(cause=revocation.cause) from None
        return state


def cached(state: SessionState) -> bytes:
    """Return what the gateway finds in the cache: the secret's proof, then the session."""
    return f"{state.proof}{state.session.model_dump_json()}".encode()
