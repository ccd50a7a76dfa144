"""Callers, flows and what a sign-in comes to."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, StringConstraints

from services.gateway.errors import MethodUnknown, SessionRequired
from shared.contracts.audit import Actor
from shared.contracts.credentials import Requirements
from shared.contracts.methods import ChallengeAnswered, LongestLabel, Method
from shared.contracts.profile import Person
from shared.contracts.records import OfRecord
from shared.contracts.sessions import Device, Session, Where
from shared.contracts.terms import MissingDocument
from shared.contracts.trust import TrustTerms

FlowSeconds = 600
Action = Literal[
    "change-password",
    "accept-terms",
    "register-security-info",
    "register-for-reset",
    "confirm-security-info",
]
_TOKEN = re.compile(r"([\w-]{1,64})\.([\w-]{1,64})\.([\w-]{20,128})", re.ASCII)
# Control characters, and those that change the order of what is written around them.
Unfit = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
# What nobody sees would make two user IDs look like one, and a name like none: Unicode's
# Default_Ignorable_Code_Point, the other format characters (Cf), and what is drawn empty.
Unseen = (
    Unfit + r"\u00ad\u034f\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    r"\u180b-\u180f\u200b-\u200d\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufffb"
    # Beyond four digits the ways to write a number differ, so these stand for themselves.
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
Label = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=LongestLabel, pattern=rf"^[^{Unfit}]*[^\s{Unseen}][^{Unfit}]*$"
    ),
]

# A Dot-string at a host, as every mail server takes it (RFC 5321, 4.1.2). Names beyond ASCII
# are for their xn-- form. Without the question mark nothing looks like an encoded word (RFC 2047).
_ATOM = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
Address = Annotated[
    str,
    StringConstraints(max_length=254, pattern=rf"^{_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})*$"),
]
# A number with its country's (E.164), and with what people part it with.
_PARTED = r"[ ()-]*"
_PARTING = re.compile(r"[ ()-]")
Number = Annotated[
    str,
    StringConstraints(
        max_length=40, pattern=rf"^\+{_PARTED}[1-9]({_PARTED}[0-9]){{7,14}}{_PARTED}$"
    ),
    AfterValidator(lambda number: _PARTING.sub("", number)),
]


@dataclass(frozen=True)
class Token:
    """A session's token, taken apart: `sub.sid.secret`."""

    sub: str
    sid: str
    secret: str

    @classmethod
    def parse(cls, text: str) -> "Token":
        """Take a token apart, or raise `SessionRequired` for what cannot be one."""
        matched = _TOKEN.fullmatch(text)
        if matched is None:
            raise SessionRequired
        return cls(*matched.groups())

    @property
    def proof(self) -> str:
        """The hash by which the secret is known."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


@dataclass(frozen=True)
class Caller:
    """Who sends a request: an accepted session and the token it was shown by."""

    session: Session
    token: str
    where: Where

    @property
    def sub(self) -> str:
        """The subject."""
        return self.session.sub


class Flow(BaseModel):
    """A sign-in whose password was right and which is not complete yet.

    `methods` are what a challenge may be answered with, and `asked` the one that it is on; both
    are empty once it was answered, or where none is asked for. It rests on `factor` then. Where
    there is none although there has to be, it `must_register` one; `to_confirm` are methods that
    its user is to look through, and `for_reset` says that they are to register for resets. These
    may be put off until `skip_until`, if that is there. What else is asked of its user is to be
    looked up where the answer to the challenge said so (`must_confirm`) or the password did
    (`asks_for_reset`), which their `record` decides. `options`
    are what a passkey has to sign, `sent` says whether a code is on its way where one is sent, and
    `binding` is what was begun for this flow. `trust_offered` are the terms under which its device
    may be trusted, `trust` those under which it is going to be, and `trusted_by` is the factor that
    it is trusted with already. `terms` of use are to be accepted first. `unsettled` is the use of
    the factor that could still be undone, which no flow that is kept has.
    """

    model_config = ConfigDict(frozen=True)

    sub: str
    epoch: int
    must_change: bool
    device_key: str | None
    device_name: str | None
    ends_at: datetime
    language: str | None = None
    is_familiar: bool = False
    device_id: str | None = None
    methods: tuple[Method, ...] = ()
    asked: str | None = None
    options: str | None = None
    sent: bool = True
    binding: str = ""
    factor: str | None = None
    amr: tuple[str, ...] = ("pwd",)
    organization: str | None = None
    must_register: bool = False
    to_confirm: tuple[Method, ...] = ()
    for_reset: bool = False
    skip_until: datetime | None = None
    must_confirm: bool = False
    asks_for_reset: bool = False
    record: OfRecord | None = None
    trust_offered: TrustTerms | None = None
    trust: TrustTerms | None = None
    trusted_by: str | None = None
    terms: tuple[MissingDocument, ...] = ()
    unsettled: str | None = None

    @property
    def trust_days(self) -> int:
        """For how many days the method being asked for may do; recovery codes do once."""
        if self.trust_offered is None or not self.asked_method.is_factor:
            return 0
        return self.trust_offered.days

    @property
    def is_challenged(self) -> bool:
        """Tell whether it waits for a second factor."""
        return bool(self.methods)

    @property
    def asked_method(self) -> Method:
        """Return the method that the challenge is on."""
        return next(each for each in self.methods if each.id == self.asked)

    @property
    def action(self) -> Action | None:
        """What it waits for its user to do, one after the other; nothing while it is challenged."""
        if self.is_challenged:
            return None
        if self.must_change:
            return "change-password"
        if self.terms:
            return "accept-terms"
        if self.must_register:
            return "register-security-info"
        if self.to_confirm:
            return "confirm-security-info"
        return "register-for-reset" if self.for_reset else None

    @property
    def is_waiting(self) -> bool:
        """Tell whether its user has to show or to do something before there is a session."""
        return self.is_challenged or self.action is not None

    @property
    def is_asked_more(self) -> bool:
        """Tell whether something else may be asked of who has shown all they have to.

        On a trusted device, that was not shown this time.
        """
        is_shown = not self.is_waiting and self.trusted_by is None
        return is_shown and (self.must_confirm or self.asks_for_reset)

    def asking(
        self,
        methods: tuple[Method, ...],
        *,
        must_register: bool,
        skip_until: datetime | None = None,
    ) -> "Flow":
        """Return it with what it takes besides the password."""
        asked = methods[0].id if methods else None
        return self.model_copy(
            update={
                "methods": methods,
                "asked": asked,
                "options": None,
                "must_register": must_register,
                "skip_until": skip_until,
            }
        )

    def on(self, method_id: str) -> "Flow":
        """Return it with the challenge on another method, or raise `MethodUnknown`."""
        if all(each.id != method_id for each in self.methods):
            raise MethodUnknown
        return self.model_copy(update={"asked": method_id, "options": None, "sent": True})

    def answered(self, answered: ChallengeAnswered, trust: TrustTerms | None = None) -> "Flow":
        """Return it after a second factor was shown, on a device that is to be trusted or not."""
        more = {
            "trust": trust,
            "must_confirm": answered.must_confirm,
            "unsettled": answered.unsettled,
        }
        return self.resting_on(answered.factor, answered.amr).model_copy(update=more)

    def resting_on(self, factor: str, amr: str) -> "Flow":
        """Return it after a second factor was shown."""
        shown = {"factor": factor, "amr": (*self.amr, amr)}
        return self.asking((), must_register=False).model_copy(update=shown)

    def asked_more(self, asked: Requirements, record: OfRecord | None) -> "Flow":
        """Return it with what else it takes."""
        flow = self.asking(
            asked.methods, must_register=asked.must_register, skip_until=asked.skip_until
        )
        more = {"to_confirm": asked.to_confirm, "for_reset": asked.for_reset, "record": record}
        return flow.model_copy(update=more)

    def asked_no_more(self) -> "Flow":
        """Return it after what was asked for was confirmed or put off. Nothing else is asked."""
        nothing = {
            "to_confirm": (),
            "for_reset": False,
            "must_confirm": False,
            "asks_for_reset": False,
        }
        return self.asking((), must_register=False).model_copy(update=nothing)


@dataclass(frozen=True)
class FlowKey:
    """A flow's id, and the client that began it. Neither opens a flow without the other."""

    id: str
    client: str

    @property
    def binding(self) -> str:
        """Return what ties a challenge to both, where nothing else is kept of the flow yet."""
        return hashlib.sha256(f"{self.id}\0{self.client}".encode()).hexdigest()


@dataclass(frozen=True)
class SignInAttempt:
    """What somebody signs in with, and from where."""

    user_id: str
    password: SecretStr
    where: Where
    client: str
    device_keys: tuple[str, ...] = ()
    device_name: str | None = None
    language: str | None = None
    # Of an authenticator app, where the client has it at hand.
    code: SecretStr | None = None


@dataclass(frozen=True)
class PasskeyAttempt:
    """What a passkey answered to a sign-in that its client began, in a browser's JSON."""

    key: FlowKey
    answer: SecretStr
    where: Where
    device_keys: tuple[str, ...] = ()
    device_name: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class SignedIn:
    """A sign-in that is complete."""

    token: str
    expires_at: datetime
    session: Session
    device: Device


@dataclass(frozen=True)
class Challenged:
    """A sign-in that waits for a second factor: `asked`, or another of `methods`.

    `options` are what is to be signed, as a browser's JSON, where `asked` is a passkey. `sent` says
    whether a code is on its way, where `asked` is a method whose codes are sent. The device may be
    trusted for `trust_days`, if any.
    """

    flow: str
    asked: Method
    methods: tuple[Method, ...]
    options: str | None = None
    sent: bool | None = None
    trust_days: int = 0


@dataclass(frozen=True)
class ActionRequired:
    """A sign-in that waits for the user to do something first.

    It may be put off until `skip_until`, if that is there. `methods` are those to be confirmed, and
    `terms` what is to be accepted.
    """

    flow: str
    action: Action
    skip_until: datetime | None = None
    methods: tuple[Method, ...] = ()
    terms: tuple[MissingDocument, ...] = ()

    @classmethod
    def of(cls, flow_id: str, flow: Flow, action: Action) -> "ActionRequired":
        """Return what a flow waits for."""
        if action == "change-password":
            return cls(flow_id, action)
        if action == "accept-terms":
            return cls(flow_id, action, terms=flow.terms)
        return cls(flow_id, action, flow.skip_until, flow.to_confirm)


def acting(admin: Person) -> Actor:
    """Return an admin as who does what they ask for."""
    return Actor(sub=admin.sub, organization=admin.home_organization.id)


def new_binding() -> str:
    """Return what ties a challenge to what it was begun for."""
    return secrets.token_urlsafe(16)


def new_flow_id() -> str:
    """Return a flow id that cannot be guessed."""
    return secrets.token_urlsafe(32)
