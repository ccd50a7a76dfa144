"""What each kind of method can do, and how a subject's methods are changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.credentials.errors import MethodsChangedMeanwhile, SignInOutdated
from services.credentials.method import Method
from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.owed import owed_to_addresses
from services.credentials.policy import MethodPolicies
from services.credentials.store import MethodStore
from shared.clock import Clock
from shared.contracts.events import Event
from shared.contracts.methods import BeginChallenge, ChallengeBegun
from shared.contracts.refusals import Busy

Tries = 20
"""How often a change is decided anew because others were faster."""


@dataclass(frozen=True)
class Shown:
    """What somebody shows for one of a subject's methods: a code, or a passkey's answer in JSON.

    `binding` is what the challenge that it answers was begun for, and is worth nothing elsewhere.
    """

    sub: str
    answer: str
    binding: str
    at: datetime


class MethodKind(Protocol):
    """One way to show who one is."""

    @property
    def amr(self) -> str:
        """What was shown by it (RFC 8176, 2)."""
        ...

    async def begin(self, method: Method, asked: BeginChallenge) -> ChallengeBegun:
        """Send or return what is to be answered, where there is something."""
        ...

    async def admit(self, method: Method, shown: Shown) -> None:
        """Use up what was begun, in one atomic write, or raise `CodeRefused`.

        A passkey raises `PasskeyRefused` instead, which is no wrong guess: nobody guesses that.
        """
        ...

    def took(self, method: Method, shown: Shown) -> Method:
        """Return the method after the answer, or raise the same. It may be called again."""
        ...


@dataclass(frozen=True)
class MethodChanges:
    """Change a subject's methods in one atomic write each, as policy allows."""

    store: MethodStore
    policies: MethodPolicies
    clock: Clock

    async def policy(self, sub: str, signing_in_under: int | None = None) -> MethodPolicy:
        """Return the policy that holds, or raise where the sign-in that asks is overtaken."""
        policy = await self.policies.of_subject(sub)
        if signing_in_under is not None and await self.store.epoch_of(sub) != signing_in_under:
            raise SignInOutdated
        return policy

    async def begin(self, sub: str, new: Method, *, signing_in_under: int | None = None) -> Changed:
        """Begin to set a method up; the password alone does so only where there is no factor."""
        policy = await self.policy(sub, signing_in_under)
        policy.require(new.kind)

        def begun(info: SecurityInfo) -> Changed:
            if signing_in_under is not None:
                policy.require_none(info)
            return Changed(info.with_unproved(new))

        return await self.make(sub, begun)

    async def make(
        self,
        sub: str,
        change: Callable[[SecurityInfo], Changed],
        *,
        known: SecurityInfo | None = None,
        also: Sequence[Event] = (),
    ) -> Changed:
        """Change what there is, or raise and change nothing.

        Where somebody else was faster, the change is made to what they left. `known` is what was
        read before, `also` what is told besides the change itself.
        """
        for _ in range(Tries):
            info = known or await self.store.security_info(sub)
            changed, known = change(info), None
            event = changed.event(sub, at=self.clock.now())
            notices = tuple(owed_to_addresses(info, changed.info, event)) if event else ()
            try:
                if changed.use is not None:
                    await self.store.put_use(changed.info, changed.use)
                else:
                    await self.store.put(changed.info, event, notices, also)
            except MethodsChangedMeanwhile:
                continue
            return changed
        raise Busy
