"""Guess counters in Redis: the only file of this service that imports its client."""

from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.credentials.errors import CountersUnreachable
from services.credentials.model import Counted, Guesses, Turn

_KEPT_SECONDS = 900
"""A key that is not used runs out; the next guess loads it from the store again."""

_RESERVE = """
local left = redis.call('PTTL', KEYS[2])
if left > 0 then return {left, 0} end
local known = redis.call('HMGET', KEYS[1], 'failures', 'under_way', 'clean')
if not known[1] then return false end
if known[1] + (known[2] or 0) >= tonumber(ARGV[1]) then return {-1, 0} end
redis.call('HINCRBY', KEYS[1], 'under_way', 1)
return {0, tonumber(known[3])}
"""
_LOAD = """
if redis.call('HSETNX', KEYS[1], 'failures', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'clean', ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[2], 1, 'PX', ARGV[2]) end
end
"""
_RELEASE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return end
if redis.call('HINCRBY', KEYS[1], 'under_way', -1) < 0 then
  redis.call('HSET', KEYS[1], 'under_way', 0)
end
if ARGV[1] ~= '' then
  local began_anew = tonumber(ARGV[2]) > 0 or ARGV[3] == '1'
  local known = tonumber(redis.call('HGET', KEYS[1], 'failures'))
  local late = redis.call('EXISTS', KEYS[2]) == 1 or tonumber(ARGV[1]) < known
  if began_anew or not late then
    redis.call('HSET', KEYS[1], 'failures', ARGV[1], 'clean', ARGV[3])
  end
end
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[2], 1, 'PX', ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[4])
"""


@dataclass(frozen=True)
class RedisGuessCounters:
    """One hash and one lock per key; every step is one script, so it is atomic."""

    redis: Redis

    async def reserve(self, guesses: Guesses) -> Turn | None:
        """Take one guess of what is left."""
        answer = await self._run(_RESERVE, guesses, str(guesses.limit.failures))
        if answer is None:
            return None
        left, clean = cast("list[int]", answer)
        return Turn(left / 1000 if left > 0 else left, clean=clean == 1)

    async def load(self, guesses: Guesses, counted: Counted) -> None:
        """Take over the durable state, unless somebody else just did."""
        await self._run(_LOAD, guesses, *_state(counted), _kept_seconds(guesses))

    async def release(self, guesses: Guesses, counted: Counted | None) -> None:
        """Give a guess back, with the key's new state where it has one.

        Failures at once may be told out of order: a lower count, or one from before a lock, is
        late and changes nothing.
        """
        state = _state(counted) if counted is not None else ("", "0", "0")
        await self._run(_RELEASE, guesses, *state, _kept_seconds(guesses))

    async def _run(self, script: str, guesses: Guesses, *args: str) -> object:
        keys = [f"guesses:{{{guesses.key}}}", f"locked:{{{guesses.key}}}"]
        try:
            return await self.redis.register_script(script)(keys=keys, args=list(args))
        except (RedisError, OSError, TimeoutError) as error:
            raise CountersUnreachable from error


def _kept_seconds(guesses: Guesses) -> str:
    # No longer than the store remembers, or a count here could outlive the one it stands for.
    return str(min(_KEPT_SECONDS, guesses.limit.window_seconds))


def _state(counted: Counted) -> tuple[str, str, str]:
    locked = int(counted.locked_seconds * 1000)
    return str(counted.failures), str(locked), "1" if counted.is_clean else "0"
