"""Time-based one-time passwords (RFC 6238): SHA-1, six digits, thirty seconds."""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from pydantic import SecretStr
from pyotp import TOTP

from services.credentials.errors import CodeRefused
from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges, Shown
from services.credentials.method import Method, new_id
from shared.clock import Clock
from shared.contracts.methods import (
    AuthenticatorSetup,
    BeginChallenge,
    ChallengeBegun,
    EnrollAuthenticator,
)
from shared.contracts.refusals import InvalidRequest

StepSeconds = 30
_DIGITS = 6
_SECRET_BYTES = 20
_LONGEST_NAME = 60
_ASCII_DIGITS = frozenset("0123456789")


@dataclass(frozen=True)
class Totp:
    """An authenticator app's secret of 160 bits (RFC 4226, section 4, R6)."""

    secret: bytes

    @classmethod
    def fresh(cls) -> "Totp":
        """Return a new one."""
        return cls(secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def typed_as(cls, typed: str) -> "Totp":
        """Return the one that people type like this, or raise `InvalidRequest`."""
        try:
            return cls(base64.b32decode(typed + "=" * (-len(typed) % 8)))
        except binascii.Error as error:
            fault = {"field": "secret", "reason": "unfit", "message": "unfit"}
            raise InvalidRequest(errors=[fault]) from error

    @property
    def typed(self) -> str:
        """Return the secret as people type it: base32."""
        return base64.b32encode(self.secret).decode().rstrip("=")

    def uri(self, *, issuer: str, account: str) -> str:
        """Return the `otpauth://` URI that a QR code carries."""
        label = f"{quote(_plain(issuer), safe='')}:{quote(_plain(account), safe='')}"
        return f"otpauth://totp/{label}?secret={self.typed}&issuer={quote(_plain(issuer), safe='')}"

    def step_of(self, code: str, *, at: datetime) -> int | None:
        """Return the time step that a code belongs to: the current one or the one before.

        None for any other code, however it is spelt: only ASCII digits count.
        """
        digits = code.replace(" ", "")
        if len(digits) != _DIGITS or not _ASCII_DIGITS.issuperset(digits):
            return None
        current = int(at.timestamp()) // StepSeconds
        totp = TOTP(self.typed)
        # Both are computed, so that the time it takes does not tell which one it was.
        equal = {
            step: hmac.compare_digest(totp.at(step * StepSeconds), digits)
            for step in (current, current - 1)
        }
        return next((step for step, is_equal in equal.items() if is_equal), None)


def _plain(text: str) -> str:
    # A colon separates issuer and account in the label. What is longer fits into no QR code.
    return text.replace(":", " ").strip()[:_LONGEST_NAME]


@dataclass(frozen=True)
class Authenticators:
    """Authenticator apps, whose secrets are sealed under the keyring."""

    changes: MethodChanges
    keyring: Keyring
    clock: Clock
    amr: str = "otp"

    async def enroll(self, asked: EnrollAuthenticator) -> AuthenticatorSetup:
        """Begin to set up an authenticator app. Nothing counts before it is proved."""
        brought = asked.secret
        totp = Totp.fresh() if brought is None else Totp.typed_as(brought.get_secret_value())
        new = Method(
            id=new_id(),
            kind="authenticator",
            label=asked.label,
            created_at=self.clock.now(),
            instead_of=asked.instead_of,
        )
        sealed = replace(new, sealed=self.keyring.seal(new.place(asked.sub), totp.secret))
        await self.changes.begin(asked.sub, sealed, signing_in_under=asked.signing_in_under)
        return AuthenticatorSetup(
            id=new.id,
            secret=SecretStr(totp.typed),
            otpauth_uri=SecretStr(totp.uri(issuer=asked.issuer, account=asked.account)),
        )

    async def begin(self, _method: Method, _asked: BeginChallenge) -> ChallengeBegun:
        """Do nothing: the app shows a code at any time."""
        return ChallengeBegun()

    async def admit(self, _method: Method, _shown: Shown) -> None:
        """Do nothing: the step is used up where it is taken."""

    def took(self, method: Method, shown: Shown) -> Method:
        """Take the step that the code belongs to."""
        secret = self.keyring.open(method.place(shown.sub), method.sealed)
        step = Totp(secret).step_of(shown.answer, at=shown.at)
        if step is None:
            raise CodeRefused
        return method.took_step(step, shown.at)
