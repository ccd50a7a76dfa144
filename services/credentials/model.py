"""Passwords, accounts and guesses, and their rules."""

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from precis_i18n import get_profile

from shared.contracts.epochs import Raised
from shared.contracts.events import (
    AccountDisabled,
    AccountDisabledPayload,
    AccountEnabled,
    AccountEnabledPayload,
    Audited,
    AuditedPayload,
    Cause,
    CredentialChange,
    CredentialChangePayload,
    HelpAsked,
    LockCause,
    SignInLocked,
    SignInLockedPayload,
)
from shared.contracts.policy import KeptPasswordPolicy, UsualMinimumLengthWithFactor

_OPAQUE = get_profile("OpaqueString")


@dataclass(frozen=True)
class HashParameters:
    """Argon2id's cost: memory in KiB, passes over it, lanes."""

    memory: int
    passes: int
    lanes: int


def cost_of(verifier: str) -> str | None:
    """Return the beginning of a verifier, which says what it costs; None where it is not one."""
    try:
        extract_parameters(verifier)
    except InvalidHashError:
        return None
    return verifier.rpartition("$")[0].rpartition("$")[0]


@dataclass(frozen=True)
class PasswordPolicy:
    """What a new password must meet (NIST SP 800-63B-4, 3.1.1). Lengths in characters."""

    minimum_length: int = 15
    maximum_length: int = 256
    minimum_score: int = 2
    history: int = 1
    banned: tuple[str, ...] = ()
    minimum_length_with_factor: int = UsualMinimumLengthWithFactor
    version: int = field(default=0, compare=False)
    """How often it was replaced."""

    @property
    def with_factor(self) -> "PasswordPolicy":
        """Return what holds for who meets a second factor at every sign-in."""
        return replace(self, minimum_length=self.minimum_length_with_factor)

    def as_contract(self) -> KeptPasswordPolicy:
        """Return it as others see it."""
        return KeptPasswordPolicy(
            minimum_length=self.minimum_length,
            minimum_length_with_factor=self.minimum_length_with_factor,
            history=self.history,
            banned=self.banned,
            version=self.version,
        )


@dataclass(frozen=True)
class Password:
    """A stored password, and whether it lets anybody in.

    `version` rises with each change and guards against two at once. An account that is disabled
    has the receipt of that; one that is deleted is disabled as well.
    """

    sub: str
    user_id: str
    verifier: str | None
    temporary: bool
    version: int
    changed_at: datetime
    former: tuple[str, ...] = ()
    organization: str | None = None
    disabled_receipt: str | None = None
    deleted: bool = False

    @property
    def disabled(self) -> bool:
        """Tell whether the account lets nobody in."""
        return self.disabled_receipt is not None

    def set_by_admin(self, verifier: str, *, at: datetime, history: int) -> "Password":
        """Return the password after an admin put a temporary one in its place."""
        return replace(self.changed(verifier, at=at, history=history), temporary=True)

    def to_be_changed(self) -> "Password":
        """Return it as one that is good for nothing but to be changed.

        The version rises, so that nothing that was read before goes with an epoch read after.
        """
        return replace(self, temporary=True, version=self.version + 1)

    def shut(self, receipt: str, *, deleted: bool) -> "Password":
        """Return it as it is once the account is disabled, or deleted.

        The version rises, so that nothing that was read before goes with an epoch read after.
        """
        return replace(self, disabled_receipt=receipt, deleted=deleted, version=self.version + 1)

    def opened(self) -> "Password":
        """Return it as it is once the account is enabled again."""
        return replace(self, disabled_receipt=None, version=self.version + 1)

    def remembered(self, history: int) -> tuple[str, ...]:
        """Return the verifiers of former passwords that a new one may not be."""
        return self.former[: history - 1]

    def changed(self, verifier: str, *, at: datetime, history: int) -> "Password":
        """Return the password after a change, remembering as many former ones as policy asks."""
        former = (self.verifier, *self.former) if self.verifier else self.former
        return replace(
            self,
            verifier=verifier,
            temporary=False,
            version=self.version + 1,
            changed_at=at,
            former=former[: history - 1],
        )


def normalized(user_id: str) -> str:
    """Return the one form of a user ID that is stored, compared and counted."""
    return unicodedata.normalize("NFKC", user_id).strip().casefold()


def prepared(password: str) -> str | None:
    """Return a password as RFC 8265 OpaqueString compares it; None where it cannot be one."""
    try:
        enforced: str = _OPAQUE.enforce(password)
    except UnicodeEncodeError:
        return None
    return enforced


@dataclass(frozen=True)
class Limit:
    """How many failures lock, for how long at first and at most, and when they are forgotten."""

    failures: int
    window_seconds: int
    first_lock_seconds: int
    longest_lock_seconds: int

    def locking(self, hours: int) -> "Limit":
        """Return the same with locks of so many hours."""
        return replace(self, first_lock_seconds=hours * 3600, longest_lock_seconds=hours * 3600)


ACCOUNT = Limit(10, 24 * 3600, 60, 3600)
"""Ten wrong passwords lock for a minute, then two, four … up to an hour."""
ADDRESS = Limit(600, 600, 60, 3600)
"""One failure a second for ten minutes, from one client address, over all accounts."""
RESET = Limit(5, 24 * 3600, 24 * 3600, 24 * 3600)
"""Five wrong proofs in a day lock the resets of an account for a day."""
RESET_SENDS = Limit(1, 24 * 3600, 24 * 3600, 24 * 3600)
"""So does asking once for more messages than there may be."""
NOBODY = "nobody"
"""In place of the subject of a user ID that nobody has, which is looked up all the same."""


@dataclass(frozen=True)
class Lock:
    """Whose account a lock is on, if there is one of that subject, and what was guessed at."""

    sub: str
    cause: LockCause


@dataclass(frozen=True)
class Guesses:
    """What is counted under one key, and against which limit; `locks` says whom a lock is told."""

    key: str
    limit: Limit
    locks: Lock | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Counted:
    """The durable state of one key. `locked_seconds` is 0 where it is not locked."""

    failures: int = 0
    locked_seconds: float = 0.0
    recent: tuple[str, ...] = ()
    revision: int = field(default=0, compare=False)
    """Of two states of a key the one with the higher revision is the later one."""

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing is stored under the key."""
        return not self.recent


LockToldSeconds = 24 * 3600
"""How long nobody is told of another lock of the same kind."""
CountersKeptSeconds = 900
"""How long Redis keeps the counters of a key that is not used; the next guess loads them again."""


@dataclass(frozen=True)
class Held:
    """The guesses under way in this process under one key, and those Redis knows nothing of."""

    all: int = 0
    untold: int = 0


@dataclass(frozen=True)
class Turn:
    """What came of asking for a guess.

    `wait_seconds` is 0 when it was taken, the time left when the key is locked, and
    negative while others under way hold all that is left. `clean` says that no failure is stored.
    """

    wait_seconds: float
    clean: bool = False
    attempt: str = ""
    """By what name Redis holds the guess; empty where this process alone does."""

    @property
    def was_taken(self) -> bool:
        """Tell whether the guess may be evaluated."""
        return self.wait_seconds == 0


@dataclass(frozen=True)
class Ended:
    """A guess that was taken and is over, and the key's new state where it has one."""

    guesses: Guesses
    turn: Turn
    counted: Counted | None = None


@dataclass(frozen=True)
class OneTime:
    """Something that works once, for so many seconds by the store's clock.

    `name` is what it was begun for, `proof` what has to be shown, both as keyed hashes.
    """

    name: str
    proof: str
    seconds: int


@dataclass(frozen=True)
class Quota:
    """How often something may be done in how many seconds, counted under a key."""

    key: str
    most: int
    seconds: int


def new_attempt() -> str:
    """Return a name for a guess under way."""
    return secrets.token_hex(8)


def fingerprint(pepper: bytes, *parts: str) -> str:
    """Return a keyed hash, so that counters hold neither names nor passwords."""
    return hmac.new(
        pepper, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256
    ).hexdigest()


def sign_in_locked(lock: Lock, *, at: datetime) -> SignInLocked:
    """Tell that guessing was stopped."""
    return SignInLocked(
        id=secrets.token_urlsafe(16),
        subject=lock.sub,
        occurred_at=at,
        initiating_entity="system",
        payload=SignInLockedPayload(cause=lock.cause),
    )


def sign_in_guesses(
    pepper: bytes, user_id: str, lock: Lock | None = None, *, familiar: bool
) -> Guesses:
    """Return what is counted when a password is guessed at a sign-in.

    Guesses from a device of the user's own are counted apart, so that an attacker elsewhere cannot
    lock the user out of it.
    """
    kind = "familiar" if familiar else "account"
    return Guesses(fingerprint(pepper, kind, user_id), ACCOUNT, lock)


def factor_guesses(pepper: bytes, sub: str, *, familiar: bool) -> Guesses:
    """Return what is counted when a second factor is guessed, apart in the same way."""
    kind = "familiar-factor" if familiar else "factor"
    return Guesses(fingerprint(pepper, kind, sub), ACCOUNT, Lock(sub, "codes-locked"))


def change_guesses(pepper: bytes, sub: str) -> Guesses:
    """Return what is counted when a password is guessed in a session."""
    return Guesses(fingerprint(pepper, "change", sub), ACCOUNT, Lock(sub, "old-password-locked"))


def address_guesses(pepper: bytes, address: str) -> Guesses:
    """Return what is counted for a client address, over all accounts."""
    return Guesses(fingerprint(pepper, "address", address), ADDRESS)


def help_asked(sub: str, *, at: datetime) -> HelpAsked:
    """Tell that somebody asks the admins for help."""
    return HelpAsked(
        id=secrets.token_urlsafe(16), subject=sub, occurred_at=at, initiating_entity="user"
    )


def reset_refused(sub: str, organization: str, reason: str, *, at: datetime) -> Audited:
    """Tell the audit trail why somebody could not reset a password, which they are not told."""
    return _audited_reset(
        sub,
        AuditedPayload(
            organization=organization, action="reset-refused", outcome="refused", reason=reason
        ),
        at,
    )


def reset_done(sub: str, organization: str, *, at: datetime) -> Audited:
    """Tell the audit trail that somebody has reset their password."""
    payload = AuditedPayload(organization=organization, actor=sub, action="reset-password")
    return _audited_reset(sub, payload, at)


def _audited_reset(sub: str, payload: AuditedPayload, at: datetime) -> Audited:
    return Audited(
        id=secrets.token_urlsafe(16),
        subject=sub,
        occurred_at=at,
        initiating_entity="user",
        payload=payload,
    )


def password_changed(
    raised: Raised, *, at: datetime, cause: Cause = "password-changed", by: str | None = None
) -> CredentialChange:
    """Tell that a password was changed or reset by its owner, or set by an admin.

    The receipt names the event, so it cannot be told twice.
    """
    return CredentialChange(
        id=raised.receipt,
        subject=raised.sub,
        occurred_at=at,
        initiating_entity="admin" if cause == "password-set-by-admin" else "user",
        payload=CredentialChangePayload(
            credential_type="password",
            change_type="update",
            cause=cause,
            epoch=raised.epoch,
            receipt=raised.receipt,
            by=by,
        ),
    )


def account_disabled(
    raised: Raised, password: Password, cause: Cause, *, at: datetime
) -> AccountDisabled:
    """Tell that an account lets nobody in, under the receipt of what was ended by it."""
    return AccountDisabled(
        id=raised.receipt,
        subject=raised.sub,
        occurred_at=at,
        initiating_entity="admin",
        payload=AccountDisabledPayload(
            cause=cause, epoch=raised.epoch, receipt=raised.receipt, revision=password.version
        ),
    )


def account_enabled(password: Password, *, at: datetime) -> AccountEnabled:
    """Tell that an account lets its owner in again."""
    return AccountEnabled(
        id=secrets.token_urlsafe(16),
        subject=password.sub,
        occurred_at=at,
        initiating_entity="admin",
        payload=AccountEnabledPayload(cause="account-enabled", revision=password.version),
    )
