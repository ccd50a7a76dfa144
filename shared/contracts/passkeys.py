"""HTTP contract between the gateway and the credentials service, for passkeys alone."""

from pydantic import Field

from shared.contracts.body import Contract, Secret, Sub
from shared.contracts.methods import LongestAnswer, LongestLabel


class EnrollPasskey(Contract):
    """Begin to set up a passkey, in place of `instead_of` where that is given.

    `issuer` and `account` are what a browser shows of it.
    """

    sub: Sub
    label: str = Field(min_length=1, max_length=LongestLabel)
    issuer: str = Field(max_length=200)
    account: str = Field(max_length=256)
    instead_of: str | None = Field(default=None, max_length=64)


class PasskeySetup(Contract):
    """What a browser makes a passkey from, as its JSON; it counts once that was answered."""

    id: str
    options: str


class BeginPasskeySignIn(Contract):
    """Begin a sign-in by somebody who does not say who they are.

    Only what comes with the same `binding` can answer it.
    """

    binding: str = Field(max_length=128)


class VerifyPasskey(Contract):
    """Tell whose passkey answered, as a browser's JSON."""

    answer: Secret = Field(max_length=LongestAnswer)
    binding: str = Field(max_length=128)
    address: str = Field(max_length=64)


class PasskeyVerified(Contract):
    """Whose it is, and the epoch before it was verified, which the sign-in rests on.

    `must_change` tells of a temporary password, `factor` is the method, and `amr` what was shown.
    `asks_for_reset` says that there may be something to register or to confirm for resets.
    """

    sub: Sub
    epoch: int
    must_change: bool
    factor: str
    amr: str
    organization: str | None = None
    asks_for_reset: bool = False
