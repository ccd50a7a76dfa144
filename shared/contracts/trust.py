"""HTTP contract of every service for devices that are not asked for a second factor."""

from pydantic import Field

from shared.contracts.body import Contract, Sub

MostTrustDays = 90
_DAY_SECONDS = 24 * 3600


class TrustTerms(Contract):
    """For how many days an organization lets a device be trusted.

    `version` rises each time that it lets none be: what was trusted before that stays forgotten.
    """

    days: int = Field(ge=1, le=MostTrustDays)
    version: int


class DeviceTrust(Contract):
    """That a device is trusted, which is not over yet.

    It was given under an epoch, by who had shown `factor`, and under a version of the terms.
    """

    epoch: int
    factor: str
    version: int
    given_seconds_ago: float

    def holds_under(self, terms: TrustTerms) -> bool:
        """Tell whether an organization's terms let it hold still."""
        return self.version == terms.version and self.given_seconds_ago < terms.days * _DAY_SECONDS


class ForgetTrust(Contract):
    """Have every device of a subject ask for a second factor again."""

    sub: Sub


class CountTrusted(Contract):
    """Ask how many devices of a subject are trusted."""

    sub: Sub


class TrustedDevices(Contract):
    """How many devices are trusted under the epoch that there is."""

    count: int
