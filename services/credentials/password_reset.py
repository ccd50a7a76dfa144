"""Resetting a password that its owner has forgotten (NIST SP 800-63B-4, 4.2).

Whoever asks may be anybody. So a reset is begun for any user ID alike, and one that cannot be gone
on with looks the same whatever the reason is.
"""

import asyncio
from dataclasses import dataclass

from services.credentials.errors import (
    CodeRefused,
    MethodNotFound,
    MethodsChangedMeanwhile,
    ResetEnded,
    ResetOutOfOrder,
    SignInOutdated,
)
from services.credentials.kinds import Shown
from services.credentials.method import Method
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.model import NOBODY, help_asked, normalized, reset_done, reset_refused
from services.credentials.owed import owed_of_reset
from services.credentials.password import Passwords
from services.credentials.policy import ResetPolicies
from services.credentials.reset_limits import ResetLimits
from services.credentials.reset_policy import ResetPolicy, sort_of
from services.credentials.resets import Refused, Reset
from services.credentials.security_info import SecurityInformation
from services.credentials.security_questions import SecurityQuestions
from services.credentials.store import CredentialTransaction, ResetStore
from shared.contracts.body import Done
from shared.contracts.epochs import Raised
from shared.contracts.events import Audited
from shared.contracts.methods import BeginChallenge, SentKinds
from shared.contracts.resets import (
    AnswerReset,
    AskHelpdesk,
    BeginReset,
    ChooseResetMethod,
    FinishReset,
    LookedUp,
    LookUpAccount,
    ReadReset,
    ResetMethod,
    ResetState,
    ResetStep,
)
from shared.contracts.sessions import Revoked


@dataclass(frozen=True)
class _Case:
    """A reset with all that it rests on, as of this step."""

    reset: Reset
    info: SecurityInfo
    allowed: SecurityInfo
    policy: ResetPolicy
    locked: bool = False

    @property
    def proofs_needed(self) -> int:
        return self.policy.needed(is_admin=self.reset.is_admin) - len(self.reset.proved)

    @property
    def step(self) -> ResetStep:
        if self.reset.receipt is not None:
            return "done"
        if self.reset.refused is not None or self.locked:
            return "contact-helpdesk"
        if self.proofs_needed <= 0:
            return "new-password"
        # Policy may have left none since, or taken away the one that was asked for.
        left = {each.id for each in self._left}
        if not left:
            return "contact-helpdesk"
        return "answer" if self.reset.asked in left else "choose-method"

    @property
    def offered(self) -> tuple[Method, ...]:
        """Return what may be shown next, of a sort that was not shown yet."""
        return self._left if self.step in {"choose-method", "answer"} else ()

    @property
    def _left(self) -> tuple[Method, ...]:
        usable = self.policy.usable(self.allowed, is_admin=self.reset.is_admin)
        proved = set(map(sort_of, self.reset.proved))
        return tuple(each for each in usable if sort_of(each.kind) not in proved)

    def require(self, *steps: ResetStep) -> None:
        """Raise `ResetOutOfOrder` unless it waits for one of these."""
        if self.step not in steps:
            raise ResetOutOfOrder

    def method(self, method_id: str | None) -> Method:
        """Return a method that may be shown next, or raise `MethodNotFound`."""
        found = next((each for each in self.offered if each.id == method_id), None)
        if found is None:
            raise MethodNotFound
        return found

    def state(self, questions: tuple[str, ...]) -> ResetState:
        methods = tuple(
            ResetMethod(id=each.id, kind=each.kind, hint=each.hint) for each in self.offered
        )
        return ResetState(
            state=self.step,
            sub=self.reset.sub,
            methods=methods,
            proofs_needed=self.proofs_needed if methods else 0,
            asked=self.reset.asked if self.step == "answer" else None,
            questions=questions,
        )


@dataclass(frozen=True)
class PasswordReset:
    """Begin resets, take their proofs and set the new password."""

    passwords: Passwords
    security_info: SecurityInformation
    policies: ResetPolicies
    resets: ResetStore
    limits: ResetLimits
    questions: SecurityQuestions

    async def look_up(self, asked: LookUpAccount) -> LookedUp:
        """Return whose user ID it is."""
        password = await self.passwords.store.password_named(normalized(asked.user_id))
        return LookedUp(sub=password.sub if password is not None else NOBODY)

    async def begin(self, asked: BeginReset) -> Done:
        """Begin a reset for anybody, which is the same work for everybody."""
        user_id = normalized(asked.user_id)
        password = await self.passwords.store.password_named(user_id)
        sub = password.sub if password is not None else NOBODY
        organization = password.organization if password is not None else None
        lets_begin = await self.limits.lets_begin(asked.address)
        policy = await self.policies.of(organization)
        allowed, info, standing, locked = await asyncio.gather(
            self.security_info.changes.policies.of(organization),
            self.security_info.store.security_info(sub),
            self.passwords.store.standing_of(sub),
            self.limits.is_locked(sub, policy.throttles),
        )
        # In this order, since what comes first is known without what comes later.
        reasons: dict[Refused, bool] = {
            "throttled": not lets_begin,
            "unknown": password is None,
            "disabled": password is not None and password.disabled,
            "not-enabled": not policy.enables(asked.groups),
            "not-registered": not policy.is_registered(
                self.questions.enough(allowed.usable(info), policy), is_admin=asked.for_admin
            ),
            "locked": locked,
        }
        reset = Reset(
            id=asked.binding,
            sub=sub,
            user_id=user_id,
            organization=organization,
            epoch=standing.epoch,
            policy_version=policy.version,
            methods_version=info.version,
            is_admin=asked.for_admin,
            refused=next((reason for reason, holds in reasons.items() if holds), None),
        )
        await self.resets.begin(reset, await self._told_to_trail(reset))
        return Done()

    async def read(self, asked: ReadReset) -> ResetState:
        """Return how far a reset has come."""
        case = await self._case(asked.binding)
        return case.state(self._asked(case))

    async def choose(self, asked: ChooseResetMethod) -> ResetState:
        """Ask for a method, and send its code where it has one to send."""
        case = await self._case(asked.binding)
        case.require("choose-method", "answer")
        reset, method = case.reset, case.method(asked.id)
        if method.kind in SentKinds:
            await self.limits.take_message(reset.sub, method, case.policy.throttles)
            begin = BeginChallenge(
                sub=reset.sub, id=method.id, binding=reset.binding, language=asked.language
            )
            await self.security_info.out_of_band.begin_reset(method, begin)
        wrong = await self.limits.wrong_proofs(reset.sub, case.policy.throttles)
        if not await self.resets.change(self._on(reset, method, case.policy, wrong)):
            raise ResetOutOfOrder
        return await self.read(ReadReset(binding=asked.binding))

    async def answer(self, asked: AnswerReset) -> ResetState:
        """Take a proof, once: of several answers at once, one is looked at."""
        # Whose it is never changes, so that much is known before a try is taken.
        found = await self._found(asked.binding)
        sub, limits = found.sub, (await self.policies.of(found.organization)).throttles
        async with self.limits.proof(sub, asked.address, limits):
            case = await self._case(asked.binding)
            case.require("answer")
            method = case.method(case.reset.asked)
            claimed = await self.resets.claim(case.reset)
            if claimed is None:
                raise ResetOutOfOrder
            try:
                proved = await self._proved(asked, claimed, method, case.info)
            except Exception:
                # Whoever was wrong may try again at once, of questions by others. This one is
                # counted a moment later.
                wrong = await self.limits.wrong_proofs(sub, limits) + 1
                await self.resets.change(self._on(claimed, method, case.policy, wrong))
                raise
            if not await self.resets.change(proved):
                raise ResetEnded
        return await self.read(ReadReset(binding=asked.binding))

    async def _proved(
        self, asked: AnswerReset, reset: Reset, method: Method, info: SecurityInfo
    ) -> Reset:
        at, answer = self.security_info.clock.now(), asked.answer.get_secret_value()
        if method.kind == "security-questions":
            if not await self.questions.are_right(reset.sub, method, reset.drawn, answer):
                raise CodeRefused
            used = method.took_sent(at)
        else:
            kind = self.security_info.kind_of(method)
            shown = Shown(reset.sub, answer, reset.binding, at)
            await kind.admit(method, shown)
            used = kind.took(method, shown)
        changed = Changed.used(info, used, settle_later=False)
        event = changed.event(reset.sub, at=at)
        try:
            # Of this version alone: whatever else was changed ends the reset.
            await self.security_info.store.put(changed.info, event)
        except MethodsChangedMeanwhile as error:
            raise ResetEnded from error
        return reset.answered(method.kind, changed.revision)

    def _asked(self, case: _Case) -> tuple[str, ...]:
        if case.step != "answer" or not case.reset.drawn:
            return ()
        method = case.method(case.reset.asked)
        return self.questions.asked(case.reset.sub, method, case.reset.drawn)

    def _on(self, reset: Reset, method: Method, policy: ResetPolicy, wrong: int) -> Reset:
        if method.kind != "security-questions":
            return reset.on(method.id)
        # Who begins anew is asked the same, or would draw until the questions come whose answers
        # they know. Only a wrong proof, of which there are few, draws others.
        seed = self.limits.seed(reset.sub, method.id, wrong)
        drawn = self.questions.draw(reset.sub, method, policy.questions_to_answer, seed)
        return reset.on(method.id, drawn)

    async def finish(self, asked: FinishReset) -> Revoked:
        """Set the new password. When this returns, nothing issued before is accepted any more.

        Nobody is signed in by it, and the next sign-in asks for whatever it asked for before.
        """
        case = await self._case(asked.binding)
        case.require("new-password")
        reset, info = case.reset, case.info
        is_as_it_was = asked.for_admin is None or asked.for_admin == reset.is_admin
        if not is_as_it_was or (asked.groups is not None and not case.policy.enables(asked.groups)):
            # What the record says has changed since the reset was begun.
            raise ResetEnded

        async def besides(tx: CredentialTransaction, raised: Raised) -> None:
            await tx.finish_reset(reset, raised.receipt)
            for notice in owed_of_reset(info, raised.receipt, at, told):
                await tx.owe(notice)
            if reset.organization is not None:
                await tx.emit(reset_done(reset.sub, reset.organization, at=at))

        at, told = self.security_info.clock.now(), self._told(info, asked.told)
        new = asked.new_password.get_secret_value()
        try:
            revoked = await self.passwords.reset(
                reset.sub, new, asked.words, epoch=reset.epoch, besides=besides
            )
        except SignInOutdated as error:
            raise ResetEnded from error
        await self.limits.clear(reset.sub, reset.user_id, info.methods, case.policy.throttles)
        return revoked

    async def ask_helpdesk(self, asked: AskHelpdesk) -> Done:
        """Have the admins told, unless they were today or there is nobody of that name."""
        reset = await self._found(asked.binding)
        lets_ask = await self.limits.lets_ask_helpdesk(reset.user_id, asked.address)
        if lets_ask and reset.sub != NOBODY and reset.receipt is None:
            at = self.security_info.clock.now()
            await self.resets.tell(help_asked(reset.sub, at=at))
        return Done()

    async def _told_to_trail(self, reset: Reset) -> Audited | None:
        if reset.refused is None or reset.organization is None:
            return None
        if not await self.limits.lets_tell(reset.sub, reset.refused):
            return None
        at = self.security_info.clock.now()
        return reset_refused(reset.sub, reset.organization, reset.refused, at=at)

    async def _found(self, binding: str) -> Reset:
        reset = await self.resets.find(binding)
        if reset is None:
            raise ResetEnded
        return reset

    async def _case(self, binding: str) -> _Case:
        """Return a reset that holds, or raise `ResetEnded`."""
        reset = await self._found(binding)
        if reset.refused is not None or reset.receipt is not None:
            # It stays as it is until its time is over: that it ends when something about the
            # account changes would tell that there is one.
            nothing = SecurityInfo(reset.sub)
            return _Case(reset, nothing, nothing, ResetPolicy())
        policy = await self.policies.of(reset.organization)
        methods, info, standing, locked = await asyncio.gather(
            self.security_info.changes.policies.of(reset.organization),
            self.security_info.store.security_info(reset.sub),
            self.passwords.store.standing_of(reset.sub),
            self.limits.is_locked(reset.sub, policy.throttles),
        )
        rests_on = (reset.policy_version, reset.methods_version, reset.epoch)
        holds = rests_on == (policy.version, info.version, standing.epoch)
        if not holds or not methods.allowed.issuperset(reset.proved):
            raise ResetEnded
        usable = self.questions.enough(methods.usable(info), policy)
        return _Case(reset, info, usable, policy, locked)

    def _told(self, info: SecurityInfo, told: tuple[str, ...]) -> frozenset[str]:
        """Return the methods whose address is among those that are told elsewhere."""
        addresses = {each.casefold() for each in told}
        target = self.security_info.out_of_band.target
        return frozenset(
            each.id
            for each in info.proved
            if each.kind == "email" and target(each, info.sub).casefold() in addresses
        )
