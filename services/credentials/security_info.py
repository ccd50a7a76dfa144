"""Security information: a person's methods beside the password, and answering with them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import SecretStr

from services.credentials import recovery_codes
from services.credentials.errors import CodeRefused, MethodsChangedMeanwhile, SignInOutdated
from services.credentials.keyring import Keyring, Unsealable
from services.credentials.methods import Changed, Method, SecurityInfo, new_id
from services.credentials.model import ACCOUNT, ADDRESS, Guesses, fingerprint
from services.credentials.store import MethodStore
from services.credentials.throttling import Throttle
from services.credentials.totp import Totp
from shared.clock import Clock
from shared.contracts import methods as contract
from shared.contracts.body import Done
from shared.contracts.events import ChangeType
from shared.contracts.refusals import Busy
from shared.telemetry import log

_TRIES = 20
_PAGE = 100
_Change = Callable[[SecurityInfo], Changed]


@dataclass(frozen=True)
class SecurityInformation:
    """Enroll, prove, name, choose and remove methods (NIST SP 800-63B-4, 4.1)."""

    store: MethodStore
    throttle: Throttle
    keyring: Keyring
    clock: Clock
    pepper: bytes

    async def list(self, asked: contract.ListMethods) -> contract.MethodList:
        """Return the methods that count."""
        info = await self.store.security_info(asked.sub)
        return contract.MethodList(items=tuple(info.shown(each) for each in info.proved))

    async def enroll_authenticator(
        self, asked: contract.EnrollAuthenticator
    ) -> contract.AuthenticatorSetup:
        """Begin to set up an authenticator app. Nothing counts before it is proved."""
        totp, method_id = Totp.fresh(), new_id()
        new = Method(
            id=method_id,
            kind="authenticator",
            label=asked.label,
            created_at=self.clock.now(),
            sealed=self.keyring.seal(_place(asked.sub, method_id), totp.secret),
            instead_of=asked.instead_of,
        )
        await self._change(asked.sub, lambda info: Changed(info.with_authenticator(new)))
        return contract.AuthenticatorSetup(
            id=method_id,
            secret=SecretStr(totp.typed),
            otpauth_uri=SecretStr(totp.uri(issuer=asked.issuer, account=asked.account)),
        )

    async def make_recovery_codes(
        self, asked: contract.MakeRecoveryCodes
    ) -> contract.RecoveryCodes:
        """Make new codes; the older ones stop working."""
        codes = recovery_codes.fresh()
        new = Method(
            id=new_id(),
            kind="recovery-codes",
            label="",
            created_at=self.clock.now(),
            proved=True,
            codes=tuple(recovery_codes.stored(self.pepper, asked.sub, each) for each in codes),
        )

        def made(info: SecurityInfo) -> Changed:
            after, older = info.with_recovery_codes(new), info.recovery_codes
            if older is None:
                return Changed(after, new, "create")
            # What was signed in with an older code ends with it, as with a factor that is replaced.
            return Changed(after, replace(new, instead_of=older.id), "update", kept=asked.sid)

        done = await self._change(asked.sub, made)
        return contract.RecoveryCodes(
            id=new.id, codes=tuple(SecretStr(each) for each in codes), gone=done.gone
        )

    async def prove(self, asked: contract.ProveMethod) -> contract.Proved:
        """Take a method into use, which has shown by a code that it works."""
        code = asked.code.get_secret_value()

        def proved(info: SecurityInfo) -> Changed:
            now = self.clock.now()
            method = info.unproved(asked.id, at=now)
            after = info.with_proved(method, self._step(asked.sub, method, code, now), now)
            change: ChangeType = "update" if method.instead_of else "create"
            return Changed(after, method, change, kept=asked.sid)

        # Whoever proves a method is signed in: nobody who guesses elsewhere locks them out of it.
        async with self._guess(asked.sub, code, asked.address, familiar=True):
            done = await self._change(asked.sub, proved)
        return contract.Proved(method=done.info.shown(done.info.method(asked.id)), gone=done.gone)

    async def rename(self, asked: contract.RenameMethod) -> contract.Method:
        """Call a method something else."""

        def renamed(info: SecurityInfo) -> Changed:
            return Changed(info.with_changed(replace(info.method(asked.id), label=asked.label)))

        after = (await self._change(asked.sub, renamed)).info
        return after.shown(after.method(asked.id))

    async def remove(self, asked: contract.RemoveMethod) -> contract.Removed:
        """Remove a method. Sessions that rest on it end."""

        def removed(info: SecurityInfo) -> Changed:
            after, method = info.without(asked.id), info.method(asked.id)
            left = {each.id for each in after.methods}
            also = tuple(
                each.id for each in info.proved if each.id not in left and each.id != asked.id
            )
            return Changed(after, method, "delete", also=also)

        done = await self._change(asked.sub, removed)
        return contract.Removed(default=done.info.default, gone=done.gone)

    async def choose_default(self, asked: contract.ChooseDefault) -> Done:
        """Ask for this method first from now on."""
        await self._change(asked.sub, lambda info: Changed(info.with_default(asked.id)))
        return Done()

    async def answer(self, asked: contract.AnswerChallenge) -> contract.ChallengeAnswered:
        """Take a code, once. A challenge from before the epoch was raised cannot be answered."""
        code = asked.code.get_secret_value()
        epoch, known = await asyncio.gather(
            self.store.epoch_of(asked.sub), self.store.security_info(asked.sub)
        )
        if epoch != asked.epoch:
            raise SignInOutdated
        async with self._guess(asked.sub, code, asked.address, familiar=asked.familiar):
            taken = await self._change(
                asked.sub, lambda info: self._taken(info, asked.id, code), known
            )
        after = taken.info
        method = after.method(asked.id)
        left = len(method.codes) if method.kind == "recovery-codes" else None
        return contract.ChallengeAnswered(factor=method.id, amr="otp", codes_left=left)

    async def reseal(self) -> tuple[int, int]:
        """Seal every secret under the newest key; return how many were, and how many cannot be.

        Nobody notices: the older keys still open what is yet to come, and what somebody changes
        meanwhile is read anew. What no key of the ring opens is logged and left as it is; without
        any, the older keys are needed no more.
        """
        resealed, lost, last = 0, 0, ""
        while page := await self.store.all_after(last, limit=_PAGE):
            for info in page:
                due = sum(self._is_due(each) for each in info.methods)
                try:
                    if due:
                        await self._change(info.sub, self._resealed)
                except Unsealable:
                    log.exception("secret-not-resealed", sub=info.sub)
                    lost += due
                else:
                    resealed += due
            last = page[-1].sub
        return resealed, lost

    def _is_due(self, method: Method) -> bool:
        return bool(method.sealed) and self.keyring.key_of(method.sealed) != self.keyring.newest

    def _resealed(self, info: SecurityInfo) -> Changed:
        def anew(method: Method) -> Method:
            if not self._is_due(method):
                return method
            place = _place(info.sub, method.id)
            secret = self.keyring.open(place, method.sealed)
            return replace(method, sealed=self.keyring.seal(place, secret))

        return Changed(replace(info, methods=tuple(map(anew, info.methods))))

    def _taken(self, info: SecurityInfo, method_id: str, code: str) -> Changed:
        method, now = info.method(method_id), self.clock.now()
        if method.kind == "recovery-codes":
            used = method.took_code(recovery_codes.stored(self.pepper, info.sub, code), now)
            return Changed(info.with_changed(used), used, "revoke")
        step = self._step(info.sub, method, code, now)
        return Changed(info.with_changed(method.took_step(step, now)))

    def _step(self, sub: str, method: Method, code: str, now: datetime) -> int:
        secret = self.keyring.open(_place(sub, method.id), method.sealed)
        step = Totp(secret).step_of(code, at=now)
        if step is None:
            raise CodeRefused
        return step

    async def _change(
        self, sub: str, change: _Change, known: SecurityInfo | None = None
    ) -> Changed:
        """Change what there is, or is `known`, in one atomic write, or raise and change nothing.

        Where somebody else was faster, the change is made to what they left.
        """
        for _ in range(_TRIES):
            changed = change(known or await self.store.security_info(sub))
            known = None
            try:
                await self.store.put(changed.info, changed.event(sub, at=self.clock.now()))
            except MethodsChangedMeanwhile:
                continue
            return changed
        raise Busy

    @asynccontextmanager
    async def _guess(
        self, sub: str, code: str, address: str, *, familiar: bool = False
    ) -> AsyncIterator[None]:
        """Let a guess through while there are any left, and count it where it is wrong."""
        # As with passwords: an attacker elsewhere cannot lock the user out of a device of theirs.
        kind = "familiar-factor" if familiar else "factor"
        account = Guesses(fingerprint(self.pepper, kind, sub), ACCOUNT)
        client = Guesses(fingerprint(self.pepper, "address", address), ADDRESS)
        async with self.throttle.attempt(account, client) as attempt:
            try:
                yield
            except CodeRefused:
                attempt.wrong(fingerprint(self.pepper, sub, code))
                raise
            attempt.right()


def _place(sub: str, method_id: str) -> str:
    return f"method {sub} {method_id}"
