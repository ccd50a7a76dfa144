"""HTTP contract between the gateway and the services that keep an organization's policy."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.contracts.audit import Actor
from shared.contracts.body import Contract
from shared.contracts.methods import Kind
from shared.contracts.portal import PortalRules
from shared.contracts.profile import Helpdesk
from shared.contracts.trust import MostTrustDays

EnabledFor = Literal["nobody", "groups", "everyone"]
ResetKind = Literal[
    "authenticator", "email", "sms", "voice", "recovery-codes", "security-questions"
]
"""What may be shown for a new password by who has forgotten theirs."""
GroupName = Annotated[str, Field(min_length=1, max_length=64)]
LeastQuestions, MostQuestions = 3, 5
UsualWrongProofs, MostWrongProofs = 5, 20
UsualSends, MostSends = 5, 20
UsualMails, MostMails = 10, 50
UsualLockHours, MostLockHours = 24, 7 * 24
MostGroups = 200
SecondFactor = Literal["off", "if-registered", "required"]
MostSkipDays = 30
UsualReconfirmDays, MostReconfirmDays = 180, 3650
LeastIdleMinutes, MostIdleMinutes = 5, 30 * 24 * 60
LeastLifetimeHours, MostLifetimeHours = 1, 30 * 24
"""Nobody is locked out by a session that ends while its page is read, and none outlasts a month
(NIST SP 800-63B-4, 2.1.3)."""
LeastActivityDays, UsualActivityDays, MostActivityDays = 7, 90, 3650
"""In less than a week nobody gets to look, and some have to be able to prove it for years."""


LeastMinimumLength, MostMinimumLength = 15, 64
UsualMinimumLengthWithFactor = 8
"""Whoever allows less than these goes below NIST SP 800-63B-4, 3.1.1.2."""
MostHistory = 24
MostBannedWords = 1000
BannedWord = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=64)]


class ReadPolicy(Contract):
    """Ask for an organization's policy, or what holds where it has set none."""

    organization: str = Field(max_length=64)


class Kept(Contract):
    """A policy as it is kept; `version` is how often it was replaced."""

    version: int = 0


class Replacement(Contract):
    """Whose policy is to be replaced, and by whom.

    `replaces` are the versions that it may replace; whichever there is, where none are named.
    """

    organization: str = Field(min_length=1, max_length=64)
    replaces: tuple[int, ...] | None = None
    by: Actor | None = None


class MethodsPolicy(Contract):
    """Which methods are allowed, and whether a sign-in takes a second factor.

    What a sign-in asks to register or confirm may be put off for `skip_days` (0: not at all), and
    is to be confirmed after `reconfirm_days` (0: never).
    """

    allowed: tuple[Kind, ...]
    second_factor: SecondFactor
    trust_days: int
    skip_days: int = 0
    reconfirm_days: int = UsualReconfirmDays


class KeptMethodsPolicy(MethodsPolicy, Kept):
    """The policy for methods with its version.

    `trust_version` rises each time that no device may be trusted, as in the terms of trust.
    """

    trust_version: int | None = None


class PutMethodsPolicy(MethodsPolicy, Replacement):
    """Replace the policy for methods as a whole."""

    trust_days: int = Field(ge=0, le=MostTrustDays)
    skip_days: int = Field(default=0, ge=0, le=MostSkipDays)
    reconfirm_days: int = Field(default=UsualReconfirmDays, ge=0, le=MostReconfirmDays)


class ResetPolicy(Contract):
    """Who may reset a forgotten password by themselves, and what they have to show for it.

    `methods_required` are one or two, of different kinds. Methods are to be confirmed after
    `reconfirm_days` (0: never). So many wrong proofs in a day, one message more to a method in an
    hour, or one mail more in ten minutes lock the resets of an account for `lock_hours`.
    """

    enabled_for: EnabledFor = "nobody"
    groups: tuple[str, ...] = ()
    methods: tuple[ResetKind, ...] = ()
    methods_required: int = 1
    reconfirm_days: int = UsualReconfirmDays
    questions_to_register: int = LeastQuestions
    questions_to_answer: int = LeastQuestions
    wrong_proofs: int = UsualWrongProofs
    sends_per_hour: int = UsualSends
    mails_per_ten_minutes: int = UsualMails
    lock_hours: int = UsualLockHours


class KeptResetPolicy(ResetPolicy, Kept):
    """The policy for resets with its version."""


class PutResetPolicy(ResetPolicy, Replacement):
    """Replace the policy for resets as a whole."""

    groups: tuple[GroupName, ...] = Field(default=(), max_length=MostGroups)
    methods_required: int = Field(default=1, ge=1, le=2)
    reconfirm_days: int = Field(default=UsualReconfirmDays, ge=0, le=MostReconfirmDays)
    questions_to_register: int = Field(default=LeastQuestions, ge=LeastQuestions, le=MostQuestions)
    questions_to_answer: int = Field(default=LeastQuestions, ge=LeastQuestions, le=MostQuestions)
    wrong_proofs: int = Field(default=UsualWrongProofs, ge=1, le=MostWrongProofs)
    sends_per_hour: int = Field(default=UsualSends, ge=1, le=MostSends)
    mails_per_ten_minutes: int = Field(default=UsualMails, ge=1, le=MostMails)
    lock_hours: int = Field(default=UsualLockHours, ge=1, le=MostLockHours)


class PortalPolicy(PortalRules):
    """Who may use the portal, what it shows them, and whom people are told to contact."""

    helpdesk: Helpdesk


class KeptPortalPolicy(PortalPolicy, Kept):
    """The policy for the portal with its version."""


class PutPortalPolicy(PortalPolicy, Replacement):
    """Replace the policy for the portal as a whole."""


class SessionsPolicy(Contract):
    """How long a session lasts, without use and at all, and sign-in activity is kept."""

    idle_minutes: int
    lifetime_hours: int
    activity_days: int = UsualActivityDays


class KeptSessionsPolicy(SessionsPolicy, Kept):
    """The policy for sessions with its version."""


class PutSessionsPolicy(Replacement):
    """Replace the policy for sessions as a whole.

    Who says nothing of `activity_days` leaves them as they are: fewer cannot be undone.
    """

    idle_minutes: int = Field(ge=LeastIdleMinutes, le=MostIdleMinutes)
    lifetime_hours: int = Field(ge=LeastLifetimeHours, le=MostLifetimeHours)
    activity_days: int | None = Field(default=None, ge=LeastActivityDays, le=MostActivityDays)


class PasswordPolicy(Contract):
    """What a new password must meet. Lengths in characters; `history` counts the present one.

    The lower length is for who meets a second factor at every sign-in (NIST SP 800-63B-4, 3.1.1.2).
    """

    minimum_length: int
    minimum_length_with_factor: int = UsualMinimumLengthWithFactor
    history: int = 1
    banned: tuple[str, ...] = ()


class KeptPasswordPolicy(PasswordPolicy, Kept):
    """The policy for passwords with its version."""


class PutPasswordPolicy(PasswordPolicy, Replacement):
    """Replace the policy for passwords as a whole."""

    minimum_length: int = Field(ge=LeastMinimumLength, le=MostMinimumLength)
    minimum_length_with_factor: int = Field(
        default=UsualMinimumLengthWithFactor,
        ge=UsualMinimumLengthWithFactor,
        le=MostMinimumLength,
    )
    history: int = Field(default=1, ge=1, le=MostHistory)
    banned: tuple[BannedWord, ...] = Field(default=(), max_length=MostBannedWords)
