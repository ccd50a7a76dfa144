"""Guess counters in Redis: the only file of this service that imports its client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.credentials.errors import CountersUnreachable
from services.credentials.model import (
    Counted,
    CountersKeptSeconds,
    Ended,
    Guesses,
    Turn,
    new_attempt,
)

_ATTEMPT_SECONDS = 30
"""How long a guess counts whose end is never told; none takes that long."""

_UNCHANGED = ("", "0", "0")
_RESERVE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local left = redis.call('PTTL', KEYS[2])
if left > 0 then return {left, 0} end
local known = redis.call('HMGET', KEYS[1], 'failures', 'clean')
if not known[1] then return false end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
if known[1] + redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[1]) then return {-1, 0} end
redis.call('ZADD', KEYS[3], now + ARGV[3] * 1000, ARGV[2])
redis.call('EXPIRE', KEYS[3], ARGV[3])
return {0, tonumber(known[2])}
"""
_LOAD = """
if ARGV[5] == '1' then redis.call('DEL', KEYS[1], KEYS[2]) end
if redis.call('HSETNX', KEYS[1], 'failures', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'clean', ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[2], 1, 'PX', ARGV[2]) end
end
"""
_RELEASE = """
redis.call('ZREM', KEYS[3], ARGV[5])
if redis.call('EXISTS', KEYS[1]) == 0 then return end
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
    """A hash, a lock and the guesses under way per key; every step is one script, so atomic.

    The steps of several keys go together in one round trip.
    """

    redis: Redis

    async def reserve(self, guesses: Sequence[Guesses]) -> list[Turn | None]:
        """Take one guess of what is left under each key, by a name of its own."""
        attempt = new_attempt()
        steps = {
            each: (str(each.limit.failures), attempt, str(_ATTEMPT_SECONDS)) for each in guesses
        }
        return [_turn(answer, attempt) for answer in await self._run(_RESERVE, steps)]

    async def load(self, counted: Mapping[Guesses, Counted], *, anew: bool = False) -> None:
        """Take over the durable state, where somebody else just did only if it is to be anew."""
        steps = {
            each: (*_state(state), _kept_seconds(each), "1" if anew else "0")
            for each, state in counted.items()
        }
        await self._run(_LOAD, steps)

    async def release(self, ended: Sequence[Ended]) -> None:
        """Give a guess back under each key, with the key's new state where it has one.

        Failures at once may be told out of order: a lower count, or one from before a lock, is
        late and changes nothing.
        """
        steps = {
            each.guesses: (
                *(_state(each.counted) if each.counted is not None else _UNCHANGED),
                _kept_seconds(each.guesses),
                each.turn.attempt,
            )
            for each in ended
        }
        await self._run(_RELEASE, steps)

    async def _run(self, script: str, steps: Mapping[Guesses, tuple[str, ...]]) -> list[Any]:
        pipeline = self.redis.pipeline(transaction=False)
        for guesses, args in steps.items():
            keys = [f"{kind}:{{{guesses.key}}}" for kind in ("guesses", "locked", "under-way")]
            # The server keeps what it has compiled, so the text costs its transport only.
            pipeline.eval(script, len(keys), *keys, *args)
        try:
            answers: list[Any] = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise CountersUnreachable from error
        return answers


def _turn(answer: list[int] | None, attempt: str) -> Turn | None:
    if answer is None:
        return None
    left, clean = answer
    return Turn(left / 1000 if left > 0 else left, clean=clean == 1, attempt=attempt)


def _kept_seconds(guesses: Guesses) -> str:
    # No longer than the store remembers, or a count here could outlive the one it stands for.
    return str(min(CountersKeptSeconds, guesses.limit.window_seconds))


def _state(counted: Counted) -> tuple[str, str, str]:
    locked = int(counted.locked_seconds * 1000)
    return str(counted.failures), str(locked), "1" if counted.is_clean else "0"
