"""The bodies of what the public API says of a sign-in, before there is a session."""

import json
from datetime import datetime
from operator import not_
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from services.gateway.api.bodies import Code, MethodId, Said, Shown
from services.gateway.forms import Body, Password
from services.gateway.model import ActionRequired, Label, Unfit, Unseen
from shared.contracts.methods import Kind, Method
from shared.contracts.terms import MissingDocument

# It is read by its user in lists; an empty one is none.
DeviceName = Annotated[
    str,
    StringConstraints(max_length=100, pattern=rf"^([^{Unfit}]*[^\s{Unseen}][^{Unfit}]*)?$"),
]


class _OnDevice(Body):
    device_key: Annotated[str, StringConstraints(max_length=256)] | None = None
    device_name: DeviceName | None = None

    @property
    def device_keys(self) -> tuple[str, ...]:
        """Return the key, where there is one."""
        return (self.device_key,) if self.device_key is not None else ()


class SignInBody(_OnDevice):
    """A user ID with its password, and the key of a device that signed in before.

    With the `code` of the authenticator app that would be asked for first, there is no challenge.
    """

    user_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    password: Password
    code: Code | None = None


class MethodToRegister(Body):
    """A second factor to be registered before a sign-in is complete."""

    kind: Literal["authenticator"]
    label: Label


class NamedTerms(Body):
    """A version of terms of use that was read."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    version: Annotated[int, Field(ge=1, lt=2**31)]


class ActionBody(Body):
    """What the sign-in waits for, which its `action` says.

    The user's own password in place of a temporary one; or a method to be registered, and then its
    id with a code that shows that it works; or that the methods there are are still right; or
    that registering or confirming is put off, which `skip_until` says until when is possible; or
    that what is asked for resets is registered now, in the session that begins; or the versions
    of terms of use that are accepted, or that they are declined, which ends it.
    """

    new_password: Password | None = None
    method: MethodToRegister | None = None
    method_id: MethodId | None = None
    code: Code | None = None
    confirm: Literal[True] | None = None
    skip: Literal[True] | None = None
    register_now: Literal[True] | None = None
    terms: Annotated[tuple[NamedTerms, ...], Field(max_length=100, strict=False)] | None = None
    decline: Literal[True] | None = None

    @model_validator(mode="after")
    def _is_one_of_these(self) -> Self:
        if (self.method_id is None) != (self.code is None):
            raise ValueError("A method goes with its code.")
        choices = (self.new_password, self.method, self.code, self.terms)
        answers = (self.confirm, self.skip, self.register_now, self.decline)
        if sum(each is not None for each in (*choices, *answers)) != 1:
            raise ValueError("One of these: a password, a method, its code, terms, or an answer.")
        return self


class AnswerBody(Shown):
    """The answer to a challenge: a code, or what a browser says for a passkey.

    `trust_device` asks not to be challenged again on this device, for as many days as the
    challenge says. It comes to nothing where the organization allows none, and with recovery codes.
    """

    code: Code | None = None
    assertion: Said | None = None
    trust_device: bool = False

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.code is None) == (self.assertion is None):
            raise ValueError("Either a code or an assertion.")
        return self

    @property
    def shown(self) -> SecretStr:
        """Return it as text."""
        return self._one_of(self.code, self.assertion)


class PasskeyBody(_OnDevice, Shown):
    """What a browser says for a passkey that signs in alone, and the device's key if it has one."""

    flow: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    assertion: Said

    @property
    def shown(self) -> SecretStr:
        """Return it as text."""
        return self._one_of(None, self.assertion)


class DeviceAnswer(BaseModel):
    """The device of a sign-in; `key` is a secret, given once for a new device."""

    id: str
    key: str | None = None


class SignInComplete(BaseModel):
    """The sign-in is complete: the token stands for the session until `expires_at`."""

    state: Literal["complete"] = "complete"
    token: str
    expires_at: datetime
    session: str
    device: DeviceAnswer


class ChallengeMethod(BaseModel):
    """A method that a challenge can be answered with.

    `options` are what a browser's passkey has to sign (WebAuthn, 5.1), where it is the one asked.
    """

    id: str
    kind: Kind
    label: str
    hint: str | None = None
    options: dict[str, Any] | None = None

    @classmethod
    def of(cls, method: Method, options: str | None = None) -> "ChallengeMethod":
        """Return a method as somebody sees it who is not signed in yet."""
        return cls(
            id=method.id,
            kind=method.kind,
            label=method.label,
            hint=method.hint,
            options=json.loads(options) if options is not None else None,
        )


class SignInAction(BaseModel):
    """The sign-in waits until the user has done `action`.

    It may be put off until `skip_until`, if that is there. `methods` are those to be confirmed,
    where something is, and `terms` those to be accepted. What is to be registered `for` a reset
    may be any method that is for that.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    state: Literal["action-required"] = "action-required"
    flow: str
    action: Literal[
        "change-password", "accept-terms", "register-security-info", "confirm-security-info"
    ]
    for_: Literal["reset"] | None = Field(default=None, exclude_if=not_, serialization_alias="for")
    skip_until: datetime | None = Field(default=None, exclude_if=not_)
    methods: tuple[ChallengeMethod, ...] = Field(default=(), exclude_if=not_)
    terms: tuple[MissingDocument, ...] = Field(default=(), exclude_if=not_)

    @classmethod
    def of(cls, waiting: ActionRequired) -> "SignInAction":
        """Return what a sign-in waits for, as its client is told."""
        is_for_reset = waiting.action == "register-for-reset"
        return cls(
            flow=waiting.flow,
            action="register-security-info" if is_for_reset else waiting.action,
            for_="reset" if is_for_reset else None,
            skip_until=waiting.skip_until,
            methods=tuple(map(ChallengeMethod.of, waiting.methods)),
            terms=waiting.terms,
        )


class SignInChallenge(BaseModel):
    """The sign-in waits for a second factor; `method` is the one being asked for.

    `sent` tells, of a method whose codes are sent, whether one is on its way. Who answers with it
    may trust the device for `trust_days`; 0 where that is not allowed.
    """

    state: Literal["challenge"] = "challenge"
    flow: str
    method: ChallengeMethod
    methods: tuple[ChallengeMethod, ...]
    sent: bool | None = None
    trust_days: int = 0
