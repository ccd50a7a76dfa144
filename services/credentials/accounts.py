"""What an admin does to an account: another password, nobody let in, its owner let in again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeVar

from pydantic import SecretStr

from services.credentials import letters
from services.credentials.errors import PasswordChangedMeanwhile
from services.credentials.hashing import Hasher
from services.credentials.model import (
    Password,
    account_disabled,
    account_enabled,
    password_changed,
)
from services.credentials.password_policy import PasswordPolicies
from services.credentials.rules import PasswordRules
from services.credentials.store import CredentialStore, CredentialTransaction
from shared.clock import Clock
from shared.contracts.accounts import (
    Account,
    DisableAccount,
    EnableAccount,
    ReadAccount,
    RequirePasswordChange,
    SetTemporaryPassword,
    TemporaryPassword,
)
from shared.contracts.audit import Actor
from shared.contracts.body import Done
from shared.contracts.epochs import Raised
from shared.contracts.events import Audited, Cause
from shared.contracts.refusals import Busy, ChangedMeanwhile, NotFound
from shared.telemetry import REFUSED_AFTER

T = TypeVar("T")

_GROUPS, _SIGNS = 4, 4
"""Together 78 random bits, to be typed once; more where policy wants longer passwords."""
_TRIES = 5


@dataclass(frozen=True)
class Accounts:
    """Disable, enable and delete accounts, and give their owners a way in again."""

    store: CredentialStore
    hasher: Hasher
    rules: PasswordRules
    demands: PasswordPolicies
    clock: Clock

    async def read(self, asked: ReadAccount) -> Account:
        """Return whether an account lets its owner in, as of this moment."""
        return _account(await self._password(asked.sub))

    async def set_temporary(self, asked: SetTemporaryPassword) -> TemporaryPassword:
        """Put a temporary password in place of an account's own, and end whatever is open.

        It is said only where it was made up here.
        """
        return await _anew(lambda: self._set_temporary(asked))

    async def disable(self, asked: DisableAccount) -> Account:
        """Let nobody in. When this returns, nothing issued before is accepted any more.

        What was done before is not done again; its receipt is returned.
        """
        return await _anew(lambda: self._disable(asked))

    async def enable(self, asked: EnableAccount) -> Account:
        """Let the owner in again, with what they had but for what was issued before.

        What is open already is told to nobody again.
        """
        found = await self._password(asked.sub)
        try:
            return await self._enable(asked, found)
        except PasswordChangedMeanwhile:
            return await _anew(lambda: self._enabled_since(asked, found.version))

    async def require_change(self, asked: RequirePasswordChange) -> Done:
        """Have a password changed at the next sign-in. When this returns, each asks for it.

        Who has none is asked for none, and what waits to be changed already is left alone.
        """
        await _anew(lambda: self._require_change(asked.sub))
        return Done()

    async def _require_change(self, sub: str) -> None:
        password = await self._password(sub)
        if password.temporary or password.verifier is None:
            return
        changed = password.to_be_changed()

        async def work(tx: CredentialTransaction) -> None:
            await tx.put_password(changed)
            await tx.note_password(sub, changed.version)

        await self.store.in_transaction(work)

    async def _set_temporary(self, asked: SetTemporaryPassword) -> TemporaryPassword:
        password = await self._password(asked.sub)
        policy = await self.demands.of_subject(password.sub, password.organization)
        made_up = None if asked.password is not None else _made_up(policy.minimum_length)
        new = (made_up or asked.password or SecretStr("")).get_secret_value()
        await self.rules.check(new, asked.words, field="password", policy=policy)
        changed = password.set_by_admin(
            await self.hasher.hash(new), at=self.clock.now(), history=policy.history
        )
        by = asked.by.sub if asked.by else None
        cause: Cause = "password-set-by-admin"

        async def work(tx: CredentialTransaction) -> Raised:
            await tx.put_password(changed)
            raised = await tx.raise_epoch(asked.sub, cause, password_version=changed.version)
            await tx.emit(password_changed(raised, at=changed.changed_at, cause=cause, by=by))
            await self._audit(tx, asked.by, "set-temporary-password", asked.sub)
            return raised

        raised = await self._raised(work, cause)
        return TemporaryPassword(receipt=raised.receipt, password=made_up)

    async def _disable(self, asked: DisableAccount) -> Account:
        password = await self._password(asked.sub)
        if asked.revision not in {None, password.version} and not password.deleted:
            raise ChangedMeanwhile
        if password.deleted or (password.disabled and not asked.deleted):
            # Whoever did it may have died before this.
            await self.store.settle(asked.sub)
            return _account(password)
        cause: Cause = "account-deleted" if asked.deleted else "account-disabled"

        async def work(tx: CredentialTransaction) -> Raised:
            raised = await tx.raise_epoch(asked.sub, cause, password_version=password.version + 1)
            shut = password.shut(raised.receipt, deleted=asked.deleted)
            await tx.put_password(shut)
            await tx.emit(account_disabled(raised, shut, cause, at=self.clock.now()))
            action = "delete-user" if asked.deleted else "disable-user"
            await self._audit(tx, asked.by, action, asked.sub)
            return raised

        raised = await self._raised(work, cause)
        return _account(password.shut(raised.receipt, deleted=asked.deleted))

    async def _enabled_since(self, asked: EnableAccount, version: int) -> Account:
        """Enable an account unless it is open at a later version than it was found at.

        Then somebody else has done while this was asked for what it is for, and of many who enable
        one at once all but the first would be in each other's way.
        """
        password = await self.store.settled_password_of(asked.sub)
        if password is None:
            raise NotFound
        if password.version > version and not password.disabled:
            return _account(password)
        return await self._enable(asked, password)

    async def _enable(self, asked: EnableAccount, password: Password) -> Account:
        if password.deleted:
            raise NotFound
        # One that is open has a new revision too, so that whoever is just deleting it begins anew.
        opened = password.opened()

        async def work(tx: CredentialTransaction) -> None:
            await tx.put_password(opened)
            await tx.note_password(asked.sub, opened.version)
            if not password.disabled:
                return
            await tx.emit(account_enabled(opened, at=self.clock.now()))
            await self._audit(tx, asked.by, "enable-user", asked.sub)

        await self.store.in_transaction(work)
        return _account(opened)

    async def _password(self, sub: str) -> Password:
        password = await self.store.password_of(sub)
        if password is None:
            raise NotFound
        return password

    async def _raised(
        self, work: Callable[[CredentialTransaction], Awaitable[Raised]], cause: Cause
    ) -> Raised:
        raised = await self.store.in_transaction(work)
        committed = self.clock.monotonic()
        await self.store.settle(raised.sub)
        REFUSED_AFTER.labels(cause).observe(self.clock.monotonic() - committed)
        return raised

    async def _audit(
        self, tx: CredentialTransaction, by: Actor | None, action: str, sub: str
    ) -> None:
        if by is not None:
            await tx.emit(Audited.of(by, action, at=self.clock.now(), subject=sub))


async def _anew(act: Callable[[], Awaitable[T]]) -> T:
    """Act, and anew where the account was changed in the meantime: its owner stops no admin."""
    for _ in range(_TRIES):
        try:
            return await act()
        except PasswordChangedMeanwhile:
            continue
    raise Busy


def _made_up(minimum_length: int) -> SecretStr:
    groups = max(_GROUPS, ceil((minimum_length + 1) / (_SIGNS + 1)))
    return SecretStr(letters.drawn(groups, _SIGNS))


def _account(password: Password) -> Account:
    return Account(
        sub=password.sub,
        revision=password.version,
        disabled=password.disabled,
        deleted=password.deleted,
        receipt=password.disabled_receipt,
        password_set_at=password.changed_at if password.verifier is not None else None,
    )
