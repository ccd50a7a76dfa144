"""Verifying a user ID with a password."""

from dataclasses import dataclass

from services.credentials.errors import SignInRefused
from services.credentials.hashing import Hasher
from services.credentials.model import (
    ACCOUNT,
    ADDRESS,
    Guesses,
    Password,
    fingerprint,
    normalized,
)
from services.credentials.store import CredentialStore
from services.credentials.throttling import Throttle
from shared.contracts.credentials import Verified, VerifyPassword
from shared.contracts.epochs import NoEpoch

_NOBODY = "nobody"


@dataclass(frozen=True)
class Authentication:
    """Tell who somebody is. An unknown user ID costs what a wrong password does."""

    store: CredentialStore
    hasher: Hasher
    throttle: Throttle
    pepper: bytes

    async def verify(self, asked: VerifyPassword) -> Verified:
        """Return whose password it is, with the epoch that the sign-in rests on."""
        user_id, guess = normalized(asked.user_id), asked.password.get_secret_value()
        password = await self.store.password_named(user_id)
        sub = password.sub if password is not None else _NOBODY
        familiar = asked.familiar_sub == sub
        guesses = self._guesses(user_id, asked, familiar=familiar)
        async with self.throttle.attempt(*guesses) as attempt:
            epoch = await self.store.epoch_of(sub)
            verifier = password.verifier if password is not None else None
            if not await self.hasher.verify(verifier, guess):
                attempt.wrong(fingerprint(self.pepper, user_id, guess))
                raise SignInRefused
            attempt.right()
        return await self._finish(password, guess, epoch)

    async def _finish(self, password: Password | None, guess: str, epoch: int) -> Verified:
        # The epoch was read after the password: had the password been changed in between, an
        # old password would come with a new epoch. Its version tells.
        if password is None or epoch == NoEpoch:
            raise SignInRefused
        if await self.store.version_of(password.sub) != password.version:
            raise SignInRefused
        if password.verifier and self.hasher.outdated(password.verifier):
            await self.store.rehashed(password, await self.hasher.hash(guess))
        return Verified(sub=password.sub, epoch=epoch, must_change=password.temporary)

    def _guesses(
        self, user_id: str, asked: VerifyPassword, *, familiar: bool
    ) -> tuple[Guesses, Guesses]:
        # Guesses from a device of the user's own are counted apart, so that an
        # attacker elsewhere cannot lock the user out of it.
        kind = "familiar" if familiar else "account"
        account = Guesses(fingerprint(self.pepper, kind, user_id), ACCOUNT)
        return account, Guesses(fingerprint(self.pepper, "address", asked.address), ADDRESS)
