"""HTTP contract of the services for sign-in activity: each attempt to sign in is a row."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from shared.contracts.body import Contract, Sub
from shared.contracts.sessions import Where

PictureDays = 30
LongestSearch = 64
AttemptOutcome = Literal[
    "signed-in",
    "wrong-password",
    "second-factor-failed",
    "throttled",
    "second-factor-throttled",
    "account-disabled",
    "device-disabled",
    "overtaken",
]
"""What an attempt came to. Whatever begins with `second-factor` had the right password; what was
`throttled` was not looked at. `overtaken` is what the account was secured against meanwhile."""
Flag = Literal["new-device", "password-known", "new-place", "impossible-travel"]
"""Why a row is to be looked at: the device was not known, or its user had the password; nothing
near there was among the places of the account, or nobody travels as fast as that."""
Reported = Literal["mine", "not-mine"]


def place_in(names: dict[str, str], language: str) -> str | None:
    """Return a place's name in a language, or as it is called otherwise; None where it has none."""
    return names.get(language) or names.get("en") or next(iter(names.values()), None)


class Attempted(Contract):
    """Whose attempt was refused and why, as the credentials service tells the gateway alone.

    Where nobody has the user ID, it is not `known`, and `sub` stands in for the user ID.
    """

    sub: Sub = Field(max_length=64)
    known: bool = True
    outcome: AttemptOutcome
    # Whose policy says how long the row is kept.
    organization: str | None = Field(default=None, max_length=64)


class NoteAttempt(Attempted):
    """Keep a row of an attempt that was refused.

    The device is named where it is `familiar`, which is the subject's own.
    """

    where: Where
    app: str = Field(default="portal", max_length=64)
    device_id: str | None = Field(default=None, max_length=64)
    familiar: bool = False


class Attempt(Contract):
    """A row of somebody's sign-in activity, as they see it.

    Of attempts that are too many to be told apart there is one row, with their `count`, the time of
    the first, and what they have in common. `place_names` say by language about where the address
    is; they are empty where nobody knows.
    """

    id: str
    at: datetime
    outcome: AttemptOutcome
    address: str | None = None
    place_names: dict[str, str] = Field(default_factory=dict)
    browser: str | None = None
    system: str | None = None
    app: str
    device_id: str | None = None
    flagged: bool = False
    flags: tuple[Flag, ...] = ()
    reported: Reported | None = None
    count: int = 1


class ListAttempts(Contract):
    """Ask for a subject's rows, newest first: those with this outcome, and with all these words."""

    sub: Sub
    search: str = Field(default="", max_length=LongestSearch)
    outcome: AttemptOutcome | None = None
    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = None


class AttemptList(Contract):
    """A page of rows; `next` is the cursor of the following page."""

    items: tuple[Attempt, ...]
    next: str | None = None


class ReadAttempt(Contract):
    """Ask for one row of a subject."""

    sub: Sub
    id: str


class ReportMine(ReadAttempt):
    """Note that it was its subject."""


class ReportNotMine(ReadAttempt):
    """Note that it was somebody else, and refuse everything issued to the subject so far."""


class CountAttempts(Contract):
    """Ask how many attempts there were on each of the last days, by outcome."""

    sub: Sub


class AttemptsOfDay(Contract):
    """How many attempts a day had, in UTC, that came to this."""

    day: date
    outcome: AttemptOutcome
    count: int


class AttemptCounts(Contract):
    """The days that had any, oldest first; `today` is by the clock that dated them."""

    today: date
    items: tuple[AttemptsOfDay, ...]
