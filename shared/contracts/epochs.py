"""What a raised epoch is to those who asked for it."""

from dataclasses import dataclass

NoEpoch = 0
"""What a subject without an account has; nothing is ever issued under it."""


@dataclass(frozen=True)
class Standing:
    """A subject's epoch, and the version of the password that was valid under it.

    `is_guarded` says that the password needs a second factor beside it.
    """

    epoch: int
    password_version: int
    is_guarded: bool = False


@dataclass(frozen=True)
class Raised:
    """A raised epoch with its receipt. The token opens the receipt and is not stored."""

    sub: str
    epoch: int
    receipt: str
    receipt_token: str
