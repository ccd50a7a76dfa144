"""App passwords, for programs that cannot ask for a second factor, and never for the portal."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import SecretStr

from services.credentials import letters
from services.credentials.errors import AppPasswordRefused, MethodsChangedMeanwhile
from services.credentials.kinds import MethodChanges
from services.credentials.method import Method, new_id
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.model import ADDRESS, NOBODY, Guesses, fingerprint, normalized
from services.credentials.store import CredentialStore, MethodStore
from services.credentials.throttling import Throttle
from shared.clock import Clock
from shared.contracts.app_passwords import (
    AppPassword,
    AppPasswordAccepted,
    CheckAppPassword,
    MakeAppPassword,
)

_GROUPS, _SIGNS = 7, 4
"""Together 137 random bits, so a keyed hash is enough to store (NIST SP 800-63B-4, 3.1.2.2)."""
_NOTED_SECONDS = 60
"""A mail program may sign in every few seconds; nobody has to know that more exactly."""


@dataclass(frozen=True)
class AppPasswords:
    """Make them, and check them for other servers.

    Each ends with the epoch that it was made under, like everything else that was issued.
    """

    accounts: CredentialStore
    methods: MethodStore
    changes: MethodChanges
    throttle: Throttle
    clock: Clock
    pepper: bytes

    async def make(self, asked: MakeAppPassword) -> AppPassword:
        """Make one more, which is said once."""
        (await self.changes.policy(asked.sub)).require("app-password")
        password = letters.drawn(_GROUPS, _SIGNS)
        new = Method(
            id=new_id(),
            kind="app-password",
            label=asked.label,
            created_at=self.clock.now(),
            proved=True,
            mark=self._mark(asked.sub, password),
            # It is the session's: one that was overtaken by a change makes nothing that works.
            epoch=asked.epoch,
        )

        def made(info: SecurityInfo) -> Changed:
            return Changed(info.under(asked.epoch).with_active(new), new, "create")

        done = await self.changes.make(asked.sub, made)
        return AppPassword(id=new.id, password=SecretStr(password), revision=done.revision)

    async def check(self, asked: CheckAppPassword) -> AppPasswordAccepted:
        """Tell whose app password it is, or raise `AppPasswordRefused`, which does not say why."""
        user_id, shown = normalized(asked.user_id), asked.app_password.get_secret_value()
        async with self.throttle.attempt(*self._guesses(user_id, asked.address)) as attempt:
            account = await self.accounts.password_named(user_id)
            sub = account.sub if account is not None else NOBODY
            organization = account.organization if account is not None else None
            (info, epoch), policy = await asyncio.gather(
                self.methods.settled(sub), self.changes.policies.of(organization)
            )
            mark, info = self._mark(sub, shown), info.under(epoch)
            found = policy.usable(info).app_password(mark)
            if account is None or account.disabled or found is None:
                attempt.wrong(fingerprint(self.pepper, "app-password", user_id, shown))
                raise AppPasswordRefused
            attempt.right()
        await self._note_use(info, found, self.clock.now())
        return AppPasswordAccepted(
            sub=sub, user_id=account.user_id, method_id=found.id, label=found.label
        )

    async def _note_use(self, info: SecurityInfo, used: Method, at: datetime) -> None:
        if used.last_used_at and at - used.last_used_at < timedelta(seconds=_NOTED_SECONDS):
            return
        # Where somebody else was faster, the next use is noted, or was just now.
        with suppress(MethodsChangedMeanwhile):
            await self.methods.put(info.with_changed(replace(used, last_used_at=at)), None)

    def _mark(self, sub: str, password: str) -> str:
        return fingerprint(self.pepper, "app-password", sub, letters.signs_in(password))

    def _guesses(self, user_id: str, address: str | None) -> tuple[Guesses, ...]:
        # They are counted apart from those at the portal: a program with an old password locks
        # nobody out of it, and whoever guesses there locks no program out. Nobody guesses one of
        # these, so what is counted keeps the service free, and it takes a lot: some programs that
        # go on with passwords that are over must not keep the one out that has another.
        account = fingerprint(self.pepper, "app-password", user_id, address or "")
        if address is None:
            return (Guesses(account, ADDRESS),)
        anyone = fingerprint(self.pepper, "app-password-address", address)
        return Guesses(account, ADDRESS), Guesses(anyone, ADDRESS)
