"""Registering for resets: who is asked to, with what, and when that is to be confirmed."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from services.credentials.kinds import MethodChanges
from services.credentials.method import FACTORS
from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import SecurityInfo
from services.credentials.policy import ResetPolicies
from services.credentials.reset_policy import RESET_KINDS, ResetPolicy, suffices
from services.credentials.security_questions import SecurityQuestions
from shared.contracts.methods import Kind, SentKind, SentKinds
from shared.contracts.policy import ResetKind
from shared.contracts.records import OfRecord
from shared.contracts.resets import AskRegistered, RegisteredForReset


@dataclass(frozen=True)
class ResetDemands:
    """What both policies want of somebody who is to reset a forgotten password by themselves.

    `sendable` are the kinds whose codes go out here.
    """

    policy: ResetPolicy
    methods: MethodPolicy
    questions: SecurityQuestions
    sendable: Collection[SentKind]
    is_admin: bool
    enabled: bool

    @property
    def kinds(self) -> tuple[ResetKind, ...]:
        """Return what may be set up for it."""
        allowed = self.policy.allowed_to(is_admin=self.is_admin)
        return tuple(each for each in RESET_KINDS if each in allowed and self._is_there(each))

    def lacking(self, info: SecurityInfo) -> int:
        """Return how many more kinds a reset takes than somebody has; 0 where that is enough."""
        return self.policy.lacking(self._usable(info), is_admin=self.is_admin)

    def asks_to_register(self, info: SecurityInfo) -> bool:
        """Tell whether a sign-in asks for more. Who could not set up enough is never asked."""
        return self.enabled and self.lacking(info) > 0 and self._can_register(info)

    def asks_to_confirm(self, info: SecurityInfo, at: datetime) -> bool:
        """Tell whether what somebody resets with was last known to be right too long ago."""
        methods = self.policy.usable(self._usable(info), is_admin=self.is_admin)
        is_due = not info.is_known_right(methods, at, days=self.policy.reconfirm_days)
        return self.enabled and is_due and self.lacking(info) == 0

    def _can_register(self, info: SecurityInfo) -> bool:
        factors = [each for each in FACTORS if self._is_there(each)]
        has_factor = bool(factors or self.methods.usable(info).factors)
        # Recovery codes stand in for a factor, so they are made beside one alone.
        can = [each for each in self.kinds if each != "recovery-codes" or has_factor]
        had = self.policy.usable(self._usable(info), is_admin=self.is_admin)
        kinds = [*can, *(each.kind for each in had)]
        return suffices(kinds, self.policy.needed(is_admin=self.is_admin))

    def _is_there(self, kind: Kind) -> bool:
        can_be_sent = kind not in SentKinds or kind in self.sendable
        return kind in self.methods.allowed and can_be_sent

    def _usable(self, info: SecurityInfo) -> SecurityInfo:
        return self.questions.enough(self.methods.usable(info), self.policy)


@dataclass(frozen=True)
class ResetRegistration:
    """Tell what somebody still has to register, which takes a look at their record."""

    changes: MethodChanges
    policies: ResetPolicies
    questions: SecurityQuestions
    sendable: Collection[SentKind]

    async def registered(self, asked: AskRegistered) -> RegisteredForReset:
        """Tell whether a reset of this account could be gone on with, and what it would take."""
        organization = await self.changes.policies.store.organization_of(asked.sub)
        methods, info = await asyncio.gather(
            self.changes.policies.of(organization), self.changes.store.security_info(asked.sub)
        )
        demands = await self.demands(methods, organization, asked)
        lacking = demands.lacking(info)
        return RegisteredForReset(
            enabled=demands.enabled, registered=not lacking, needed=lacking, kinds=demands.kinds
        )

    async def demands(
        self, methods: MethodPolicy, organization: str | None, record: OfRecord
    ) -> ResetDemands:
        """Return what is wanted of somebody of whom the record says this."""
        policy = await self.policies.of(organization)
        return self._demands(
            methods, policy, is_admin=record.for_admin, enabled=policy.enables(record.groups)
        )

    def may_ask(self, methods: MethodPolicy, policy: ResetPolicy, info: SecurityInfo) -> bool:
        """Tell whether a sign-in may have to ask for something, whatever the record says."""
        at = self.changes.clock.now()
        return any(
            demands.asks_to_register(info) or demands.asks_to_confirm(info, at)
            for is_admin in (False, True)
            if (demands := self._demands(methods, policy, is_admin=is_admin, enabled=policy.is_on))
        )

    def _demands(
        self, methods: MethodPolicy, policy: ResetPolicy, *, is_admin: bool, enabled: bool
    ) -> ResetDemands:
        return ResetDemands(policy, methods, self.questions, self.sendable, is_admin, enabled)
