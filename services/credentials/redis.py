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
    Held,
    Turn,
    new_attempt,
)

_ATTEMPT_SECONDS = 30
"""How long a guess counts whose end is never told; none takes that long."""

_UNCHANGED = ("", "0", "0", "0")
_RESERVE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local left = redis.call('PTTL', KEYS[2])
if left > 0 then return {left, 0} end
local known = redis.call('HMGET', KEYS[1], 'failures', 'clean')
if not known[1] then return false end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
local under_way = math.max(redis.call('ZCARD', KEYS[3]) + ARGV[5], tonumber(ARGV[4]))
if known[1] + under_way >= tonumber(ARGV[1]) then return {-1, 0} end
redis.call('ZADD', KEYS[3], now + ARGV[3] * 1000, ARGV[2])
redis.call('EXPIRE', KEYS[3], ARGV[3])
return {0, tonumber(known[2])}
"""
_TAKE_OVER = """
local function take_over(failures, locked, clean, revision, kept)
  local known = redis.call('HGET', KEYS[1], 'revision')
  if known and tonumber(revision) <= tonumber(known) then return end
  redis.call('HSET', KEYS[1], 'failures', failures, 'clean', clean, 'revision', revision)
  redis.call('EXPIRE', KEYS[1], kept)
  if tonumber(locked) > 0 then redis.call('SET', KEYS[2], 1, 'PX', locked)
  else redis.call('DEL', KEYS[2]) end
end
"""
_LOAD = f"{_TAKE_OVER} take_over(unpack(ARGV))"
_RELEASE = f"""{_TAKE_OVER}
redis.call('ZREM', KEYS[3], ARGV[6])
if ARGV[1] ~= '' and redis.call('EXISTS', KEYS[1]) == 1 then take_over(unpack(ARGV)) end
"""


@dataclass(frozen=True)
class RedisGuessCounters:
    """A hash, a lock and the guesses under way per key; every step is one script, so atomic.

    The steps of several keys go together in one round trip.
    """

    redis: Redis

    async def reserve(self, asked: Mapping[Guesses, Held]) -> list[Turn | None]:
        """Take one guess of what is left under each key, by a name of its own."""
        attempt = new_attempt()
        steps = {
            each: (
                str(each.limit.failures),
                attempt,
                str(_ATTEMPT_SECONDS),
                str(held.all),
                str(held.untold),
            )
            for each, held in asked.items()
        }
        return [_turn(answer, attempt) for answer in await self._run(_RESERVE, steps)]

    async def load(self, counted: Mapping[Guesses, Counted]) -> None:
        """Take over each durable state that is later than what is known, or all there is."""
        steps = {each: (*_state(state), _kept_seconds(each)) for each, state in counted.items()}
        await self._run(_LOAD, steps)

    async def release(self, ended: Sequence[Ended]) -> None:
        """Give a guess back under each key, with the key's new state where it has one.

        Failures at once may be told out of order: the revision tells, and what is late changes
        nothing. What was forgotten stays so, since the state that is told may be late for that too.
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
    # From its last change on, and no longer than the store remembers, or a count here could
    # outlive the one it stands for.
    return str(min(CountersKeptSeconds, guesses.limit.window_seconds))


def _state(counted: Counted) -> tuple[str, str, str, str]:
    locked, clean = int(counted.locked_seconds * 1000), "1" if counted.is_clean else "0"
    return str(counted.failures), str(locked), clean, str(counted.revision)
