"""What a sign-in takes besides the password: asking for it, confirming it, putting it off."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from services.credentials.errors import CannotBePutOff, MethodsChangedMeanwhile, SignInOutdated
from services.credentials.kinds import MethodChanges, Tries
from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.reset_registration import ResetDemands, ResetRegistration
from services.credentials.store import MethodStore
from shared.contracts.body import Done
from shared.contracts.credentials import AskRequirements, Requirements
from shared.contracts.methods import ConfirmSecurityInfo, PutOffSecurityInfo
from shared.contracts.records import OfRecord
from shared.contracts.refusals import Busy

T = TypeVar("T")
_Wanted = Literal["factor", "confirmation", "reset"]


@dataclass(frozen=True)
class _SignIn:
    """A sign-in that rests on `factor`, or on the password alone, with all that it has to meet.

    Without `resets` nothing is asked that is for these alone.
    """

    factor: str | None
    policy: MethodPolicy
    resets: ResetDemands | None
    at: datetime

    def wants(self, info: SecurityInfo) -> _Wanted | None:
        """Return what it is to be asked for; one thing at a time, and a factor first of all."""
        if self.factor is None and self.policy.asks_to_register(info):
            return "factor"
        if self.factor is None and self.policy.usable(info).factors:
            # That is to be shown first: the password alone is asked for nothing more.
            return None
        # Looking through them is done once and for all, so it comes first: what is to be
        # registered is asked for each time until it is there.
        if self._is_to_confirm(info):
            return "confirmation"
        return "reset" if self.resets and self.resets.asks_to_register(info) else None

    def _is_to_confirm(self, info: SecurityInfo) -> bool:
        by_methods = self.factor is not None and self.policy.asks_to_confirm(info, self.at)
        return by_methods or (
            self.resets is not None and self.resets.asks_to_confirm(info, self.at)
        )


@dataclass(frozen=True)
class Asking:
    """Let what a sign-in asks for be put off for a while, which begins when it is first asked."""

    store: MethodStore
    changes: MethodChanges
    resets: ResetRegistration

    async def requirements(self, asked: AskRequirements) -> Requirements:
        """Return what a sign-in takes besides what was shown, as of this moment."""
        organization = await self._organization(asked.sub, asked.organization)
        policy = await self.changes.policies.of(organization)
        sign_in = await self._sign_in(asked.factor, policy, organization, asked.record)
        info = await self.store.security_info(asked.sub)
        wanted = sign_in.wants(info)
        return Requirements(
            methods=policy.challenging(info) if asked.factor is None else (),
            must_register=wanted == "factor",
            to_confirm=policy.looked_through(info) if wanted == "confirmation" else (),
            for_reset=wanted == "reset",
            skip_until=await self.ask(asked.sub, policy, wanted) if wanted else None,
        )

    async def ask(
        self, sub: str, policy: MethodPolicy, wanted: _Wanted = "factor"
    ) -> datetime | None:
        """Return until when it may be put off; None where it may not be, or no longer."""
        return await self._decided(sub, lambda info: self._until(info, policy, wanted))

    async def put_off(self, asked: PutOffSecurityInfo) -> Done:
        """Let a sign-in go on without it, or raise `CannotBePutOff` and change nothing."""
        policy = await self.changes.policy(asked.sub, asked.signing_in_under)
        organization = await self._organization(asked.sub)
        sign_in = await self._sign_in(asked.factor, policy, organization, asked.record)

        async def decide(info: SecurityInfo) -> Done:
            if asked.factor is None:
                # Since this sign-in began, a factor may have been registered in another one. The
                # password alone is not enough then.
                policy.require_none(info)
            wanted = sign_in.wants(info)
            if asked.registers and wanted == "factor":
                raise SignInOutdated
            if wanted is None or asked.registers:
                return Done()
            if await self._until(info, policy, wanted) is None:
                raise CannotBePutOff
            return Done()

        return await self._decided(asked.sub, decide)

    async def confirm(self, asked: ConfirmSecurityInfo) -> Done:
        """Note that the methods are right, as somebody says who has shown all they have to."""
        policy = await self.changes.policy(asked.sub, asked.signing_in_under)

        def confirmed(info: SecurityInfo) -> Changed:
            if asked.factor is None:
                policy.require_none(info)
            elif all(each.id != asked.factor for each in info.proved):
                raise SignInOutdated
            return Changed(info.confirmed(self.changes.clock.now()))

        await self.changes.make(asked.sub, confirmed)
        return Done()

    async def _sign_in(
        self,
        factor: str | None,
        policy: MethodPolicy,
        organization: str | None,
        record: OfRecord | None,
    ) -> _SignIn:
        resets = None
        if record is not None:
            resets = await self.resets.demands(policy, organization, record)
        return _SignIn(factor, policy, resets, self.changes.clock.now())

    async def _organization(self, sub: str, known: str | None = None) -> str | None:
        return known or await self.changes.policies.store.organization_of(sub)

    async def _decided(self, sub: str, decide: Callable[[SecurityInfo], Awaitable[T]]) -> T:
        """Decide by what there is, and anew where somebody else was faster."""
        for _ in range(Tries):
            try:
                return await decide(await self.store.security_info(sub))
            except MethodsChangedMeanwhile:
                continue
        raise Busy

    async def _until(
        self, info: SecurityInfo, policy: MethodPolicy, wanted: _Wanted
    ) -> datetime | None:
        if not policy.lets_put_off(info):
            return None
        return await self.store.ask(info, policy.skip_days, for_reset=wanted == "reset")
