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
from dataclasses import dataclass, field
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


_Question = tuple[str, str, "asyncio.Future[Accepted | None]"]


def _accepted(epoch: bytes | None, record: bytes | None) -> Accepted | None:
    if epoch is None or record is None:
        return None
    return Accepted(int(epoch), record)


@dataclass
class AcceptanceCache:
    """Look up, fill and forget what is accepted. Never an error: without Redis it knows nothing."""

    redis: Redis
    clock: Clock
    # After a failure Redis is left alone for a moment, so that requests do not
    # each wait for it to time out.
    _ask_again_at: float = 0.0
    _questions: list[_Question] = field(default_factory=list)
    _asking: asyncio.Task[None] | None = None

    async def look(self, sub: str, sid: str) -> Accepted | None:
        """Return what is known of the session, or None when the store must be asked.

        Questions that come while others are on their way go together in the next round trip,
        each asked after it was put.
        """
        if self.clock.monotonic() < self._ask_again_at:
            return None
        answer: asyncio.Future[Accepted | None] = asyncio.get_running_loop().create_future()
        self._questions.append((_key(sub), sid, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await answer

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

    async def _ask(self) -> None:
        while self._questions:
            asked, self._questions = self._questions, []
            found = await self._found([(key, sid) for key, sid, _ in asked])
            for (_, _, answer), accepted in zip(asked, found, strict=True):
                if not answer.done():
                    answer.set_result(accepted)

    async def _found(self, questions: list[tuple[str, str]]) -> list[Accepted | None]:
        pipeline = self.redis.pipeline(transaction=False)
        for key, sid in questions:
            pipeline.hmget(key, ["epoch", sid])
        try:
            answers = cast("list[list[bytes | None]]", await pipeline.execute())
        except Exception as error:
            # Whatever it is, nobody must wait for an answer that does not come.
            self._leave_alone(error)
            return [None] * len(questions)
        return [_accepted(epoch, record) for epoch, record in answers]

    def _leave_alone(self, error: BaseException) -> None:
        self._ask_again_at = self.clock.monotonic() + 1.0
        log.warning("cache-unreachable", error=type(error).__name__)

    async def _run(self, script: str, sub: str, *args: str | bytes) -> object:
        registered = self.redis.register_script(script)
        try:
            return await registered(keys=[_key(sub)], args=list(args))
        except NoScriptError:
            return await registered(keys=[_key(sub)], args=list(args))
