"""The bodies of the public API. What stands here keeps its name, its shape and its meaning."""

import json
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from services.gateway.forms import Body, Password
from shared.contracts.methods import LongestAnswer, LongestCode
from shared.contracts.profile import Person
from shared.contracts.sessions import Purpose, Receipt, Session

Code = Annotated[SecretStr, Field(min_length=1, max_length=LongestCode)]


def _short_enough(said: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(said)) > LongestAnswer:
        raise PydanticCustomError("too_long", "No passkey says as much")
    return said


# What a browser says for a passkey, as its `toJSON` writes it (WebAuthn level 3, 5.1).
Said = Annotated[dict[str, Any], AfterValidator(_short_enough)]
MethodId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class MethodChoiceBody(Body):
    """The method that a challenge is to be on."""

    method_id: MethodId


class Shown(Body):
    """What shows who somebody is: a code, or what a browser says for a passkey."""

    @staticmethod
    def _one_of(code: SecretStr | None, said: dict[str, Any] | None) -> SecretStr:
        text = json.dumps(said) if said is not None else None
        return code or SecretStr(text or "")


class ProofBody(Shown):
    """What shows that a method works: a code, or what a browser says of a passkey it made."""

    code: Code | None = None
    attestation: Said | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.code is None) == (self.attestation is None):
            raise ValueError("Either a code or an attestation.")
        return self

    @property
    def shown(self) -> SecretStr:
        """Return it as text."""
        return self._one_of(self.code, self.attestation)


class ReAuthenticateBody(Shown):
    """The password, or a method with its code or with what a browser says for its passkey.

    With an `organization`, it is for leaving that one, and good for nothing else.
    """

    password: Password | None = None
    method_id: MethodId | None = None
    code: Code | None = None
    assertion: Said | None = None
    purpose: Purpose = "security-info"
    organization: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        answers = [each for each in (self.code, self.assertion) if each is not None]
        if (self.password is None) == (not answers and self.method_id is None):
            raise ValueError("Either the password or a method with its code.")
        if len(answers) != int(self.method_id is not None):
            raise ValueError("A method goes with its code or its assertion.")
        if "purpose" in self.model_fields_set and self._names_another_purpose:
            raise ValueError("An organization is named for leaving it, and for nothing else.")
        return self

    @property
    def _names_another_purpose(self) -> bool:
        return (self.purpose == "organization") != (self.organization is not None)

    @property
    def shown(self) -> SecretStr:
        """Return what is shown for the method, as text."""
        return self._one_of(self.code, self.assertion)

    @property
    def shown_for(self) -> Purpose:
        """Return what it is good for."""
        return "organization" if self.organization is not None else self.purpose


class ConfirmBody(Body):
    """The confirmation of what cannot be undone."""

    confirm: bool = False


class ChangePasswordBody(Body):
    """The current password and the one to replace it.

    In a session that rests on a second factor, shown in the last ten minutes, the current one may
    be left out.
    """

    old_password: Password | None = None
    new_password: Password


class CheckPasswordBody(Body):
    """A password to be rated; nothing is stored."""

    password: Password


class SessionItem(BaseModel):
    """One open session; `current` marks the one that asks."""

    sid: str
    device_id: str
    created_at: datetime
    last_seen_at: datetime
    address: str
    user_agent: str
    app: str
    aal: int
    current: bool

    @classmethod
    def of(cls, session: Session, *, current: str) -> "SessionItem":
        """Return a session as its user sees it."""
        fields = session.model_dump(include=set(cls.model_fields))
        return cls(**fields, current=session.sid == current)


class SessionItems(BaseModel):
    """A page of open sessions; `next` is the cursor of the following page."""

    items: tuple[SessionItem, ...]
    next: str | None = None


class ReceiptItems(BaseModel):
    """A page of receipts."""

    items: tuple[Receipt, ...]
    next: str | None = None


class UserItems(BaseModel):
    """A page of users."""

    items: tuple[Person, ...]
    next: str | None = None


class ReAuthenticated(BaseModel):
    """When the caller showed last who they are, and at which assurance level they are."""

    auth_time: datetime
    aal: int


class ParkedItem(BaseModel):
    """An event that could not be handled: in which queue, why, and how large it is in bytes."""

    id: str
    queue: str
    event: str
    reason: str
    size: int


class ParkedItems(BaseModel):
    """A page of the events that could not be handled."""

    items: tuple[ParkedItem, ...]
    next: str | None = None


class ReceiptGiven(BaseModel):
    """The receipt of what was begun, and the token that opens it once the session is gone."""

    receipt: str
    receipt_token: str


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str
    reason: str
    message: str


class Problem(BaseModel):
    """A refusal (RFC 9457). `type` is the stable part; `title` and `detail` are for people."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[FieldError, ...] | None = None
