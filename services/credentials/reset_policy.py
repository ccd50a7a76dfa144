"""Who may reset a forgotten password, and with what. Nothing here reads or writes anything."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import get_args

from services.credentials.method import Method
from services.credentials.methods import SecurityInfo
from shared.contracts import policy as contract
from shared.contracts.policy import (
    EnabledFor,
    LeastQuestions,
    ResetKind,
    UsualLockHours,
    UsualMails,
    UsualReconfirmDays,
    UsualSends,
    UsualWrongProofs,
)
from shared.contracts.refusals import InvalidRequest

RESET_KINDS: tuple[ResetKind, ...] = get_args(ResetKind)
_ADMINS_SHOW = 2
_ADMINS_CANNOT_SHOW = "security-questions"
_NEVER_ALONE = "authenticator"
_BY_PHONE = {"sms", "voice"}


def sort_of(kind: str) -> str:
    """Return what tells two proofs apart: who has a phone has both of its kinds."""
    return "phone" if kind in _BY_PHONE else kind


def suffices(kinds: Iterable[str], needed: int) -> bool:
    """Tell whether these kinds are as many proofs as a reset takes."""
    different = set(map(sort_of, kinds))
    return len(different) >= needed and different != {_NEVER_ALONE}


@dataclass(frozen=True)
class ResetThrottles:
    """How often proofs of one account are tried and messages sent until its resets are locked."""

    wrong_proofs: int = UsualWrongProofs
    sends_per_hour: int = UsualSends
    mails_per_ten_minutes: int = UsualMails
    lock_hours: int = UsualLockHours


@dataclass(frozen=True)
class ResetPolicy:
    """An organization's policy for resets. `version` rises with each change of it."""

    enabled_for: EnabledFor = "nobody"
    groups: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset(RESET_KINDS)
    methods_required: int = 1
    reconfirm_days: int = UsualReconfirmDays
    questions_to_register: int = LeastQuestions
    questions_to_answer: int = LeastQuestions
    throttles: ResetThrottles = ResetThrottles()
    version: int = 0

    @classmethod
    def of(cls, said: contract.ResetPolicy, version: int = 0) -> "ResetPolicy":
        """Return the policy that somebody says."""
        return cls(
            said.enabled_for,
            frozenset(said.groups),
            frozenset(said.methods),
            said.methods_required,
            said.reconfirm_days,
            said.questions_to_register,
            said.questions_to_answer,
            ResetThrottles(
                said.wrong_proofs, said.sends_per_hour, said.mails_per_ten_minutes, said.lock_hours
            ),
            version,
        )

    def as_contract(self) -> contract.KeptResetPolicy:
        """Return it as others see it."""
        return contract.KeptResetPolicy(
            enabled_for=self.enabled_for,
            groups=tuple(sorted(self.groups)),
            methods=tuple(each for each in RESET_KINDS if each in self.methods),
            methods_required=self.methods_required,
            reconfirm_days=self.reconfirm_days,
            questions_to_register=self.questions_to_register,
            questions_to_answer=self.questions_to_answer,
            **asdict(self.throttles),
            version=self.version,
        )

    def check(self) -> None:
        """Raise where it enables what nobody could do, or asks for answers nobody has given."""
        faults = {
            "groups": self.enabled_for == "groups" and not self.groups,
            "methods": self.enabled_for != "nobody"
            and not suffices(self.methods, self.methods_required),
            "questions_to_answer": self.questions_to_answer > self.questions_to_register,
        }
        reasons = {"groups": "missing", "methods": "too-few", "questions_to_answer": "out-of-range"}
        errors = [
            {"field": field, "reason": reasons[field], "message": reasons[field]}
            for field, is_at_fault in faults.items()
            if is_at_fault
        ]
        if errors:
            raise InvalidRequest(errors=errors)

    @property
    def is_on(self) -> bool:
        """Tell whether anybody may reset their password."""
        return self.enabled_for != "nobody"

    def enables(self, groups: Collection[str]) -> bool:
        """Tell whether who is in these groups may reset their password."""
        if self.enabled_for == "groups":
            return not self.groups.isdisjoint(groups)
        return self.enabled_for == "everyone"

    def needed(self, *, is_admin: bool) -> int:
        """Return how many proofs a reset takes; an admin's always takes two."""
        return max(self.methods_required, _ADMINS_SHOW) if is_admin else self.methods_required

    def allowed_to(self, *, is_admin: bool) -> frozenset[str]:
        """Return the kinds that a reset may rest on."""
        allowed = self.methods - ({_ADMINS_CANNOT_SHOW} if is_admin else set())
        # An authenticator alone never suffices, so it is not asked for by itself either.
        return allowed - ({_NEVER_ALONE} if self.needed(is_admin=is_admin) == 1 else set())

    def usable(self, info: SecurityInfo, *, is_admin: bool) -> tuple[Method, ...]:
        """Return the methods that a reset may rest on."""
        allowed = self.allowed_to(is_admin=is_admin)
        return tuple(each for each in info.resetting if each.kind in allowed)

    def lacking(self, info: SecurityInfo, *, is_admin: bool) -> int:
        """Return how many more kinds a reset takes than somebody has; 0 where that is enough."""
        kinds = [each.kind for each in self.usable(info, is_admin=is_admin)]
        return max(self.needed(is_admin=is_admin) - len(set(map(sort_of, kinds))), 0)

    def is_registered(self, info: SecurityInfo, *, is_admin: bool) -> bool:
        """Tell whether somebody has as many kinds of methods as a reset takes."""
        return self.lacking(info, is_admin=is_admin) == 0
