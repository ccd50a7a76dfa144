"""The bodies of what the public API says of methods beside the password."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, SecretStr, StringConstraints

from services.gateway.api.bodies import MethodId
from services.gateway.forms import Body, Password
from services.gateway.model import Address, Label, Number
from shared.contracts.methods import LastChange, Method
from shared.contracts.questions import LongestTyped
from shared.contracts.resets import RegisteredForReset


class EnrollAuthenticatorBody(Body):
    """An authenticator app to be set up, in place of `instead_of` where that is given."""

    kind: Literal["authenticator"]
    label: Label
    instead_of: MethodId | None = None


class MakeRecoveryCodesBody(Body):
    """New recovery codes, in place of those there are."""

    kind: Literal["recovery-codes"]


class EnrollPasskeyBody(Body):
    """A passkey to be set up, in place of `instead_of` where that is given."""

    kind: Literal["passkey"]
    label: Label
    instead_of: MethodId | None = None


class EnrollAddressBody(Body):
    """A mail address to be added, or put in place of another one; a code is sent there."""

    kind: Literal["email"]
    address: Address
    instead_of: MethodId | None = None


class EnrollNumberBody(Body):
    """A phone number for text messages or calls, or one in place of another; a code is sent."""

    kind: Literal["sms", "voice"]
    number: Number
    instead_of: MethodId | None = None


class QuestionBody(Body):
    """A question, by id or in one's own words, and the answer."""

    question: Annotated[str, StringConstraints(min_length=1, max_length=LongestTyped)]
    answer: Annotated[SecretStr, Field(min_length=1, max_length=LongestTyped)]


class SetQuestionsBody(Body):
    """Security questions, in place of those there are."""

    kind: Literal["security-questions"]
    answers: Annotated[tuple[QuestionBody, ...], Field(max_length=20, strict=False)]


class MakeAppPasswordBody(Body):
    """A password for one program that cannot ask for a second factor."""

    kind: Literal["app-password"]
    label: Label


ToEnroll = (
    EnrollAuthenticatorBody
    | EnrollPasskeyBody
    | MakeRecoveryCodesBody
    | EnrollAddressBody
    | EnrollNumberBody
    | MakeAppPasswordBody
    | SetQuestionsBody
)


class EnrollBody(RootModel[ToEnroll]):
    """A method to be set up."""

    model_config = ConfigDict(frozen=True, strict=True)

    root: ToEnroll = Field(discriminator="kind")


class CheckAppPasswordBody(Body):
    """What a server was given by a program; `address` is where that is, if it is to be counted."""

    user_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    app_password: Password
    address: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None


class RenameBody(Body):
    """What a method is to be called."""

    label: Label


class DefaultBody(Body):
    """The method to be asked for first."""

    id: MethodId


def _is_for_nobody(reset: RegisteredForReset | None) -> bool:
    return reset is None or not reset.enabled


class MethodItems(BaseModel):
    """All methods, and what was done to them last; there is never another page.

    `reset` says what resetting a forgotten password still takes, to those who may.
    """

    items: tuple[Method, ...]
    next: str | None = None
    last_change: LastChange | None = None
    reset: RegisteredForReset | None = Field(default=None, exclude_if=_is_for_nobody)


class AuthenticatorToSetUp(BaseModel):
    """What an authenticator app is given: to scan, or to type."""

    secret: str
    otpauth_uri: str
    qr_svg: str


class OptionsToSign(BaseModel):
    """What a browser makes a passkey from, or signs with one (WebAuthn level 3, 5.4 and 5.5)."""

    options: dict[str, Any]

    @classmethod
    def of(cls, options: str | None) -> "OptionsToSign":
        """Return them as JSON; a method that asks for no signature has none."""
        return cls(options=json.loads(options or "{}"))


class PasskeyOptions(OptionsToSign):
    """What any passkey of this site may sign, for the sign-in that was begun."""

    flow: str


class CodesToKeep(BaseModel):
    """Recovery codes, said once."""

    codes: tuple[str, ...]


class AppPasswordToKeep(BaseModel):
    """An app password, said once."""

    password: str


class CodeSent(BaseModel):
    """Where a code was sent to."""

    hint: str


class QuestionsKept(BaseModel):
    """The questions that were registered; what was answered is never said again."""

    questions: tuple[str, ...]


class Enrolled(BaseModel):
    """A method that is set up, or counts once it is proved."""

    id: str
    state: Literal["unproved", "active"]
    setup: (
        AuthenticatorToSetUp
        | OptionsToSign
        | CodesToKeep
        | CodeSent
        | AppPasswordToKeep
        | QuestionsKept
    )


class SignInRegistration(BaseModel):
    """The sign-in waits for a code of the method that was begun to be set up."""

    state: Literal["action-required"] = "action-required"
    flow: str
    action: Literal["register-security-info"] = "register-security-info"
    method: Enrolled


class DefaultAnswer(BaseModel):
    """The method that is asked for first from now on."""

    default: str | None
