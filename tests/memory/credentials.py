"""What the credentials service keeps, in memory."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from services.credentials.errors import CountersUnreachable, PasswordChangedMeanwhile
from services.credentials.model import Counted, Guesses, Limit, Password, Turn
from services.credentials.store import CredentialTransaction
from shared.clock import Clock, SystemClock
from shared.contracts.epochs import Raised
from shared.contracts.events import Cause, Event
from tests.memory.epochs import MemoryEpochs

T = TypeVar("T")

_RECENT = 3


@dataclass(frozen=True)
class MemoryCredentialTransaction:
    """The changes of one transaction."""

    passwords: dict[str, Password]
    epochs: MemoryEpochs

    async def open_account(self, password: Password) -> bool:
        """Keep the account, unless its name or subject is taken."""
        names = {each.user_id for each in self.passwords.values()}
        if password.sub in self.passwords or password.user_id in names:
            return False
        self.passwords[password.sub] = password
        self.epochs.epochs[password.sub] = 1
        return True

    async def put_password(self, changed: Password) -> None:
        """Replace the version before this one."""
        kept = self.passwords.get(changed.sub)
        if kept is None or kept.version != changed.version - 1:
            raise PasswordChangedMeanwhile
        self.passwords[changed.sub] = changed

    async def raise_epoch(self, sub: str, cause: Cause) -> Raised:
        """Raise the epoch."""
        return self.epochs.raise_(sub, cause)

    async def emit(self, event: Event) -> None:
        """Keep the event."""
        self.epochs.outbox[event.id] = event


@dataclass
class MemoryCredentials:
    """Accounts and their passwords."""

    epochs: MemoryEpochs = field(default_factory=MemoryEpochs)
    passwords: dict[str, Password] = field(default_factory=dict)

    async def in_transaction(self, work: Callable[[CredentialTransaction], Awaitable[T]]) -> T:
        """Do the work, all or nothing."""
        async with self.epochs.transaction(self.passwords):
            return await work(MemoryCredentialTransaction(self.passwords, self.epochs))

    async def password_named(self, user_id: str) -> Password | None:
        """Look the user ID up."""
        found = (each for each in self.passwords.values() if each.user_id == user_id)
        return next(found, None)

    async def password_of(self, sub: str) -> Password | None:
        """Look the subject up."""
        return self.passwords.get(sub)

    async def version_of(self, sub: str) -> int:
        """Return the version."""
        return self.passwords[sub].version if sub in self.passwords else 0

    async def rehashed(self, password: Password, verifier: str) -> None:
        """Replace the verifier of this version."""
        kept = self.passwords.get(password.sub)
        if kept is not None and kept.version == password.version:
            self.passwords[password.sub] = replace(kept, verifier=verifier)

    async def epoch_of(self, sub: str) -> int:
        """Return the epoch."""
        return self.epochs.current(sub)

    async def settle(self, sub: str) -> None:
        """Take note that this was asked for."""
        self.epochs.settled.append(sub)


@dataclass(frozen=True)
class _Failures:
    failures: int = 0
    locks: int = 0
    recent: tuple[str, ...] = ()
    locked_until: float = 0.0
    forget_at: float = 0.0

    def one_more(self, limit: Limit, guess: str, now: float) -> "_Failures":
        known = self if self.forget_at > now else _Failures()
        counted = replace(
            known,
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
    """Durable counters of failed guesses."""

    clock: Clock = field(default_factory=SystemClock)
    by_key: dict[str, _Failures] = field(default_factory=dict)

    async def counted(self, guesses: Sequence[Guesses]) -> list[Counted]:
        """Return the state of each key."""
        return [self._counted(each.key) for each in guesses]

    async def count(self, guesses: Guesses, guess: str) -> Counted:
        """Count a failure."""
        known = self.by_key.get(guesses.key, _Failures())
        self.by_key[guesses.key] = known.one_more(guesses.limit, guess, self.clock.monotonic())
        return self._counted(guesses.key)

    async def clear(self, guesses: Guesses) -> None:
        """Forget the key."""
        self.by_key.pop(guesses.key, None)

    def _counted(self, key: str) -> Counted:
        known, now = self.by_key.get(key, _Failures()), self.clock.monotonic()
        if known.forget_at <= now:
            return Counted()
        return Counted(known.failures, max(0.0, known.locked_until - now), known.recent)


@dataclass
class _Counter:
    failures: int
    clean: bool
    under_way: int = 0


@dataclass
class MemoryCounters:
    """The counters that Redis holds: quick, shared, and lost when it is restarted."""

    clock: Clock = field(default_factory=SystemClock)
    away: bool = False
    counters: dict[str, _Counter] = field(default_factory=dict)
    locked_until: dict[str, float] = field(default_factory=dict)

    def lose_everything(self) -> None:
        """Restart empty."""
        self.counters.clear()
        self.locked_until.clear()

    async def reserve(self, guesses: Guesses) -> Turn | None:
        """Take one guess of what is left."""
        self._answer()
        left = self.locked_until.get(guesses.key, 0.0) - self.clock.monotonic()
        if left > 0:
            return Turn(left)
        known = self.counters.get(guesses.key)
        if known is None:
            return None
        if known.failures + known.under_way >= guesses.limit.failures:
            return Turn(-1)
        known.under_way += 1
        return Turn(0, clean=known.clean)

    async def load(self, guesses: Guesses, counted: Counted) -> None:
        """Take over the durable state."""
        self._answer()
        if guesses.key not in self.counters:
            self.counters[guesses.key] = _Counter(counted.failures, counted.is_clean)
            self._lock(guesses, counted)

    async def release(self, guesses: Guesses, counted: Counted | None) -> None:
        """Give a guess back."""
        self._answer()
        known = self.counters.get(guesses.key)
        if known is None:
            return
        known.under_way = max(0, known.under_way - 1)
        if counted is not None:
            if not self._is_late(guesses, known, counted):
                known.failures, known.clean = counted.failures, counted.is_clean
            self._lock(guesses, counted)

    def _is_late(self, guesses: Guesses, known: _Counter, counted: Counted) -> bool:
        if counted.locked_seconds > 0 or counted.is_clean:
            return False
        is_locked = self.locked_until.get(guesses.key, 0.0) > self.clock.monotonic()
        return is_locked or counted.failures < known.failures

    def _lock(self, guesses: Guesses, counted: Counted) -> None:
        if counted.locked_seconds > 0:
            until = self.clock.monotonic() + counted.locked_seconds
            self.locked_until[guesses.key] = until

    def _answer(self) -> None:
        if self.away:
            raise CountersUnreachable
