"""One authentication method of a person, and its rules. Nothing here reads or writes anything."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.credentials.errors import CodeRefused, CodeUsed
from services.credentials.passkeys import Passkey
from shared.contracts.events import CredentialType
from shared.contracts.methods import Kind, Use, is_factor

_UNPROVED_MINUTES = 10
_CREDENTIAL_TYPES: dict[Kind, CredentialType] = {
    "authenticator": "app",
    "passkey": "fido2-platform",
    "email": "email",
    "sms": "phone-sms",
    "voice": "phone-voice",
    "recovery-codes": "recovery-codes",
    "app-password": "app-password",
    "security-questions": "security-questions",
}
_USES: dict[Kind, tuple[Use, ...]] = {
    "authenticator": ("mfa", "reset"),
    "passkey": ("mfa",),
    "email": ("reset",),
    "sms": ("mfa", "reset"),
    "voice": ("mfa", "reset"),
    "recovery-codes": ("mfa", "reset"),
    "app-password": (),
    "security-questions": ("reset",),
}
FACTORS: frozenset[Kind] = frozenset(kind for kind, use in _USES.items() if is_factor(kind, use))
"""What may stand beside a password by itself. Recovery codes stand in for one of these."""


@dataclass(frozen=True)
class Method:
    """One way to show who one is, beside the password.

    `sealed` is its secret under the keyring, or where its codes are sent to, of which `hint` shows
    its owner a part and `mark` is a keyed hash; `last_step` is the newest time step whose code was
    taken; `codes` are the recovery codes that are left, as they are stored. `instead_of` is the
    method that it replaces once it is proved. `passkey` is what a passkey is verified with, once it
    is proved. `language` is the one that an address was added in. The `mark` of an app password is
    what it is known by, and `epoch` the one that it was made under.
    """

    id: str
    kind: Kind
    label: str
    created_at: datetime
    proved: bool = False
    sealed: bytes = b""
    last_step: int = 0
    codes: tuple[str, ...] = ()
    instead_of: str | None = None
    last_used_at: datetime | None = None
    hint: str | None = None
    mark: str | None = None
    passkey: Passkey | None = None
    epoch: int | None = None
    language: str | None = None

    @property
    def is_factor(self) -> bool:
        """Tell whether a sign-in may rest on it beside the password."""
        return self.proved and self.kind in FACTORS

    @property
    def use(self) -> tuple[Use, ...]:
        """Return what it is good for."""
        return _USES[self.kind]

    @property
    def credential_type(self) -> CredentialType:
        """Return what others call it."""
        if self.passkey is not None and self.passkey.is_roaming:
            return "fido2-roaming"
        return _CREDENTIAL_TYPES[self.kind]

    def place(self, sub: str) -> str:
        """Return what its secret is sealed for, so that it opens nowhere else."""
        return place_of(sub, self.id)

    def is_open(self, at: datetime) -> bool:
        """Tell whether it may still be proved."""
        return not self.proved and at - self.created_at < timedelta(minutes=_UNPROVED_MINUTES)

    def took_step(self, step: int, at: datetime) -> "Method":
        """Return it after a code was taken. Steps only rise, so each step's code works once."""
        if step <= self.last_step:
            raise CodeUsed
        return replace(self, last_step=step, last_used_at=at)

    def took_sent(self, at: datetime) -> "Method":
        """Return it after a code that was sent was taken."""
        return replace(self, last_used_at=at)

    def took_code(self, stored: str, at: datetime) -> "Method":
        """Return it without a recovery code that was used."""
        if stored not in self.codes:
            raise CodeRefused
        return replace(
            self, codes=tuple(each for each in self.codes if each != stored), last_used_at=at
        )


def place_of(sub: str, method_id: str) -> str:
    """Return what a method's secret is sealed for."""
    return f"method {sub} {method_id}"


def new_id() -> str:
    """Return a new opaque id of 128 random bits."""
    return secrets.token_urlsafe(16)
