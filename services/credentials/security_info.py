"""Security information: a person's methods beside the password, and answering with them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.credentials.errors import CodeRefused, MethodNotFound, SignInOutdated
from services.credentials.kinds import MethodChanges, MethodKind, Shown
from services.credentials.method import Method
from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.model import address_guesses, factor_guesses, fingerprint
from services.credentials.out_of_band import OutOfBand
from services.credentials.policy import ResetPolicies
from services.credentials.recovery_codes import RecoveryCodes
from services.credentials.store import MethodStore
from services.credentials.throttling import Throttle
from services.credentials.totp import Authenticators
from services.credentials.webauthn import Passkeys
from shared.clock import Clock
from shared.contracts import methods as contract
from shared.contracts.body import Done
from shared.contracts.events import ChangeType


@dataclass(frozen=True)
class SecurityInformation:
    """Prove, name, choose, remove and answer with methods (NIST SP 800-63B-4, 4.1)."""

    store: MethodStore
    changes: MethodChanges
    throttle: Throttle
    authenticators: Authenticators
    recovery_codes: RecoveryCodes
    passkeys: Passkeys
    out_of_band: OutOfBand
    clock: Clock
    pepper: bytes
    resets: ResetPolicies

    async def list(self, asked: contract.ListMethods) -> contract.MethodList:
        """Return the methods that count."""
        organization = await self.changes.policies.store.organization_of(asked.sub)
        policy = await self.changes.policies.of(organization)
        info = await self.store.security_info(asked.sub)
        if any(each.epoch is not None for each in info.methods):
            info = info.under(await self.store.epoch_of(asked.sub))
        return contract.MethodList(
            items=tuple(policy.shown(info, each) for each in info.proved),
            resets=(await self.resets.of(organization)).is_on,
            app_passwords="app-password" in policy.allowed,
            questions="security-questions" in policy.allowed,
            sendable=tuple(
                each for each in self.out_of_band.sending.kinds if each in policy.allowed
            ),
            last_change=info.changed_last,
            revision=info.version,
        )

    async def send_again(self, asked: contract.BeginChallenge) -> Done:
        """Send another code to a method that waits to be proved."""
        policy = await self.changes.policy(asked.sub)
        info = await self.store.security_info(asked.sub)
        method = info.unproved(asked.id, at=self.clock.now())
        policy.require(method.kind)
        await self.kind_of(method).begin(method, asked)
        return Done()

    async def prove(self, asked: contract.ProveMethod) -> contract.Proved:
        """Take a method into use, which has shown that it works."""
        policy = await self.changes.policy(asked.sub, asked.signing_in_under)
        info, shown = await self.store.security_info(asked.sub), self._shown(asked)

        def waiting(info: SecurityInfo) -> Method:
            if asked.signing_in_under is not None:
                policy.require_none(info)
            method = info.unproved(asked.id, at=shown.at)
            policy.require(method.kind)
            return method

        method = waiting(info)
        kind = self.kind_of(method)

        def proved(info: SecurityInfo) -> Changed:
            method = waiting(info)
            change: ChangeType = "update" if method.instead_of else "create"
            shown_to_work = kind.took(method, shown)
            after = info.with_proved(shown_to_work)
            return Changed(after, shown_to_work, change, kept=asked.sid)

        # Whoever proves a method is signed in, or has the password at least: nobody who guesses
        # elsewhere locks them out of it.
        async with self._guess(shown, asked.address, familiar=True):
            await kind.admit(method, shown)
            done = await self.changes.make(asked.sub, proved, known=info)
        return contract.Proved(
            method=done.info.shown(done.info.method(asked.id)), gone=done.gone, amr=kind.amr
        )

    async def rename(self, asked: contract.RenameMethod) -> contract.Method:
        """Call a method something else."""

        def renamed(info: SecurityInfo) -> Changed:
            return Changed(info.with_label(asked.id, asked.label))

        policy = await self.changes.policy(asked.sub)
        after = (await self.changes.make(asked.sub, renamed)).info
        return policy.shown(after, after.method(asked.id))

    async def remove(self, asked: contract.RemoveMethod) -> contract.Removed:
        """Remove a method, but not the last factor where one is required. What rests on it ends."""
        policy = await self.changes.policy(asked.sub)

        def removed(info: SecurityInfo) -> Changed:
            after, method = info.without(asked.id), info.method(asked.id)
            policy.require_one_left(info, after)
            left = {each.id for each in after.methods}
            also = tuple(
                each.id for each in info.proved if each.id not in left and each.id != asked.id
            )
            return Changed(after, method, "delete", also=also)

        done = await self.changes.make(asked.sub, removed)
        return contract.Removed(default=done.info.default, gone=done.gone)

    async def choose_default(self, asked: contract.ChooseDefault) -> Done:
        """Ask for this method first from now on."""
        policy = await self.changes.policy(asked.sub)

        def chosen(info: SecurityInfo) -> Changed:
            policy.require(info.method(asked.id).kind)
            return Changed.with_default(info, asked.id)

        await self.changes.make(asked.sub, chosen)
        return Done()

    async def begin(self, asked: contract.BeginChallenge) -> contract.ChallengeBegun:
        """Begin a challenge on one of the methods: send a code, or say what is to be signed."""
        policy = await self.changes.policy(asked.sub)
        method = (await self.store.security_info(asked.sub)).asked(asked.id)
        policy.require(method.kind)
        return await self.kind_of(method).begin(method, asked)

    async def answer(self, asked: contract.AnswerChallenge) -> contract.ChallengeAnswered:
        """Take an answer, once. A challenge from before the epoch was raised takes none."""
        # Read from one store while another lets the guess through.
        reading = asyncio.gather(
            self.store.epoch_of(asked.sub),
            self.store.security_info(asked.sub),
            self.changes.policies.of_subject(asked.sub, asked.organization),
        )
        shown = self._shown(asked)
        async with self._guess(shown, asked.address, familiar=asked.familiar):
            epoch, info, policy = await reading
            if epoch != asked.epoch:
                raise SignInOutdated
            return await self._taken(info, policy, asked, shown)

    async def answer_knowing(
        self, info: SecurityInfo, policy: MethodPolicy, asked: contract.AnswerChallenge
    ) -> contract.ChallengeAnswered:
        """Take an answer, once, to what was asked just now of methods that were read for that."""
        shown = self._shown(asked)
        async with self._guess(shown, asked.address, familiar=asked.familiar):
            return await self._taken(info, policy, asked, shown)

    async def _taken(
        self,
        info: SecurityInfo,
        policy: MethodPolicy,
        asked: contract.AnswerChallenge,
        shown: Shown,
    ) -> contract.ChallengeAnswered:
        method = info.asked(asked.id)
        kind = self.kind_of(method)

        def taken(info: SecurityInfo) -> Changed:
            policy.require(method.kind)
            used = kind.took(info.asked(asked.id), shown)
            return Changed.used(info, used, settle_later=asked.settle_later)

        await kind.admit(method, shown)
        done = await self.changes.make(asked.sub, taken, known=info)
        used = done.info.method(asked.id)
        left = len(used.codes) if used.kind == "recovery-codes" else None
        return contract.ChallengeAnswered(
            factor=used.id,
            amr=kind.amr,
            codes_left=left,
            trust=policy.trust_after(used),
            must_confirm=policy.asks_to_confirm(done.info, shown.at),
            unsettled=done.use,
        )

    async def settle(self, asked: contract.SettleAnswer) -> contract.AnswerSettled:
        """Tell whether an answer that was taken cannot be undone any more."""
        return contract.AnswerSettled(kept=await self.store.is_kept(asked.sub, asked.use))

    def _shown(self, asked: contract.AnswerChallenge | contract.ProveMethod) -> Shown:
        return Shown(asked.sub, asked.answer.get_secret_value(), asked.binding, self.clock.now())

    def kind_of(self, method: Method) -> MethodKind:
        """Return what takes answers by this method."""
        match method.kind:
            case "authenticator":
                return self.authenticators
            case "passkey":
                return self.passkeys
            case "recovery-codes":
                return self.recovery_codes
            case "email" | "sms" | "voice":
                return self.out_of_band.by(method.kind)
            case "app-password" | "security-questions":
                # Nothing here is begun for one, and nothing answered with one.
                raise MethodNotFound

    @asynccontextmanager
    async def _guess(
        self, shown: Shown, address: str, *, familiar: bool = False
    ) -> AsyncIterator[None]:
        """Let a guess through while there are any left, and count it where it is wrong."""
        account = factor_guesses(self.pepper, shown.sub, familiar=familiar)
        client = address_guesses(self.pepper, address)
        async with self.throttle.attempt(account, client) as attempt:
            try:
                yield
            except CodeRefused:
                attempt.wrong(fingerprint(self.pepper, shown.sub, shown.answer))
                raise
            attempt.right()
