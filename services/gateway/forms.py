"""What admins fill in, in a form or a body: people's records and policies."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from services.gateway.model import Address, Unfit, Unseen
from shared.contracts.credentials import LongestPassword
from shared.contracts.methods import Kind
from shared.contracts.policy import (
    BannedWord,
    EnabledFor,
    GroupName,
    LeastActivityDays,
    LeastIdleMinutes,
    LeastLifetimeHours,
    LeastMinimumLength,
    LeastQuestions,
    MostActivityDays,
    MostBannedWords,
    MostGroups,
    MostHistory,
    MostIdleMinutes,
    MostLifetimeHours,
    MostLockHours,
    MostMails,
    MostMinimumLength,
    MostQuestions,
    MostReconfirmDays,
    MostSends,
    MostSkipDays,
    MostWrongProofs,
    PortalPolicy,
    ResetKind,
    SecondFactor,
    UsualLockHours,
    UsualMails,
    UsualMinimumLengthWithFactor,
    UsualReconfirmDays,
    UsualSends,
    UsualWrongProofs,
)
from shared.contracts.portal import AREAS, PROFILE_FIELDS, Area, PortalAccess, ProfileField
from shared.contracts.profile import Groups, Role
from shared.contracts.trust import MostTrustDays
from shared.texts import is_language

Password = Annotated[SecretStr, Field(max_length=LongestPassword)]
Line = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=200, pattern=rf"^[^{Unfit}]*[^\s{Unseen}][^{Unfit}]*$"
    ),
]
# Whatever else a browser would follow, such as a script, is none.
WebAddress = Annotated[
    str, StringConstraints(max_length=300, pattern=rf"^https?://[^\s{Unseen}\"<>]+$")
]
UserId = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=256,
        pattern=rf"^[^\s{Unseen}]([^{Unseen}]*[^\s{Unseen}])?$",
    ),
]
# Language, script, region and variants (RFC 5646, 2.1). What else a tag may have, names none.
_VARIANT = r"[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}"
_LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?" + f"(-({_VARIANT}))*$"

_CASES = {2: str.upper, 4: str.title}
"""How regions and scripts are written; variants stay small."""
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE
)


def _known_language(tag: str) -> str:
    if not is_language(tag):
        raise PydanticCustomError("unknown_language", "There is no such language")
    return _as_registered(tag)


def _as_registered(tag: str) -> str:
    """Return a tag in the case of the registry, so that one language is one (RFC 5646, 2.1.1)."""
    first, *rest = tag.lower().split("-")
    return "-".join([first, *(_CASES.get(len(each), str)(each) for each in rest)])


LanguageTag = Annotated[
    str,
    StringConstraints(max_length=16, pattern=_LANGUAGE),
    AfterValidator(_known_language),
]


def _in_utc(said: object) -> datetime:
    # Without this, a number or its digits would be taken for Unix time.
    if not isinstance(said, str):
        raise PydanticCustomError("string_type", "A time is a string")
    try:
        if _TIME.fullmatch(said):
            return datetime.fromisoformat(said.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        # There is no such day or time, or none in UTC between the years 1 and 9999.
        pass
    raise PydanticCustomError("string_pattern_mismatch", "A time is that of RFC 3339")


Time = Annotated[datetime, BeforeValidator(_in_utc)]
"""An RFC 3339 date and time with its offset from UTC, as it is in UTC."""


def _or_nothing(said: object, check: ValidatorFunctionWrapHandler) -> object:
    return said if said == "" else check(said)


_OR_NOTHING = WrapValidator(_or_nothing)
Questions = Annotated[int, Field(ge=LeastQuestions, le=MostQuestions)]


class Body(BaseModel):
    """A body that clients send; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


Addresses = Annotated[tuple[Address, ...], Field(max_length=10, strict=False)]
Phones = Annotated[tuple[Line, ...], Field(max_length=10, strict=False)]
Manager = Annotated[str, StringConstraints(max_length=64)]
Roles = Annotated[tuple[Role, ...], Field(max_length=1, strict=False)]


class AddUserBody(Body):
    """A new user. A password given here is temporary unless `temporary` is false."""

    user_id: UserId
    display_name: Line
    emails: Addresses
    job_title: Line | None = None
    department: Line | None = None
    office: Line | None = None
    phones: Phones = ()
    manager: Manager | None = None
    preferred_language: LanguageTag | None = None
    roles: Roles = ()
    groups: Annotated[Groups, Field(strict=False)] = ()
    password: Password | None = None
    temporary: bool = True


class ChangeUserBody(Body):
    """What a record is to say from now on. What is left out stays; `null` empties a field."""

    display_name: Line = ""
    emails: Addresses = ()
    job_title: Line | None = None
    department: Line | None = None
    office: Line | None = None
    phones: Phones = ()
    manager: Manager | None = None
    preferred_language: LanguageTag | None = None
    roles: Roles = ()
    groups: Annotated[Groups, Field(strict=False)] = ()


class MethodsPolicyBody(Body):
    """Which methods are allowed, and whether a sign-in takes a second factor.

    What a sign-in asks to register or confirm may be put off for `skip_days` (0: not at all), and
    is to be confirmed after `reconfirm_days` (0: never). Either is the usual one if left out.
    """

    allowed: Annotated[frozenset[Kind], Field(strict=False)]
    second_factor: SecondFactor
    trust_days: Annotated[int, Field(ge=0, le=MostTrustDays)]
    skip_days: Annotated[int, Field(ge=0, le=MostSkipDays)] = 0
    reconfirm_days: Annotated[int, Field(ge=0, le=MostReconfirmDays)] = UsualReconfirmDays


class SessionsPolicyBody(Body):
    """How long a session lasts, without use and at all, and sign-in activity is kept.

    Without `activity_days`, these stay as they are.
    """

    idle_minutes: Annotated[int, Field(ge=LeastIdleMinutes, le=MostIdleMinutes)]
    lifetime_hours: Annotated[int, Field(ge=LeastLifetimeHours, le=MostLifetimeHours)]
    activity_days: Annotated[int | None, Field(ge=LeastActivityDays, le=MostActivityDays)] = None


class PasswordPolicyBody(Body):
    """What a new password must meet. Lengths in characters.

    `minimum_length_with_factor` is for who meets a second factor at every sign-in; of the last
    `history` passwords, the present one among them, none may be the new one; none may be built on
    one of the words in `banned`.
    """

    minimum_length: Annotated[int, Field(ge=LeastMinimumLength, le=MostMinimumLength)]
    minimum_length_with_factor: Annotated[
        int, Field(ge=UsualMinimumLengthWithFactor, le=MostMinimumLength)
    ] = UsualMinimumLengthWithFactor
    history: Annotated[int, Field(ge=1, le=MostHistory)] = 1
    banned: Annotated[tuple[BannedWord, ...], Field(max_length=MostBannedWords, strict=False)] = ()


class HelpdeskBody(Body):
    """Whom to contact. What is not there is empty."""

    name: Annotated[Line, _OR_NOTHING] = ""
    url: Annotated[WebAddress, _OR_NOTHING] = ""
    email: Annotated[Address, _OR_NOTHING] = ""
    phone: Annotated[Line, _OR_NOTHING] = ""


class PortalPolicyBody(Body):
    """Who may use the portal, what it shows them, and whom people are told to contact.

    `groups` are whose members may use it where `access` is `groups`. What is left out is open to
    everyone, or shown.
    """

    access: PortalAccess = "everyone"
    groups: Annotated[Groups, Field(strict=False)] = ()
    fields: Annotated[frozenset[ProfileField], Field(strict=False)] = frozenset(PROFILE_FIELDS)
    areas: Annotated[frozenset[Area], Field(strict=False)] = frozenset(AREAS)
    helpdesk: HelpdeskBody

    def as_policy(self) -> PortalPolicy:
        """Return it as others see it."""
        return PortalPolicy(**self.model_dump())


class ResetPolicyBody(Body):
    """Who may reset a forgotten password, and what they have to show for it.

    As many as `wrong_proofs` in a day, a message more than `sends_per_hour` to one method or a mail
    more than `mails_per_ten_minutes` lock the resets of an account for `lock_hours`.
    """

    enabled_for: EnabledFor
    groups: Annotated[frozenset[GroupName], Field(strict=False, max_length=MostGroups)] = (
        frozenset()
    )
    methods: Annotated[frozenset[ResetKind], Field(strict=False)]
    methods_required: Literal[1, 2]
    reconfirm_days: Annotated[int, Field(ge=0, le=MostReconfirmDays)] = UsualReconfirmDays
    questions_to_register: Questions = LeastQuestions
    questions_to_answer: Questions = LeastQuestions
    wrong_proofs: Annotated[int, Field(ge=1, le=MostWrongProofs)] = UsualWrongProofs
    sends_per_hour: Annotated[int, Field(ge=1, le=MostSends)] = UsualSends
    mails_per_ten_minutes: Annotated[int, Field(ge=1, le=MostMails)] = UsualMails
    lock_hours: Annotated[int, Field(ge=1, le=MostLockHours)] = UsualLockHours
