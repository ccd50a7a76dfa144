"""What a sign-in takes besides the password: asking for it, confirming it, putting it off."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from services.credentials.errors import CannotBePutOff, MethodsChangedMeanwhile, SignInOutdated
from services.credentials.kinds import MethodChanges, Tries
from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.store import MethodStore
from shared.contracts.body import Done
from shared.contracts.credentials import AskRequirements, Requirements
from shared.contracts.methods import ConfirmSecurityInfo, PutOffSecurityInfo
from shared.contracts.refusals import Busy

T = TypeVar("T")


@dataclass(frozen=True)
class Asking:
    """Let what a sign-in asks for be put off for a while, which begins when it is first asked."""

    store: MethodStore
    changes: MethodChanges

    async def requirements(self, asked: AskRequirements) -> Requirements:
        """Return what a sign-in takes besides what was shown, as of this moment."""
        policy = await self.changes.policies.of_subject(asked.sub, asked.organization)
        info = await self.store.security_info(asked.sub)
        if asked.factor is not None:
            to_confirm = policy.to_confirm(info, self.changes.clock.now())
            skip_until = await self.ask(asked.sub, policy) if to_confirm else None
            return Requirements(to_confirm=to_confirm, skip_until=skip_until)
        must_register = policy.asks_to_register(info)
        return Requirements(
            methods=policy.challenging(info),
            must_register=must_register,
            skip_until=await self.ask(asked.sub, policy) if must_register else None,
        )

    async def ask(self, sub: str, policy: MethodPolicy) -> datetime | None:
        """Return until when it may be put off; None where it may not be, or no longer."""
        return await self._decided(sub, lambda info: self._until(info, policy))

    async def put_off(self, asked: PutOffSecurityInfo) -> Done:
        """Let a sign-in go on without it, or raise `CannotBePutOff` and change nothing."""
        policy = await self.changes.policy(asked.sub, asked.signing_in_under)

        async def decide(info: SecurityInfo) -> Done:
            is_waited_for = self._is_waited_for(asked, policy, info)
            if is_waited_for and await self._until(info, policy) is None:
                raise CannotBePutOff
            return Done()

        return await self._decided(asked.sub, decide)

    async def confirm(self, asked: ConfirmSecurityInfo) -> Done:
        """Note that the methods are right, as somebody says who has just shown one of them."""
        await self.changes.policy(asked.sub, asked.signing_in_under)

        def confirmed(info: SecurityInfo) -> Changed:
            if all(each.id != asked.factor for each in info.proved):
                raise SignInOutdated
            return Changed(info.confirmed(self.changes.clock.now()))

        await self.changes.make(asked.sub, confirmed)
        return Done()

    async def _decided(self, sub: str, decide: Callable[[SecurityInfo], Awaitable[T]]) -> T:
        """Decide by what there is, and anew where somebody else was faster."""
        for _ in range(Tries):
            try:
                return await decide(await self.store.security_info(sub))
            except MethodsChangedMeanwhile:
                continue
        raise Busy

    async def _until(self, info: SecurityInfo, policy: MethodPolicy) -> datetime | None:
        return await self.store.ask(info, policy.skip_days) if policy.lets_put_off(info) else None

    def _is_waited_for(
        self, asked: PutOffSecurityInfo, policy: MethodPolicy, info: SecurityInfo
    ) -> bool:
        if asked.factor is not None:
            return bool(policy.to_confirm(info, self.changes.clock.now()))
        # Since this sign-in began, a factor may have been registered in another one. The password
        # alone is not enough then.
        policy.require_none(info)
        return policy.asks_to_register(info)
