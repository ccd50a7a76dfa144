"""Attempts to sign in: what is kept of each, and which are kept as one."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args

from services.sessions.places import Place, words_of
from shared.contracts.activity import (
    AttemptOutcome,
    Flag,
    NoteAttempt,
)
from shared.contracts.policy import UsualActivityDays
from shared.user_agents import UserAgent

MostOfADay = 100
"""Rows of their own that refused attempts with one outcome get in a day; the others are counted by
the hour. That is more than anybody reads, and an account's lock lets no more than that be tried."""
ThrottledMinutes = 10
"""How long attempts from one address that were not looked at are counted as one."""
_UNKNOWN_DAYS = 1
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class NewAttempt:
    """An attempt that is to be kept, with its origin where there is one."""

    sub: str
    outcome: AttemptOutcome
    app: str
    familiar: bool
    known: bool = True
    device_id: str | None = None
    address: str | None = None
    browser: str | None = None
    system: str | None = None
    place: Place | None = None
    organization: str | None = None
    kept_days: int = UsualActivityDays

    @classmethod
    def of(
        cls, noted: NoteAttempt, *, place: Place | None = None, kept_days: int = UsualActivityDays
    ) -> "NewAttempt":
        """Return what is kept of what was noted."""
        agent = UserAgent.parse(noted.where.user_agent)
        return cls(
            sub=noted.sub,
            outcome=noted.outcome,
            app=noted.app,
            familiar=noted.familiar,
            known=noted.known,
            device_id=noted.device_id,
            address=noted.where.address,
            browser=agent.name or None,
            system=agent.system or None,
            place=place,
            organization=noted.organization,
            kept_days=kept_days,
        )

    @property
    def kept_seconds(self) -> int:
        """How long it is kept; what is nobody's is nobody's to read."""
        return (self.kept_days if self.known else _UNKNOWN_DAYS) * _DAY_SECONDS

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Why its user should look at it; on their own devices people mistype."""
        unknown: tuple[Flag, ...] = () if self.familiar else ("new-device",)
        had_password = unknown and self.outcome.startswith("second-factor")
        if had_password or self.outcome == "device-disabled":
            return (*unknown, "password-known")
        return unknown

    @property
    def words(self) -> tuple[str, ...]:
        """What it is found by besides its outcome, in lower case."""
        said = (self.address, self.browser, self.system, self.app)
        words = (word for each in said if each for word in words_of(each))
        return tuple(dict.fromkeys([*words, *(self.place.words if self.place else ())]))

    @property
    def is_throttled(self) -> bool:
        """Tell whether it was not even looked at, of which there can be any number."""
        return self.outcome in {"throttled", "second-factor-throttled"}

    def id_at(self, at: datetime) -> str:
        """Return the id of the row that counts such attempts from its address at the time."""
        window = int(at.timestamp()) // (ThrottledMinutes * 60)
        return _opaque(self.sub, self.outcome, self.address or "", str(window))

    def without_origin(self, at: datetime) -> tuple[str, "NewAttempt"]:
        """Return it as one of many of its hour, with the id of the row that counts them."""
        window = int(at.timestamp()) // 3600
        bare = replace(
            self,
            device_id=None,
            address=None,
            browser=None,
            system=None,
            place=None,
            familiar=False,
        )
        return _opaque(self.sub, self.outcome, str(window)), bare

    def tally_at(self, at: datetime) -> str:
        """Return the name under which the rows of its day are counted."""
        return f"{self.sub}.{self.outcome}.{at:%Y-%m-%d}"


def outcomes_called(word: str) -> list[AttemptOutcome]:
    """Return the outcomes that have a word which begins like this."""
    known: tuple[AttemptOutcome, ...] = get_args(AttemptOutcome)
    return [each for each in known if any(part.startswith(word) for part in words_of(each))]


def _opaque(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
