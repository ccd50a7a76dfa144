"""What the credentials service counts, in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.credentials.errors import CountersUnreachable
from services.credentials.model import (
    Counted,
    Ended,
    Guesses,
    Held,
    Limit,
    Lock,
    LockToldSeconds,
    Quota,
    Turn,
    new_attempt,
)
from shared.clock import Clock, SystemClock
from shared.contracts.events import SignInLocked
from tests.memory.credentials import MemoryCredentials

_RECENT = 3
_ATTEMPT_SECONDS = 30


@dataclass
class MemoryQuotas:
    """When what was taken, by key."""

    clock: Clock = field(default_factory=SystemClock)
    by_key: dict[str, list[float]] = field(default_factory=dict)

    async def take(self, quota: Quota) -> float:
        """Count those of the window, and add one where there is room."""
        now = self.clock.monotonic()
        taken = [at for at in self.by_key.get(quota.key, []) if at > now - quota.seconds]
        self.by_key[quota.key] = taken
        if len(taken) >= quota.most:
            return taken[0] + quota.seconds - now
        taken.append(now)
        return 0.0

    async def clear(self, key: str) -> None:
        """Forget the key."""
        self.by_key.pop(key, None)


@dataclass(frozen=True)
class _Failures:
    failures: int = 0
    locks: int = 0
    recent: tuple[str, ...] = ()
    locked_until: float = 0.0
    forget_at: float = 0.0
    revision: int = 0

    def one_more(self, limit: Limit, guess: str, now: float) -> "_Failures":
        known = self if self.forget_at > now else _Failures()
        counted = replace(
            known,
            revision=self.revision + 1,
            failures=known.failures + 1,
            recent=(guess, *known.recent)[:_RECENT],
            forget_at=now + limit.window_seconds,
        )
        return counted.locked(limit, now) if counted.failures >= limit.failures else counted

    def locked(self, limit: Limit, now: float) -> "_Failures":
        locks = self.locks + 1
        seconds = min(limit.longest_lock_seconds, limit.first_lock_seconds * 2 ** (locks - 1))
        return replace(
            self,
            failures=0,
            locks=locks,
            locked_until=now + seconds,
            forget_at=now + seconds + limit.window_seconds,
        )


@dataclass
class MemoryGuesses:
    """Durable counters of failed guesses, and the locks that are yet to be told."""

    clock: Clock = field(default_factory=SystemClock)
    by_key: dict[str, _Failures] = field(default_factory=dict)
    untold: dict[str, Lock] = field(default_factory=dict)

    async def counted(self, guesses: Sequence[Guesses]) -> list[Counted]:
        """Return the state of each key."""
        return [self._counted(each.key) for each in guesses]

    async def count(self, guesses: Guesses, guess: str) -> Counted:
        """Count a failure."""
        known = self.by_key.get(guesses.key, _Failures())
        counted = known.one_more(guesses.limit, guess, self.clock.monotonic())
        self.by_key[guesses.key] = counted
        if guesses.locks is not None and counted.locks == 1 and counted.failures == 0:
            self.untold[guesses.key] = guesses.locks
        return self._counted(guesses.key)

    async def clear(self, guesses: Guesses) -> Counted:
        """Forget the key."""
        known = self.by_key.get(guesses.key, _Failures())
        forget_at = self.clock.monotonic() + guesses.limit.window_seconds
        self.by_key[guesses.key] = _Failures(revision=known.revision + 1, forget_at=forget_at)
        return self._counted(guesses.key)

    def _counted(self, key: str) -> Counted:
        known, now = self.by_key.get(key, _Failures()), self.clock.monotonic()
        if known.forget_at <= now:
            return Counted()
        left = max(0.0, known.locked_until - now)
        return Counted(known.failures, left, known.recent, known.revision)


@dataclass
class MemoryLocks:
    """What is told of locks, and when it was told last."""

    guesses: MemoryGuesses
    credentials: MemoryCredentials
    told: dict[Lock, float] = field(default_factory=dict)

    async def tell_next(self, event_of: Callable[[Lock], SignInLocked]) -> bool:
        """Tell of it, unless that was done a day ago at most."""
        if not self.guesses.untold:
            return False
        _, lock = self.guesses.untold.popitem()
        now = self.guesses.clock.monotonic()
        is_recent = lock in self.told and now - self.told[lock] < LockToldSeconds
        if lock.sub in self.credentials.passwords and not is_recent:
            self.told[lock] = now
            event = event_of(lock)
            self.credentials.epochs.outbox[event.id] = event
        return True


@dataclass
class _Counter:
    failures: int
    clean: bool
    revision: int


@dataclass
class MemoryCounters:
    """The counters that Redis holds: quick, shared, and lost when it is restarted."""

    clock: Clock = field(default_factory=SystemClock)
    away: bool = False
    counters: dict[str, _Counter] = field(default_factory=dict)
    # Guesses under way by key: their names, and until when they count.
    under_way: dict[str, dict[str, float]] = field(default_factory=dict)
    locked_until: dict[str, float] = field(default_factory=dict)

    def lose_everything(self) -> None:
        """Restart empty."""
        self.counters.clear()
        self.under_way.clear()
        self.locked_until.clear()

    async def reserve(self, asked: Mapping[Guesses, Held]) -> list[Turn | None]:
        """Take one guess of what is left under each key."""
        self._answer()
        attempt = new_attempt()
        return [self._reserve(each, held, attempt) for each, held in asked.items()]

    def _reserve(self, guesses: Guesses, held: Held, attempt: str) -> Turn | None:
        now = self.clock.monotonic()
        left = self.locked_until.get(guesses.key, 0.0) - now
        if left > 0:
            return Turn(left)
        known = self.counters.get(guesses.key)
        if known is None:
            return None
        under_way = {
            name: until
            for name, until in self.under_way.get(guesses.key, {}).items()
            if until > now
        }
        self.under_way[guesses.key] = under_way
        taken = max(len(under_way) + held.untold, held.all)
        if known.failures + taken >= guesses.limit.failures:
            return Turn(-1)
        under_way[attempt] = now + _ATTEMPT_SECONDS
        return Turn(0, clean=known.clean, attempt=attempt)

    async def load(self, counted: Mapping[Guesses, Counted]) -> None:
        """Take over the durable state."""
        self._answer()
        for guesses, state in counted.items():
            self._take_over(guesses, state)

    async def release(self, ended: Sequence[Ended]) -> None:
        """Give guesses back."""
        self._answer()
        for each in ended:
            self.under_way.get(each.guesses.key, {}).pop(each.turn.attempt, None)
            if each.counted is not None and each.guesses.key in self.counters:
                self._take_over(each.guesses, each.counted)

    def _take_over(self, guesses: Guesses, state: Counted) -> None:
        known = self.counters.get(guesses.key)
        if known is not None and state.revision <= known.revision:
            return
        self.counters[guesses.key] = _Counter(state.failures, state.is_clean, state.revision)
        self.locked_until.pop(guesses.key, None)
        if state.locked_seconds > 0:
            until = self.clock.monotonic() + state.locked_seconds
            self.locked_until[guesses.key] = until

    def _answer(self) -> None:
        if self.away:
            raise CountersUnreachable
