"""What an organization wants of its people's methods. Nothing here reads or writes anything."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self, get_args

from services.credentials.errors import LastFactor, NotAllowedByPolicy, SignInOutdated
from services.credentials.method import FACTORS, Method
from services.credentials.methods import SecurityInfo
from shared.contracts import methods as contract
from shared.contracts.methods import Kind
from shared.contracts.policy import KeptMethodsPolicy, SecondFactor, UsualReconfirmDays
from shared.contracts.refusals import InvalidRequest
from shared.contracts.trust import TrustTerms

KINDS: tuple[Kind, ...] = get_args(Kind)
USUAL: frozenset[Kind] = frozenset(KINDS) - {"app-password", "security-questions"}
"""What is allowed until somebody says otherwise: all but what does without a second factor, and
what others may find out."""


@dataclass(frozen=True)
class MethodPolicy:
    """Which kinds are allowed, and whether a sign-in takes a second factor.

    `trust_version` tells trust in devices from that of before it was not allowed for a while;
    `version` is how often the policy was replaced.
    """

    allowed: frozenset[Kind] = USUAL
    second_factor: SecondFactor = "if-registered"
    trust_days: int = 0
    trust_version: int = 0
    skip_days: int = 0
    reconfirm_days: int = UsualReconfirmDays
    version: int = field(default=0, compare=False)

    @classmethod
    def of(
        cls,
        allowed: Collection[str],
        second_factor: SecondFactor,
        trust_days: int,
        trust_version: int = 0,
        skip_days: int = 0,
        reconfirm_days: int = UsualReconfirmDays,
        version: int = 0,
    ) -> Self:
        """Return a policy; of kinds that this version does not know, none is allowed."""
        known = frozenset(each for each in KINDS if each in allowed)
        return cls(
            known, second_factor, trust_days, trust_version, skip_days, reconfirm_days, version
        )

    def as_contract(self) -> KeptMethodsPolicy:
        """Return it as others see it."""
        return KeptMethodsPolicy(
            version=self.version,
            allowed=tuple(each for each in KINDS if each in self.allowed),
            second_factor=self.second_factor,
            trust_days=self.trust_days,
            trust_version=self.trust_version,
            skip_days=self.skip_days,
            reconfirm_days=self.reconfirm_days,
        )

    @property
    def trust(self) -> TrustTerms | None:
        """Return the terms under which a device may be trusted; None where none may be."""
        if not self.trust_days:
            return None
        return TrustTerms(days=self.trust_days, version=self.trust_version)

    def trust_after(self, method: Method) -> TrustTerms | None:
        """Return the terms for who has just answered; a recovery code only stands in, this once."""
        return self.trust if method.is_factor else None

    def check(self) -> None:
        """Raise where it asks for what nobody could do, which would lock everybody out."""
        if self.second_factor == "required" and not self._allows_a_factor:
            reason = "no-factor"
            errors = [{"field": "allowed", "reason": reason, "message": reason}]
            raise InvalidRequest(errors=errors)

    def require(self, kind: Kind) -> None:
        """Raise `NotAllowedByPolicy` unless methods of this kind are allowed."""
        if kind not in self.allowed:
            raise NotAllowedByPolicy

    def usable(self, info: SecurityInfo) -> SecurityInfo:
        """Return somebody's methods without those that are not allowed."""
        return replace(
            info, methods=tuple(each for each in info.methods if each.kind in self.allowed)
        )

    def challenging(self, info: SecurityInfo) -> tuple[contract.Method, ...]:
        """Return what a sign-in may be asked for, the default first."""
        return () if self.second_factor == "off" else self.usable(info).challenging

    def always_asks(self, info: SecurityInfo) -> bool:
        """Tell whether every sign-in of somebody meets a second factor, on whatever device."""
        return bool(self.challenging(info)) and not self.trust_days

    def asks_to_register(self, info: SecurityInfo) -> bool:
        """Tell whether a sign-in is complete only once a factor was registered."""
        is_wanted = self.second_factor == "required" or info.must_register
        can_be = self.second_factor != "off" and self._allows_a_factor
        return is_wanted and can_be and not self.usable(info).factors

    def asks_to_confirm(self, info: SecurityInfo, at: datetime) -> bool:
        """Tell whether the factors were last known to be right too long ago."""
        factors = self.usable(info).factors
        return not info.is_known_right(factors, at, days=self.reconfirm_days)

    def looked_through(self, info: SecurityInfo) -> tuple[contract.Method, ...]:
        """Return what is confirmed: all that is good for a sign-in or for getting back in."""
        usable = self.usable(info)
        return tuple(usable.shown(each) for each in usable.proved if each.use)

    def lets_put_off(self, info: SecurityInfo) -> bool:
        """Tell whether what is asked for may wait; what an admin has asked for may not."""
        return self.skip_days > 0 and not info.must_register

    def require_none(self, info: SecurityInfo) -> None:
        """Raise `SignInOutdated` where there is a factor: the password alone registers no other."""
        if self.usable(info).factors:
            raise SignInOutdated

    def require_one_left(self, before: SecurityInfo, after: SecurityInfo) -> None:
        """Raise `LastFactor` where one is required and the last one would go."""
        had, has = self.usable(before).factors, self.usable(after).factors
        if self.second_factor == "required" and had and not has:
            raise LastFactor

    def shown(self, info: SecurityInfo, method: Method) -> contract.Method:
        """Return a method as its owner sees it."""
        is_allowed = method.kind in self.allowed
        return info.shown(method).model_copy(update={"allowed": is_allowed})

    @property
    def _allows_a_factor(self) -> bool:
        return bool(self.allowed & FACTORS)
