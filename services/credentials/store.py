"""What the credentials service keeps, in the words of its trade."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import SecurityInfo
from services.credentials.model import (
    Counted,
    Ended,
    Guesses,
    Held,
    Lock,
    OneTime,
    Password,
    PasswordPolicy,
    Quota,
    Turn,
)
from services.credentials.owed import AddressNotice
from services.credentials.reset_policy import ResetPolicy
from services.credentials.resets import Reset
from shared.contracts.epochs import Raised, Standing
from shared.contracts.events import Audited, Cause, Event, HelpAsked, SignInLocked
from shared.contracts.methods import SentKind
from shared.owed import OwedStore
from shared.policies import Keeping

T = TypeVar("T")


class CredentialTransaction(Protocol):
    """Changes that hold together."""

    async def open_account(self, password: Password) -> bool:
        """Keep a new account with its first epoch; return whether the name was free.

        The name of an account that was deleted is free after `DeletedDays`.
        """
        ...

    async def put_password(self, changed: Password) -> None:
        """Replace a password by its next version, or raise `PasswordChangedMeanwhile`."""
        ...

    async def raise_epoch(
        self, sub: str, cause: Cause, *, password_version: int | None = None
    ) -> Raised:
        """Refuse everything issued to the subject so far, and any password but this version."""
        ...

    async def note_password(self, sub: str, version: int) -> None:
        """Let this version of the password, and no other, begin sign-ins under the epoch."""
        ...

    async def emit(self, event: Event) -> None:
        """Tell of the change, once it is committed."""
        ...

    async def owe(self, notice: AddressNotice) -> None:
        """Owe a mail to an address that only the methods know."""
        ...

    async def finish_reset(self, reset: Reset, receipt: str) -> None:
        """Note that a reset is done, or raise `ResetEnded` where it is not as it was read."""
        ...


class Costs(Protocol):
    """What the kept verifiers cost."""

    async def costs_in_use(self) -> set[str]:
        """Return the costs of all verifiers that a sign-in may be checked against."""
        ...


class CredentialStore(Costs, Protocol):
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

    async def settled_password_of(self, sub: str) -> Password | None:
        """Return it with every change that was answered before, and with none that may be lost."""
        ...

    async def rehashed(self, password: Password, verifier: str) -> None:
        """Store the same password under stronger parameters, unless it was changed meanwhile."""
        ...

    async def standing_of(self, sub: str) -> Standing:
        """Return the subject's epoch and password version, as of one moment.

        A sign-in under an epoch that is too old comes to nothing.
        """
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
        """Count one more failure in one atomic write, locking where the limit is reached.

        The first lock of a series is noted in the same write, where it is to be told to somebody.
        """
        ...

    async def clear(self, guesses: Guesses) -> Counted:
        """Forget a key's failures and locks, and return the state that this makes."""
        ...


class LockStore(Protocol):
    """Locks that were noted by the guesses that brought them."""

    async def tell_next(self, event_of: Callable[[Lock], SignInLocked]) -> bool:
        """Forget the note of a lock, and tell of it in the same transaction; whether there was one.

        Nobody is told who has no account, or was told of such a lock in the day before.
        """
        ...


class GuessCounters(Protocol):
    """The same counters in Redis, with the guesses under way. Raises `CountersUnreachable`."""

    async def reserve(self, asked: Mapping[Guesses, Held]) -> list[Turn | None]:
        """Take one guess under each key that has one left; None for a key that is not known.

        What the process holds counts as under way too where Redis has not heard of it.
        """
        ...

    async def load(self, counted: Mapping[Guesses, Counted]) -> None:
        """Tell Redis the durable state of keys, which it takes where it knows no later one."""
        ...

    async def release(self, ended: Sequence[Ended]) -> None:
        """Give guesses back, with the new state of each key that has one and that Redis knows."""
        ...


class MethodStore(Protocol):
    """Each subject's methods, as one thing that changes as a whole."""

    async def security_info(self, sub: str) -> SecurityInfo:
        """Return a subject's methods; none where there never were any."""
        ...

    async def all_after(self, sub: str, *, limit: int) -> list[SecurityInfo]:
        """Return the next subjects' methods in order of the subjects' ids, to go through all."""
        ...

    async def with_passkey(self, credential_id: str) -> SecurityInfo | None:
        """Return the methods of the subject who has proved this passkey."""
        ...

    async def put(
        self,
        changed: SecurityInfo,
        event: Event | None,
        notices: Sequence[AddressNotice] = (),
        also: Sequence[Event] = (),
    ) -> None:
        """Replace the version that was changed, in one atomic write with the event.

        So is what is told `also`, whether there is an event or not.
        What is owed to addresses that went is owed by the same write. A last change without a time
        gets the store's.

        Where there is an event, or a factor has to be registered, the subject's standing says from
        then on whether a sign-in has to look at the methods.
        Raise `MethodsChangedMeanwhile` where that version is not the current one any more, and
        `PasskeyTaken` where somebody else has a passkey of these.
        """
        ...

    async def put_use(self, changed: SecurityInfo, use: str) -> None:
        """Replace the version that was changed after a method was used, and do not wait long.

        It is refused like any other, and whoever reads sees it from then on; but until `is_kept`
        says so, the loss of one member may undo it. `use` is an id of its own.
        """
        ...

    async def is_kept(self, sub: str, use: str) -> bool:
        """Tell whether a use of a subject's methods is among the last ones there were for good."""
        ...

    async def ask(
        self, info: SecurityInfo, days: int, *, for_reset: bool = False
    ) -> datetime | None:
        """Note that a sign-in asks for something, and return until when it may be put off.

        That is so many days from when it was first asked for, never later than was said before,
        and None once it is over. What is to be registered for resets has a time of its own. The
        store's clock decides, in one atomic write.
        Raise `MethodsChangedMeanwhile` where the version is not the current one any more.
        """
        ...

    async def settled(self, sub: str) -> tuple[SecurityInfo, int]:
        """Return a subject's methods and epoch, with every change that was answered before.

        For what is accepted by that alone, and not found out later.
        """
        ...

    async def epoch_of(self, sub: str) -> int:
        """Return the subject's epoch. A sign-in under one that is too old comes to nothing."""
        ...


class AddressNoticeStore(OwedStore[AddressNotice], Protocol):
    """Mails that are owed to addresses which are no methods any more; what is done is forgotten."""

    async def owed_after(self, notice_id: str, *, limit: int) -> list[AddressNotice]:
        """Return the next ones in order of their ids, to go through all."""
        ...

    async def resealed(self, notice_id: str, sealed: bytes) -> None:
        """Keep an address under another key."""
        ...


class OneTimeStore(Protocol):
    """What works once and for a while: codes that were sent, challenges that are to be signed."""

    async def keep(self, begun: OneTime) -> None:
        """Keep it in place of what was begun for the same thing before."""
        ...

    async def take(self, name: str, proof: str) -> bool:
        """Return whether this was begun and is not over, and forget it: of several one has it."""
        ...


class QuotaStore(Protocol):
    """Durable counts of what may be done only so often, such as sending somebody a message."""

    async def take(self, quota: Quota) -> float:
        """Take one, in one atomic write; return 0, or the seconds until there is one again."""
        ...

    async def clear(self, key: str) -> None:
        """Forget what was taken under a key."""
        ...


@dataclass(frozen=True)
class Message:
    """A code on its way. What it says and to whom is nobody else's business, logs included."""

    kind: SentKind
    to: str
    subject: str
    text: str
    language: str


class Carrier(Protocol):
    """Whoever brings messages of some kind to people.

    Raises `MessageUndelivered`, or `AddressUndeliverable` where that will not change.
    """

    async def carry(self, message: Message) -> None:
        """Return once the message is taken."""
        ...


class Words(Protocol):
    """The words people read, by id and language."""

    def nearest(self, language: str | None) -> str:
        """Return the language that is there for the one asked for."""
        ...

    def text(self, text_id: str, language: str | None, **values: str) -> str:
        """Return a text in the language nearest to the one asked for."""
        ...

    def moment(self, at: datetime, language: str | None) -> str:
        """Return a point in time as people write it."""
        ...


class PasswordPolicyStore(Keeping[PasswordPolicy], Protocol):
    """Each organization's policy for passwords."""

    async def policy_of(self, organization: str) -> PasswordPolicy | None:
        """Return an organization's policy; None where it has set none."""
        ...


class PolicyStore(Keeping[MethodPolicy], Protocol):
    """Each organization's policy, and who belongs to which organization.

    The version of its trust is the store's: it rises where no device may be trusted.
    """

    async def policy_of(self, organization: str) -> MethodPolicy:
        """Return an organization's policy, the usual one where it has set none."""
        ...

    async def organization_of(self, sub: str) -> str | None:
        """Return whose account a subject has; None where that was never said."""
        ...

    async def adopt(self, sub: str, user_id: str, organization: str) -> None:
        """Say whose account it is, where that was never said."""
        ...


class ResetStore(Protocol):
    """Passwords that are being reset, each for so long by the store's clock."""

    async def begin(self, reset: Reset, event: Audited | None) -> None:
        """Keep it, and tell the audit trail in the same transaction where there is something."""
        ...

    async def find(self, reset_id: str) -> Reset | None:
        """Return one that is not over."""
        ...

    async def change(self, changed: Reset) -> bool:
        """Keep what became of one, unless it is over or somebody else was faster; whether it was.

        An answer that was under way is none any more.
        """
        ...

    async def claim(self, reset: Reset) -> Reset | None:
        """Take the turn to answer, which nobody else has then, and return it as it is kept.

        None where it is over, is not as it was read, or another answer is under way. A turn that is
        not given back by a change runs out after some seconds.
        """
        ...

    async def tell(self, event: HelpAsked) -> None:
        """Tell that somebody asks for help."""
        ...


class ResetPolicyStore(Keeping[ResetPolicy], Protocol):
    """Each organization's policy for resets."""

    async def policy_of(self, organization: str) -> ResetPolicy:
        """Return an organization's policy, the usual one where it has set none."""
        ...
