"""Verifying a user ID with a password."""

import asyncio
from dataclasses import dataclass

from services.credentials.asking import Asking
from services.credentials.errors import AccountIsDisabled, SignInRefused, SignInThrottled
from services.credentials.hashing import Hasher
from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import SecurityInfo
from services.credentials.model import (
    NOBODY,
    Guesses,
    Lock,
    Password,
    address_guesses,
    factor_guesses,
    fingerprint,
    normalized,
    sign_in_guesses,
)
from services.credentials.policy import MethodPolicies
from services.credentials.reset_policy import ResetPolicy
from services.credentials.store import CredentialStore, MethodStore
from services.credentials.throttling import Throttle
from shared.contracts.activity import Attempted, AttemptOutcome
from shared.contracts.credentials import Verified, VerifyPassword
from shared.contracts.epochs import NoEpoch, Standing


@dataclass(frozen=True)
class Recognised:
    """Whose password it was, with their methods and the policy as they were read beside it."""

    verified: Verified
    info: SecurityInfo
    policy: MethodPolicy


@dataclass(frozen=True)
class Authentication:
    """Tell who somebody is. An unknown user ID costs what a wrong password does."""

    store: CredentialStore
    methods: MethodStore
    hasher: Hasher
    throttle: Throttle
    pepper: bytes
    policies: MethodPolicies
    asking: Asking

    async def recognise(self, asked: VerifyPassword) -> Recognised:
        """Return whose password it is, with the epoch that the sign-in rests on.

        A refusal says whose attempt it was to the gateway alone.
        """
        user_id = normalized(asked.user_id)
        password = await self.store.password_named(user_id)
        try:
            return await self._recognised(asked, user_id, password)
        except (SignInRefused, SignInThrottled) as refusal:
            attempted = self._attempted(user_id, password, refusal)
            raise refusal.privately(**attempted.model_dump()) from None

    async def _recognised(
        self, asked: VerifyPassword, user_id: str, password: Password | None
    ) -> Recognised:
        guess = asked.password.get_secret_value()
        sub = password.sub if password is not None else NOBODY
        familiar = asked.is_familiar(sub)
        guesses = self._guesses(user_id, asked, Lock(sub, "sign-in-locked"), familiar=familiar)
        async with self.throttle.attempt(*guesses) as attempt:
            verifier = password.verifier if password is not None else None
            # While it is hashed, nobody waits for what else there is to be read.
            organization = password.organization if password is not None else None
            (standing, guarding), is_right, policy, resets = await asyncio.gather(
                self._standing(sub, familiar=familiar),
                self.hasher.verify(verifier, guess),
                self.policies.of(organization),
                self.asking.resets.policies.of(organization),
            )
            # What is disabled is refused like a wrong password, in all that anybody can tell.
            is_disabled = password is not None and password.disabled
            if not is_right or is_disabled:
                attempt.wrong(fingerprint(self.pepper, user_id, guess))
                raise AccountIsDisabled if is_right else SignInRefused
            attempt.right()
        return await self._finish(password, guess, standing, guarding, policy, resets)

    async def _standing(self, sub: str, *, familiar: bool) -> tuple[Standing, SecurityInfo | None]:
        """Return how the account stands, with the methods where the password alone may not do."""
        standing = await self.store.standing_of(sub)
        if not standing.is_guarded:
            return standing, None
        # Whether a code comes with the password or after it, it will be counted as a guess.
        guesses = factor_guesses(self.pepper, sub, familiar=familiar)
        info, _ = await asyncio.gather(
            self.methods.security_info(sub), self.throttle.prepare(guesses)
        )
        return standing, info

    async def _finish(
        self,
        password: Password | None,
        guess: str,
        standing: Standing,
        guarding: SecurityInfo | None,
        policy: MethodPolicy,
        resets: ResetPolicy,
    ) -> Recognised:
        # The epoch was read after the password: had the password been changed in between, an
        # old password would come with a new epoch. The version that came with the epoch tells.
        if password is None or standing.epoch == NoEpoch:
            raise SignInRefused
        if standing.password_version != password.version:
            raise SignInRefused
        if password.verifier and self.hasher.outdated(password.verifier):
            await self.store.rehashed(password, await self.hasher.hash(guess))
        info = guarding or SecurityInfo(password.sub)
        if guarding is None and resets.is_on:
            info = await self.methods.security_info(password.sub)
        must_register = policy.asks_to_register(info)
        # Who has a temporary password is not asked for it before they have one of their own.
        is_asked = must_register and not password.temporary
        verified = Verified(
            sub=password.sub,
            epoch=standing.epoch,
            must_change=password.temporary,
            methods=policy.challenging(info),
            organization=password.organization,
            must_register=must_register,
            skip_until=await self.asking.ask(password.sub, policy) if is_asked else None,
            trust=policy.trust,
            asks_for_reset=self.asking.resets.may_ask(policy, resets, info),
        )
        return Recognised(verified, info, policy)

    def _attempted(
        self, user_id: str, password: Password | None, refusal: SignInRefused | SignInThrottled
    ) -> Attempted:
        outcome: AttemptOutcome = "wrong-password"
        if isinstance(refusal, SignInThrottled):
            outcome = "throttled"
        elif isinstance(refusal, AccountIsDisabled):
            outcome = "account-disabled"
        # No subject looks like this one, and nobody can tell the user ID from it.
        nobody = f".{fingerprint(self.pepper, 'activity', user_id)[:40]}"
        sub = password.sub if password is not None else nobody
        return Attempted(
            sub=sub,
            known=password is not None,
            outcome=outcome,
            organization=password.organization if password is not None else None,
        )

    def _guesses(
        self, user_id: str, asked: VerifyPassword, lock: Lock, *, familiar: bool
    ) -> tuple[Guesses, Guesses]:
        account = sign_in_guesses(self.pepper, user_id, lock, familiar=familiar)
        return account, address_guesses(self.pepper, asked.address)
