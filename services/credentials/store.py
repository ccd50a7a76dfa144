"""What the credentials service keeps, in the words of its trade."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from services.credentials.model import Counted, Guesses, Password, Turn
from shared.contracts.epochs import Raised
from shared.contracts.events import Cause, Event

T = TypeVar("T")


class CredentialTransaction(Protocol):
    """Changes that hold together."""

    async def open_account(self, password: Password) -> bool:
        """Keep a new account with its first epoch; return whether the name was free."""
        ...

    async def put_password(self, changed: Password) -> None:
        """Replace a password by its next version, or raise `PasswordChangedMeanwhile`."""
        ...

    async def raise_epoch(self, sub: str, cause: Cause) -> Raised:
        """Refuse everything issued to the subject so far."""
        ...

    async def emit(self, event: Event) -> None:
        """Tell of the change, once it is committed."""
        ...


class CredentialStore(Protocol):
    """Accounts and their passwords."""

    async def in_transaction(self, work: Callable[[CredentialTransaction], Awaitable[T]]) -> T:
        """Do the work in one transaction; it may be called again."""
        ...

    async def password_named(self, user_id: str) -> Password | None:
        """Return the password of the account with this normalized user ID."""
        ...

    async def password_of(self, sub: str) -> Password | None:
        """Return a subject's password."""
        ...

    async def version_of(self, sub: str) -> int:
        """Return the version of a subject's password as of this moment; 0 where there is none."""
        ...

    async def rehashed(self, password: Password, verifier: str) -> None:
        """Store the same password under stronger parameters, unless it was changed meanwhile."""
        ...

    async def epoch_of(self, sub: str) -> int:
        """Return the subject's epoch. A sign-in under one that is too old comes to nothing."""
        ...

    async def settle(self, sub: str) -> None:
        """Return once what was committed for the subject holds at every reader."""
        ...


class GuessStore(Protocol):
    """Durable counters of failed guesses: the truth when Redis has lost its own."""

    async def counted(self, guesses: Sequence[Guesses]) -> list[Counted]:
        """Return the state of each key, in order."""
        ...

    async def count(self, guesses: Guesses, guess: str) -> Counted:
        """Count one more failure in one atomic write, locking where the limit is reached."""
        ...

    async def clear(self, guesses: Guesses) -> None:
        """Forget a key's failures and locks."""
        ...


class GuessCounters(Protocol):
    """The same counters in Redis, with the guesses under way. Raises `CountersUnreachable`."""

    async def reserve(self, guesses: Guesses) -> Turn | None:
        """Take one guess of what is left; None when Redis knows nothing of the key."""
        ...

    async def load(self, guesses: Guesses, counted: Counted) -> None:
        """Tell Redis the durable state of a key it does not know."""
        ...

    async def release(self, guesses: Guesses, counted: Counted | None) -> None:
        """Give a guess back, with the key's new state where it has one."""
        ...
