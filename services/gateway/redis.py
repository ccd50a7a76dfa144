"""Flows and kept answers in Redis: the only file of the gateway that imports its client."""

import hashlib
from dataclasses import dataclass
from typing import cast

import orjson
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.gateway.errors import IdempotencyKeyReused, RequestInProgress
from services.gateway.model import Flow, FlowKey, new_flow_id
from services.gateway.sealing import Sealer, Unsealable
from services.gateway.store import ClaimSeconds, KeptAnswer
from shared.clock import Clock
from shared.contracts.refusals import Unavailable
from shared.telemetry import log

OUTAGES = (RedisError, OSError, TimeoutError)
_KEEP_ANSWERS_SECONDS = 24 * 3600
_IN_PROGRESS = b"in-progress"


@dataclass(frozen=True)
class RedisFlows:
    """Flows under a hash of their id, sealed with the id itself."""

    redis: Redis
    sealer: Sealer
    clock: Clock

    async def keep(self, flow: Flow, client: str) -> str:
        """Keep a flow; without Redis there is nowhere to, so the sign-in cannot go on now."""
        key = FlowKey(new_flow_id(), client)
        try:
            await self.redis.set(_flow_key(key), self._sealed(key, flow), px=self._left(flow))
        except OUTAGES as error:
            raise Unavailable from error
        return key.id

    async def find(self, key: FlowKey) -> Flow | None:
        """Open the flow that is kept under the id."""
        try:
            sealed = await self.redis.get(_flow_key(key))
        except OUTAGES as error:
            raise Unavailable from error
        return self._opened(key, cast("bytes | None", sealed))

    async def change(self, key: FlowKey, flow: Flow) -> None:
        """Keep it in place of what it was, for as long as that would have been kept."""
        try:
            await self.redis.set(_flow_key(key), self._sealed(key, flow), xx=True, keepttl=True)
        except OUTAGES as error:
            raise Unavailable from error

    async def take(self, key: FlowKey) -> Flow | None:
        """Open the flow and delete it, in one step."""
        try:
            sealed = await self.redis.getdel(_flow_key(key))
        except OUTAGES as error:
            raise Unavailable from error
        return self._opened(key, cast("bytes | None", sealed))

    async def drop(self, key: FlowKey) -> None:
        """Delete the flow; it would run out by itself."""
        try:
            await self.redis.delete(_flow_key(key))
        except OUTAGES as error:
            log.warning("flow-not-dropped", error=type(error).__name__)

    def _left(self, flow: Flow) -> int:
        return max(1, int((flow.ends_at - self.clock.now()).total_seconds() * 1000))

    def _sealed(self, key: FlowKey, flow: Flow) -> bytes:
        return self.sealer.seal("flow", _context(key), flow.model_dump_json().encode())

    def _opened(self, key: FlowKey, sealed: bytes | None) -> Flow | None:
        if sealed is None:
            return None
        try:
            return Flow.model_validate_json(self.sealer.open("flow", _context(key), sealed))
        except (Unsealable, ValidationError):
            # It was sealed under a secret that has been replaced since, altered, or written by
            # another version.
            return None


@dataclass(frozen=True)
class RedisAnswers:
    """Answers sealed with the request they answer: another request cannot open them."""

    redis: Redis
    sealer: Sealer

    async def begin(self, scope: bytes, key: str, request: bytes) -> KeptAnswer | None:
        """Claim the key, or return what was answered under it before."""
        name = self._name(scope, key)
        try:
            if await self.redis.set(name, _IN_PROGRESS, nx=True, ex=ClaimSeconds):
                return None
            kept = await self.redis.get(name)
        except OUTAGES as error:
            log.warning("answers-unreachable", error=type(error).__name__)
            return None
        if kept is None or kept == _IN_PROGRESS:
            raise RequestInProgress
        return self._open(cast("bytes", kept), request)

    async def finish(self, scope: bytes, key: str, request: bytes, answer: KeptAnswer) -> None:
        """Keep the answer in place of the claim."""
        head = orjson.dumps([answer.status, answer.headers])
        sealed = self.sealer.seal("answer", request, head + b"\n" + answer.body)
        try:
            await self.redis.set(self._name(scope, key), sealed, ex=_KEEP_ANSWERS_SECONDS)
        except OUTAGES as error:
            log.warning("answer-not-kept", error=type(error).__name__)

    async def abandon(self, scope: bytes, key: str) -> None:
        """Give the claim back."""
        try:
            await self.redis.delete(self._name(scope, key))
        except OUTAGES as error:
            log.warning("claim-not-given-back", error=type(error).__name__)

    def _open(self, kept: bytes, request: bytes) -> KeptAnswer:
        try:
            head, _, body = self.sealer.open("answer", request, kept).partition(b"\n")
        except Unsealable as error:
            raise IdempotencyKeyReused from error
        status, headers = orjson.loads(head)
        return KeptAnswer(status, headers, body)

    def _name(self, scope: bytes, key: str) -> str:
        return f"answer:{self.sealer.name('answer', scope, key.encode())}"


def _flow_key(key: FlowKey) -> str:
    # With the client in it, nobody else finds so much as the name, to delete what is there.
    return f"flow:{hashlib.sha256(_context(key)).hexdigest()}"


def _context(key: FlowKey) -> bytes:
    return f"{key.id}\n{key.client}".encode("utf-8", "surrogateescape")
