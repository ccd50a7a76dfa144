"""Signing in with a passkey alone: it says whose it is, and its owner has unlocked it."""

import asyncio
from dataclasses import dataclass

from services.credentials.errors import PasskeyRefused, SignInRefused
from services.credentials.kinds import MethodChanges, Shown
from services.credentials.method import Method
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.model import ADDRESS, Guesses, fingerprint
from services.credentials.reset_registration import ResetRegistration
from services.credentials.store import CredentialStore, MethodStore
from services.credentials.throttling import Throttle
from services.credentials.webauthn import Answer, Passkeys
from shared.clock import Clock
from shared.contracts.epochs import NoEpoch
from shared.contracts.methods import ChallengeBegun
from shared.contracts.passkeys import BeginPasskeySignIn, PasskeyVerified, VerifyPasskey


@dataclass(frozen=True)
class PasskeySignIn:
    """Tell who somebody is by a passkey. Whatever is wrong with it, the answer is the same."""

    store: CredentialStore
    methods: MethodStore
    changes: MethodChanges
    passkeys: Passkeys
    throttle: Throttle
    clock: Clock
    pepper: bytes
    resets: ResetRegistration

    async def begin(self, asked: BeginPasskeySignIn) -> ChallengeBegun:
        """Say what is to be signed."""
        return await self.passkeys.begin_for_anybody(asked.binding)

    async def verify(self, asked: VerifyPasskey) -> PasskeyVerified:
        """Return whose passkey it is, with the epoch that the sign-in rests on."""
        # Nobody guesses a signature, so no account is locked; an address that sends many wrong
        # ones is. A right one clears nothing, or a passkey of one's own would allow more of them.
        client = Guesses(fingerprint(self.pepper, "address", asked.address), ADDRESS)
        async with self.throttle.attempt(client) as attempt:
            try:
                return await self._verified(asked)
            except PasskeyRefused as refused:
                attempt.wrong(fingerprint(self.pepper, asked.answer.get_secret_value()))
                raise SignInRefused from refused

    async def _verified(self, asked: VerifyPasskey) -> PasskeyVerified:
        text = asked.answer.get_secret_value()
        await self.passkeys.admit_anybody(text, asked.binding)
        answer = Answer.parse(text)
        info = await self.methods.with_passkey(answer.credential_id)
        # With no list of passkeys to choose from, its authenticator has to say whose it is
        # (WebAuthn level 3, 7.2, step 6).
        if info is None or answer.user_handle is None:
            raise PasskeyRefused
        shown = Shown(info.sub, text, asked.binding, self.clock.now())
        return await self._finish(info, answer.credential_id, shown)

    async def _finish(
        self, info: SecurityInfo, credential_id: str, shown: Shown
    ) -> PasskeyVerified:
        # The epoch is read before anything is verified: what is raised from here on ends it.
        standing = await self.store.standing_of(info.sub)
        password = await self.store.password_of(info.sub)
        if standing.epoch == NoEpoch or password is None or password.disabled:
            raise PasskeyRefused
        policy, resets = await asyncio.gather(
            self.changes.policies.of(password.organization),
            self.resets.policies.of(password.organization),
        )

        def taken(info: SecurityInfo) -> Changed:
            used = self.passkeys.took(_method_with(info, credential_id), shown)
            policy.require(used.kind)
            return Changed(info.with_changed(used))

        done = await self.changes.make(info.sub, taken, known=info)
        return PasskeyVerified(
            sub=info.sub,
            epoch=standing.epoch,
            must_change=password.temporary,
            factor=_method_with(done.info, credential_id).id,
            amr=self.passkeys.amr,
            organization=password.organization,
            asks_for_reset=self.resets.may_ask(policy, resets, done.info),
        )


def _method_with(info: SecurityInfo, credential_id: str) -> Method:
    found = info.with_credential(credential_id)
    if found is None:
        # It was removed a moment ago.
        raise PasskeyRefused
    return found
