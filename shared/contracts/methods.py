"""HTTP contract between the gateway and the credentials service, for authentication methods."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.contracts.audit import Actor
from shared.contracts.body import Contract, Secret, Sid, Sub
from shared.contracts.records import OfRecord
from shared.contracts.trust import TrustTerms

Kind = Literal[
    "authenticator",
    "passkey",
    "email",
    "sms",
    "voice",
    "recovery-codes",
    "app-password",
    "security-questions",
]
Use = Literal["mfa", "reset"]
SentKind = Literal["email", "sms", "voice"]
"""The kinds whose codes are sent to an address or a number."""
SentKinds: tuple[SentKind, ...] = ("email", "sms", "voice")
PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{7,14}$")]
"""A number as every carrier takes it: `+`, country code and subscriber's number (E.164, 6)."""
What = Literal["added", "removed", "replaced", "renamed", "default", "codes", "cleared"]
"""What was done to somebody's methods: `codes` were made, `cleared` took all of them away."""
LongestLabel = 60
LongestCode = 64
"""Characters that are read at all; what is longer is no code."""
LongestAnswer = 16_384
"""The same of a passkey's answer, which comes with a signature."""


def is_factor(kind: Kind, use: tuple[Use, ...]) -> bool:
    """Tell whether a sign-in may rest on a kind beside the password.

    Recovery codes stand in for a factor, and are none.
    """
    return "mfa" in use and kind != "recovery-codes"


class Method(Contract):
    """A method as its owner sees it; `codes_left` only where it consists of codes."""

    id: str
    kind: Kind
    label: str
    hint: str | None = None
    use: tuple[Use, ...]
    default: bool
    created_at: datetime
    last_used_at: datetime | None = None
    codes_left: int | None = None
    # What the organization does not allow any more is there to be removed, and good for nothing.
    allowed: bool = True

    @property
    def is_factor(self) -> bool:
        """Tell whether a sign-in may rest on it beside the password."""
        return is_factor(self.kind, self.use)

    @property
    def answers_unasked(self) -> bool:
        """Tell whether its owner has the code at any time, with nothing begun for it."""
        return self.kind in {"authenticator", "recovery-codes"}

    @property
    def is_sent(self) -> bool:
        """Tell whether its code is sent, which takes a while and may fail."""
        return self.kind in SentKinds


class LastChange(Contract):
    """What was done last to somebody's methods, when, and to which; to all of them without a kind.

    `label` is what the method was called, or the part of an address or a number that is shown.
    """

    at: datetime
    what: What
    kind: Kind | None = None
    label: str = ""


class MethodList(Contract):
    """All methods that were proved, oldest first; `sendable` are the kinds that codes go out by.

    `app_passwords` says whether any may be made, and `questions` whether any may be registered.
    `revision` rises with whatever changes about them. `resets` says whether anybody of the
    organization may reset a forgotten password.
    """

    items: tuple[Method, ...]
    resets: bool = True
    sendable: tuple[SentKind, ...] = ()
    app_passwords: bool = False
    questions: bool = False
    last_change: LastChange | None = None
    revision: int = 0


class ListMethods(Contract):
    """Ask for a subject's methods."""

    sub: Sub


class EnrollAuthenticator(Contract):
    """Begin to set up an authenticator app, in place of `instead_of` where that is given.

    `issuer` and `account` are what the app shows beside the code. `signing_in_under` is the epoch
    of a sign-in that waits for it, where nobody is signed in yet: then there may be no factor yet.
    A `secret`, in base32, is given only where somebody brings one along from elsewhere.
    """

    sub: Sub
    label: str = Field(min_length=1, max_length=LongestLabel)
    issuer: str = Field(max_length=200)
    account: str = Field(max_length=256)
    instead_of: str | None = Field(default=None, max_length=64)
    secret: Secret | None = Field(default=None, min_length=26, max_length=128)
    signing_in_under: int | None = None


class AuthenticatorSetup(Contract):
    """What the app is to be given; it counts once a code of it was shown. Said once."""

    id: str
    secret: Secret
    otpauth_uri: Secret


class EnrollSent(Contract):
    """Begin to set up an address or a number, in place of `instead_of` where that is given.

    A code is sent there, in words of `language`.
    """

    sub: Sub
    kind: SentKind
    target: Secret = Field(max_length=254)
    language: str | None = Field(default=None, max_length=16)
    instead_of: str | None = Field(default=None, max_length=64)


class SentSetup(Contract):
    """The method that counts once the code was shown, and where that was sent to."""

    id: str
    hint: str


class ImportSent(Contract):
    """Add an address or a number that an admin vouches for, or only try whether it could be.

    `language` is the one that its owner reads, where that is known.
    """

    sub: Sub
    kind: SentKind
    target: Secret = Field(max_length=254)
    language: str | None = Field(default=None, max_length=16)
    dry_run: bool
    by: Actor | None = None


class Imported(Contract):
    """Whether it was added, or would be; otherwise it was there already."""

    added: bool


class MakeRecoveryCodes(Contract):
    """Make new recovery codes; the older ones stop working."""

    sub: Sub
    # The session that does so, which need not end when it rests on the older ones.
    sid: Sid


class RecoveryCodes(Contract):
    """The codes, said once."""

    id: str
    codes: tuple[Secret, ...]
    gone: tuple[str, ...] = ()
    revision: int = 0


class ProveMethod(Contract):
    """Show that a method works, in a session, or in a sign-in that waits for it.

    The answer is a code, or a passkey's in JSON. `binding` is what was begun to be set up, where
    something was sent for it.
    """

    sub: Sub
    id: str = Field(max_length=64)
    answer: Secret = Field(max_length=LongestAnswer)
    binding: str = Field(default="", max_length=128)
    address: str = Field(max_length=64)
    # The session that does so, which need not end when the method replaces the one it rests on.
    sid: Sid | None = None
    signing_in_under: int | None = None


class Proved(Contract):
    """The method as it is used from now on; nothing may rest on those that are gone."""

    method: Method
    amr: str
    gone: tuple[str, ...] = ()


class RenameMethod(Contract):
    """Call a method something else."""

    sub: Sub
    id: str = Field(max_length=64)
    label: str = Field(min_length=1, max_length=LongestLabel)


class RemoveMethod(Contract):
    """Remove a method."""

    sub: Sub
    id: str = Field(max_length=64)


class Removed(Contract):
    """The default method from now on; nothing may rest on those that are gone."""

    default: str | None
    gone: tuple[str, ...] = ()


class RequireSecurityInfo(Contract):
    """Take a subject's methods away, and have a second factor registered at the next sign-in."""

    sub: Sub
    by: Actor | None = None


class Cleared(Contract):
    """Nothing may rest on the methods that are gone."""

    gone: tuple[str, ...] = ()


class ChooseDefault(Contract):
    """Use this method first from now on."""

    sub: Sub
    id: str = Field(max_length=64)


class BeginChallenge(Contract):
    """Begin a challenge on a method, in the words of a language where something is sent.

    `binding` is what it belongs to; only what comes with the same one can answer it.
    """

    sub: Sub
    id: str = Field(max_length=64)
    binding: str = Field(max_length=128)
    language: str | None = Field(default=None, max_length=16)


class ChallengeBegun(Contract):
    """What is to be signed, as a browser's JSON, where it is a passkey that answers."""

    options: str | None = None


class AnswerChallenge(Contract):
    """Answer a challenge, under the epoch that what it belongs to was begun under.

    `answer` is a code, or what a passkey says in JSON. `familiar` says that it comes from a device
    of the subject's own. Whose policy holds is looked up where the `organization` is not known.
    Who is to `settle_later` hands nothing out before `SettleAnswer` said that the use is kept.
    """

    sub: Sub
    epoch: int
    id: str = Field(max_length=64)
    answer: Secret = Field(max_length=LongestAnswer)
    binding: str = Field(default="", max_length=128)
    address: str = Field(max_length=64)
    familiar: bool = False
    organization: str | None = None
    settle_later: bool = False


class ChallengeAnswered(Contract):
    """The answer was right. `amr` is what was shown (RFC 8176); `factor` is what it rests on.

    Under the terms of `trust`, if any, it may do for later sign-ins on the same device.
    `must_confirm` says that its owner is to look through the methods there are. `unsettled` is the
    id of this use where the loss of one member of the store could still undo it.
    """

    factor: str
    amr: str
    codes_left: int | None = None
    trust: TrustTerms | None = None
    must_confirm: bool = False
    unsettled: str | None = None


class SettleAnswer(Contract):
    """Ask whether the use of a method that an answer was is kept for good."""

    sub: Sub
    use: str = Field(max_length=64)


class AnswerSettled(Contract):
    """Whether it is. If not, it was undone, and somebody else may have given the same answer."""

    kept: bool


class PutOffSecurityInfo(Contract):
    """Go on with a sign-in without what it asks for: something to register, methods to confirm.

    `signing_in_under` is its epoch, and `factor` what it rests on. Where that is the password
    alone, there may be no factor. Without a `record` nothing was asked that is for resets alone;
    who `registers` for these does so in the session that begins.
    """

    sub: Sub
    signing_in_under: int
    factor: str | None = Field(default=None, max_length=64)
    record: OfRecord | None = None
    registers: bool = False


class ConfirmSecurityInfo(Contract):
    """Say, in a sign-in that rests on `factor`, that the methods there are are still right.

    Where it rests on the password alone, there may be no factor.
    """

    sub: Sub
    signing_in_under: int
    factor: str | None = Field(default=None, max_length=64)
