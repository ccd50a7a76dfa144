"""Setting and changing passwords."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import SecretStr

from services.credentials.errors import (
    PasswordChangedMeanwhile,
    SignInOutdated,
    UserExists,
    WrongPassword,
)
from services.credentials.hashing import Hasher
from services.credentials.model import (
    Password,
    PasswordPolicy,
    address_guesses,
    change_guesses,
    fingerprint,
    normalized,
    password_changed,
)
from services.credentials.password_policy import PasswordPolicies
from services.credentials.rules import PasswordRules
from services.credentials.store import CredentialStore, CredentialTransaction, PolicyStore
from services.credentials.throttling import Throttle
from shared.clock import Clock
from shared.contracts.body import Done
from shared.contracts.credentials import (
    ChangePassword,
    CheckPassword,
    ConfirmPassword,
    EnrollAccount,
    PasswordReport,
    ReplacePassword,
    Words,
)
from shared.contracts.epochs import Raised
from shared.contracts.events import Cause
from shared.contracts.sessions import Revoked
from shared.telemetry import REFUSED_AFTER

Besides = Callable[[CredentialTransaction, Raised], Awaitable[None]]


@dataclass(frozen=True)
class Passwords:
    """Set, check and change memorized secrets (NIST SP 800-63B-4, 3.1.1)."""

    store: CredentialStore
    hasher: Hasher
    rules: PasswordRules
    throttle: Throttle
    clock: Clock
    pepper: bytes
    policies: PolicyStore
    demands: PasswordPolicies

    async def enroll(self, asked: EnrollAccount) -> Done:
        """Open an account under a user ID, with a first password where one is given."""
        verifier = None
        if asked.password is not None:
            first = asked.password.get_secret_value()
            policy = await self.demands.of(asked.organization)
            await self.rules.check(first, asked.words, field="password", policy=policy)
            verifier = await self.hasher.hash(first)
        account = Password(
            sub=asked.sub,
            user_id=normalized(asked.user_id),
            verifier=verifier,
            temporary=asked.temporary,
            version=1,
            changed_at=self.clock.now(),
            organization=asked.organization,
        )
        if not await self.store.in_transaction(lambda tx: tx.open_account(account)):
            if asked.organization is not None:
                # It may be from before accounts knew whose they are.
                await self.policies.adopt(asked.sub, account.user_id, asked.organization)
            raise UserExists
        return Done()

    async def check(self, asked: CheckPassword) -> PasswordReport:
        """Rate a password; nothing is stored."""
        policy = (
            await self.demands.of_subject(asked.sub, asked.organization)
            if asked.sub is not None
            else await self.demands.of(asked.organization)
        )
        return await self.rules.report(asked.password.get_secret_value(), asked.words, policy)

    async def change(self, asked: ChangePassword) -> Revoked:
        """Change a password. When this returns, nothing issued before is accepted any more."""
        password = await self._shown(asked.sub, asked.old_password, asked.address)
        return await self._replace(password, asked.new_password.get_secret_value(), asked.words)

    async def confirm(self, asked: ConfirmPassword) -> Done:
        """Take a password as shown again, or raise `WrongPassword`."""
        await self._shown(asked.sub, asked.password, asked.address)
        return Done()

    async def replace_temporary(self, asked: ReplacePassword) -> Revoked:
        """Put the user's own password in place of a temporary one, once, in the same sign-in."""
        password = await self.store.password_of(asked.sub)
        if password is None or not password.temporary:
            raise SignInOutdated
        return await self._replace_under(asked, password)

    async def replace(self, asked: ReplacePassword) -> Revoked:
        """Put another password in place of one that its owner showed a second factor for."""
        password = await self.store.password_of(asked.sub)
        if password is None:
            raise SignInOutdated
        return await self._replace_under(asked, password)

    async def reset(
        self, sub: str, new: str, words: Words, *, epoch: int, besides: Besides
    ) -> Revoked:
        """Put a new password in place of one that its owner has forgotten, or never had.

        It may be one that they had before, the current one too. `besides` is done in the same
        transaction. Raise `SignInOutdated` where somebody else was faster.
        """
        password = await self.store.password_of(sub)
        if password is None or password.disabled:
            raise SignInOutdated
        policy = await self.demands.of_subject(sub, password.organization)
        await self.rules.check(new, words, policy=policy)
        try:
            return await self._put(
                password,
                new,
                policy,
                cause="password-reset",
                expected_epoch=epoch,
                besides=besides,
            )
        except PasswordChangedMeanwhile as error:
            raise SignInOutdated from error

    async def _shown(self, sub: str, secret: SecretStr, address: str) -> Password:
        """Return the password that somebody who is signed in has shown to know."""
        shown, password = secret.get_secret_value(), await self.store.password_of(sub)
        guesses = change_guesses(self.pepper, sub)
        client = address_guesses(self.pepper, address)
        async with self.throttle.attempt(guesses, client) as attempt:
            if not await self.hasher.verify(password.verifier if password else None, shown):
                attempt.wrong(fingerprint(self.pepper, sub, shown))
                raise WrongPassword
            attempt.right()
        if password is None:
            raise WrongPassword
        return password

    async def _replace_under(self, asked: ReplacePassword, password: Password) -> Revoked:
        new = asked.new_password.get_secret_value()
        try:
            return await self._replace(password, new, asked.words, expected_epoch=asked.epoch)
        except PasswordChangedMeanwhile as error:
            raise SignInOutdated from error

    async def _replace(
        self, password: Password, new: str, words: Words, *, expected_epoch: int | None = None
    ) -> Revoked:
        policy = await self.demands.of_subject(password.sub, password.organization)
        known = await self._known(password, new, policy.history)
        await self.rules.check(new, words, also=known, policy=policy)
        return await self._put(password, new, policy, expected_epoch=expected_epoch)

    async def _put(
        self,
        password: Password,
        new: str,
        policy: PasswordPolicy,
        *,
        cause: Cause = "password-changed",
        expected_epoch: int | None = None,
        besides: Besides | None = None,
    ) -> Revoked:
        # Argon2 is slow by design, so it runs before the transaction opens;
        # put_password refuses a password that was changed in the meantime.
        changed = password.changed(
            await self.hasher.hash(new), at=self.clock.now(), history=policy.history
        )

        async def work(tx: CredentialTransaction) -> Raised:
            await tx.put_password(changed)
            raised = await tx.raise_epoch(password.sub, cause, password_version=changed.version)
            if expected_epoch is not None and raised.epoch != expected_epoch + 1:
                raise SignInOutdated
            await tx.emit(password_changed(raised, at=changed.changed_at, cause=cause))
            if besides is not None:
                await besides(tx, raised)
            return raised

        raised = await self.store.in_transaction(work)
        await self._settle(raised, cause)
        return Revoked(
            receipt=raised.receipt, receipt_token=raised.receipt_token, epoch=raised.epoch
        )

    async def _settle(self, raised: Raised, cause: Cause) -> None:
        committed = self.clock.monotonic()
        await self.store.settle(raised.sub)
        REFUSED_AFTER.labels(cause).observe(self.clock.monotonic() - committed)

    async def _known(self, password: Password, new: str, history: int) -> list[str]:
        """Return the reasons against a new password that the subject has or had already."""
        in_use = await self.hasher.verify(password.verifier, new)
        known = ["same-as-current"] if in_use else []
        for verifier in password.remembered(history):
            if await self.hasher.verify(verifier, new):
                return [*known, "used-before"]
        return known
