"""HTTP contract between the gateway and the credentials service for what admins do to accounts."""

from datetime import datetime

from pydantic import Field

from shared.contracts.audit import Actor
from shared.contracts.body import Contract, Secret, Sub
from shared.contracts.credentials import LongestPassword, Words

DeletedDays = 30
"""How long what is stored of a user who was deleted stays, and nobody else gets their user ID."""


class ReadAccount(Contract):
    """Ask whether an account lets its owner in."""

    sub: Sub


class Account(Contract):
    """Whether an account lets its owner in; of two answers that with the higher revision is later.

    Where it is `disabled`, `receipt` is that of what was ended by it. `password_set_at` is when the
    present password was first set or last changed, where there is one.
    """

    sub: Sub
    revision: int
    disabled: bool = False
    deleted: bool = False
    receipt: str | None = None
    password_set_at: datetime | None = None


class RequirePasswordChange(Contract):
    """Have a password changed at the next sign-in, since somebody else may know it."""

    sub: Sub


class SetTemporaryPassword(Contract):
    """Put a password in place of an account's own, to be changed at the next sign-in.

    Without a password one is made up.
    """

    sub: Sub
    password: Secret | None = Field(default=None, max_length=LongestPassword)
    words: Words = Words()
    by: Actor | None = None


class TemporaryPassword(Contract):
    """What was ended by it, and the password where it was made up."""

    receipt: str
    password: Secret | None = None


class DisableAccount(Contract):
    """Let nobody into an account, until it is enabled again, or for ever where it is deleted.

    With a `revision`, it is refused where the account is at another one by now.
    """

    sub: Sub
    deleted: bool = False
    revision: int | None = None
    by: Actor | None = None


class EnableAccount(Contract):
    """Let the owner of an account in again, at a revision of its own in any case."""

    sub: Sub
    by: Actor | None = None
