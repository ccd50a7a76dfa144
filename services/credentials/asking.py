"""What a sign-in takes besides the password: asking for it, confirming it, putting it off."""

from dataclasses import dataclass
from datetime import datetime

from services.credentials.errors import CannotBePutOff, MethodsChangedMeanwhile, SignInOutdated
from services.credentials.kinds import MethodChanges, Tries
from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.store import MethodStore
from shared.contracts.body import Done
from shared.contracts.credentials import AskRequirements, Requirements
from shared.contracts.methods import ConfirmSecurityInfo, PutOffSecurityInfo
from shared.contracts.refusals import Busy


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
        for _ in range(Tries):
            info = await self.store.security_info(sub)
            if not policy.lets_put_off(info):
                return None
            try:
                return await self.store.ask(info, policy.skip_days)
            except MethodsChangedMeanwhile:
                continue
        raise Busy

    async def put_off(self, asked: PutOffSecurityInfo) -> Done:
        """Let a sign-in go on without it, or raise `CannotBePutOff` and change nothing."""
        policy = await self.changes.policy(asked.sub, asked.signing_in_under)
        info = await self.store.security_info(asked.sub)
        if self._is_waited_for(asked, policy, info) and await self.ask(asked.sub, policy) is None:
            raise CannotBePutOff
        return Done()

    async def confirm(self, asked: ConfirmSecurityInfo) -> Done:
        """Note that the methods are right, as somebody says who has just shown one of them."""
        await self.changes.policy(asked.sub, asked.signing_in_under)

        def confirmed(info: SecurityInfo) -> Changed:
            if all(each.id != asked.factor for each in info.proved):
                raise SignInOutdated
            return Changed(info.confirmed(self.changes.clock.now()))

        await self.changes.make(asked.sub, confirmed)
        return Done()

    def _is_waited_for(
        self, asked: PutOffSecurityInfo, policy: MethodPolicy, info: SecurityInfo
    ) -> bool:
        if asked.factor is not None:
            return bool(policy.to_confirm(info, self.changes.clock.now()))
        # Since this sign-in began, a factor may have been registered in another one. The password
        # alone is not enough then.
        policy.require_none(info)
        return policy.asks_to_register(info)
