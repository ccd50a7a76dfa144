"""The leased cache of what is accepted: a user's epoch and open sessions, in Redis.

One hash per user holds the epoch, the sessions that were looked up, and a
*generation*. It lives for `LeaseSeconds` from the moment the generation was made,
however often it is filled. A reader takes the generation before it reads the store
and may only fill the hash of that same generation. A writer deletes the hash after
its commit. So a reader that read before the commit, was held up, and writes late finds another
generation, or none, and its old answer is dropped. A writer that cannot reach Redis
waits until every hash of before its commit must have run out.
"""

import asyncio
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from shared.clock import Clock
from shared.telemetry import log

LeaseSeconds = 2.0
"""Fixed: readers and writers must agree on it, so it is not a setting."""
_GRACE = 0.1
_ATTEMPT_SECONDS = 0.3
_OUTAGES = (RedisError, OSError, TimeoutError)

_BEGIN = """
if redis.call('HSETNX', KEYS[1], 'generation', ARGV[1]) == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return ARGV[1]
end
return redis.call('HGET', KEYS[1], 'generation')
"""
_FILL = """
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], ARGV[3], ARGV[4])
return 1
"""


def connect(url: str) -> Redis:
    """Return a client that gives up quickly, since whatever Redis holds is also held elsewhere."""
    return Redis.from_url(
        url, socket_timeout=_ATTEMPT_SECONDS, socket_connect_timeout=_ATTEMPT_SECONDS
    )


def _key(sub: str) -> str:
    return f"accepted:{{{sub}}}"


@dataclass(frozen=True)
class Accepted:
    """What the cache knows of one session: its user's epoch and its record."""

    epoch: int
    record: bytes


@dataclass
class AcceptanceCache:
    """Look up, fill and forget what is accepted. Never an error: without Redis it knows nothing."""

    redis: Redis
    clock: Clock
    # After a failure Redis is left alone for a moment, so that requests do not
    # each wait for it to time out.
    _ask_again_at: float = 0.0

    async def look(self, sub: str, sid: str) -> Accepted | None:
        """Return what is known of the session, or None when the store must be asked."""
        if self.clock.monotonic() < self._ask_again_at:
            return None
        try:
            epoch, record = await cast(
                "Awaitable[list[bytes | None]]", self.redis.hmget(_key(sub), ["epoch", sid])
            )
        except _OUTAGES as error:
            self._leave_alone(error)
            return None
        if epoch is None or record is None:
            return None
        return Accepted(int(epoch), record)

    async def begin(self, sub: str) -> str | None:
        """Return the generation to fill, taken before the store is read; None without Redis."""
        if self.clock.monotonic() < self._ask_again_at:
            return None
        lease = str(int(LeaseSeconds * 1000))
        try:
            generation = await self._run(_BEGIN, sub, secrets.token_hex(8), lease)
        except _OUTAGES as error:
            self._leave_alone(error)
            return None
        return cast("bytes", generation).decode()

    async def fill(self, sub: str, generation: str, epoch: int, sid: str, record: bytes) -> None:
        """Keep what the store said, unless a writer came in between."""
        try:
            await self._run(_FILL, sub, generation, str(epoch), sid, record)
        except _OUTAGES as error:
            self._leave_alone(error)

    async def forget(self, sub: str) -> None:
        """Return once no reader can find anything that was cached before this call.

        Takes one round trip to Redis or, where Redis does not answer, the lease.
        """
        lapsed = self.clock.monotonic() + LeaseSeconds + _GRACE
        while (left := lapsed - self.clock.monotonic()) > 0:
            try:
                async with asyncio.timeout(min(_ATTEMPT_SECONDS, left)):
                    await self.redis.delete(_key(sub))
            except _OUTAGES:
                await asyncio.sleep(min(0.1, max(0.0, lapsed - self.clock.monotonic())))
            else:
                return
        log.warning("cache-lease-waited-out", sub=sub)

    async def answers(self) -> bool:
        """Tell whether Redis is there."""
        try:
            await self.redis.ping()
        except _OUTAGES:
            return False
        return True

    def _leave_alone(self, error: BaseException) -> None:
        self._ask_again_at = self.clock.monotonic() + 1.0
        log.warning("cache-unreachable", error=type(error).__name__)

    async def _run(self, script: str, sub: str, *args: str | bytes) -> object:
        registered = self.redis.register_script(script)
        try:
            return await registered(keys=[_key(sub)], args=list(args))
        except NoScriptError:
            return await registered(keys=[_key(sub)], args=list(args))
