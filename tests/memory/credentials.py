"""What the credentials service keeps, in memory."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from services.credentials.errors import (
    MessageUndelivered,
    MethodsChangedMeanwhile,
    PasskeyTaken,
    PasswordChangedMeanwhile,
    ResetEnded,
)
from services.credentials.methods import Asked, SecurityInfo
from services.credentials.model import OneTime, Password, cost_of
from services.credentials.owed import AddressNotice
from services.credentials.resets import Reset
from services.credentials.store import CredentialTransaction, Message
from shared.clock import Clock, SystemClock
from shared.contracts.accounts import DeletedDays
from shared.contracts.epochs import Raised, Standing
from shared.contracts.events import Audited, Cause, Event, HelpAsked
from shared.contracts.resets import ResetSeconds
from shared.owed import LeaseSeconds
from tests.memory.epochs import MemoryEpochs

T = TypeVar("T")

_ANSWER_SECONDS = 15


@dataclass(frozen=True)
class MemoryCredentialTransaction:
    """The changes of one transaction."""

    passwords: dict[str, Password]
    epochs: MemoryEpochs
    deleted_at: dict[str, datetime]
    resets: "MemoryResets"
    owed: dict[str, AddressNotice]

    async def open_account(self, password: Password) -> bool:
        """Keep the account, unless its name or subject is taken."""
        for each in [*self.passwords.values()]:
            if each.user_id == password.user_id and self._is_forgotten(each.sub):
                self.passwords[each.sub] = replace(each, user_id=f"\0{each.sub}")
        names = {each.user_id for each in self.passwords.values()}
        if password.sub in self.passwords or password.user_id in names:
            return False
        self.passwords[password.sub] = password
        self.epochs.epochs[password.sub] = 1
        self.epochs.password_versions[password.sub] = password.version
        return True

    async def put_password(self, changed: Password) -> None:
        """Replace the version before this one."""
        kept = self.passwords.get(changed.sub)
        if kept is None or kept.version != changed.version - 1:
            raise PasswordChangedMeanwhile
        organization = changed.organization or kept.organization
        self.passwords[changed.sub] = replace(changed, organization=organization)
        if changed.deleted:
            self.deleted_at[changed.sub] = self.epochs.clock.now()

    def _is_forgotten(self, sub: str) -> bool:
        deleted_at, kept = self.deleted_at.get(sub), timedelta(days=DeletedDays)
        return deleted_at is not None and self.epochs.clock.now() - deleted_at > kept

    async def raise_epoch(
        self, sub: str, cause: Cause, *, password_version: int | None = None
    ) -> Raised:
        """Raise the epoch."""
        return self.epochs.raise_(sub, cause, password_version=password_version)

    async def note_password(self, sub: str, version: int) -> None:
        """Note it beside the epoch."""
        self.epochs.password_versions[sub] = version

    async def emit(self, event: Event) -> None:
        """Keep the event."""
        self.epochs.outbox[event.id] = event

    async def owe(self, notice: AddressNotice) -> None:
        """Keep what is owed."""
        self.owed[notice.id] = notice

    async def finish_reset(self, reset: Reset, receipt: str) -> None:
        """Keep the receipt."""
        if not await self.resets.change(replace(reset, receipt=receipt)):
            raise ResetEnded


@dataclass
class MemoryResets:
    """Passwords that are being reset, each with when it is over."""

    epochs: MemoryEpochs = field(default_factory=MemoryEpochs)
    by_id: dict[str, tuple[Reset, float]] = field(default_factory=dict)
    answering: dict[str, float] = field(default_factory=dict)

    @property
    def _now(self) -> float:
        return self.epochs.clock.monotonic()

    async def begin(self, reset: Reset, event: Audited | None) -> None:
        """Keep it, and the event."""
        await asyncio.sleep(0)
        if event is not None:
            self.epochs.outbox[event.id] = event
        self.by_id[reset.id] = (reset, self._now + ResetSeconds)

    async def find(self, reset_id: str) -> Reset | None:
        """Look it up."""
        await asyncio.sleep(0)
        return self._found(reset_id)

    async def change(self, changed: Reset) -> bool:
        """Replace the revision."""
        await asyncio.sleep(0)
        known = self._found(changed.id)
        if known is None or known.revision != changed.revision:
            return False
        self._put(replace(changed, revision=changed.revision + 1))
        self.answering.pop(changed.id, None)
        return True

    async def claim(self, reset: Reset) -> Reset | None:
        """Note that it is taken."""
        await asyncio.sleep(0)
        known = self._found(reset.id)
        is_taken = self.answering.get(reset.id, 0.0) > self._now
        if known is None or known.revision != reset.revision or is_taken:
            return None
        self.answering[reset.id] = self._now + _ANSWER_SECONDS
        return self._put(replace(known, revision=known.revision + 1))

    async def tell(self, event: HelpAsked) -> None:
        """Keep the event."""
        self.epochs.outbox[event.id] = event

    def _found(self, reset_id: str) -> Reset | None:
        reset, ends_at = self.by_id.get(reset_id, (None, 0.0))
        return reset if ends_at > self._now else None

    def _put(self, reset: Reset) -> Reset:
        self.by_id[reset.id] = (reset, self.by_id[reset.id][1])
        return reset


@dataclass
class MemoryCredentials:
    """Accounts and their passwords."""

    epochs: MemoryEpochs = field(default_factory=MemoryEpochs)
    passwords: dict[str, Password] = field(default_factory=dict)
    deleted_at: dict[str, datetime] = field(default_factory=dict)
    resets: MemoryResets = field(init=False)
    owed: dict[str, AddressNotice] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let resets be over by the same clock."""
        self.resets = MemoryResets(self.epochs)

    async def in_transaction(self, work: Callable[[CredentialTransaction], Awaitable[T]]) -> T:
        """Do the work, all or nothing."""
        async with self.epochs.transaction(self.passwords, self.resets.by_id, self.owed):
            transaction = MemoryCredentialTransaction(
                self.passwords, self.epochs, self.deleted_at, self.resets, self.owed
            )
            return await work(transaction)

    async def password_named(self, user_id: str) -> Password | None:
        """Look the user ID up."""
        found = (each for each in self.passwords.values() if each.user_id == user_id)
        return next(found, None)

    async def password_of(self, sub: str) -> Password | None:
        """Look the subject up."""
        return self.passwords.get(sub)

    async def settled_password_of(self, sub: str) -> Password | None:
        """Look the subject up."""
        return self.passwords.get(sub)

    async def costs_in_use(self) -> set[str]:
        """Look through all."""
        verifiers = (each.verifier for each in self.passwords.values())
        return {cost for each in verifiers if each and (cost := cost_of(each))}

    async def rehashed(self, password: Password, verifier: str) -> None:
        """Replace the verifier of this version."""
        kept = self.passwords.get(password.sub)
        if kept is not None and kept.version == password.version:
            self.passwords[password.sub] = replace(kept, verifier=verifier)

    async def standing_of(self, sub: str) -> Standing:
        """Return both."""
        return self.epochs.standing(sub)

    async def settle(self, sub: str) -> None:
        """Take note that this was asked for."""
        self.epochs.settled.append(sub)


@dataclass
class MemoryAddressNotices:
    """Mails that are owed to addresses, with when each is due."""

    clock: Clock = field(default_factory=SystemClock)
    owed: dict[str, tuple[AddressNotice, float]] = field(default_factory=dict)

    def owe(self, notice: AddressNotice) -> None:
        """Owe it from now on."""
        self.owed[notice.id] = (notice, self.clock.monotonic())

    async def claim(self) -> AddressNotice | None:
        """Lease what has been due longest."""
        now = self.clock.monotonic()
        due = sorted((at, notice.id) for notice, at in self.owed.values() if at <= now)
        if not due:
            return None
        notice, _ = self.owed[due[0][1]]
        taken = replace(notice, attempts=notice.attempts + 1)
        self.owed[notice.id] = (taken, now + LeaseSeconds)
        return taken

    async def sent(self, notice_id: str) -> None:
        """Forget it."""
        self.owed.pop(notice_id, None)

    async def undeliverable(self, notice_id: str, reason: str) -> None:
        """Forget it."""
        self.owed.pop(notice_id, None)

    async def postpone(self, notice_id: str, *, seconds: float) -> None:
        """Let it be due later."""
        if notice_id in self.owed:
            self.owed[notice_id] = (self.owed[notice_id][0], self.clock.monotonic() + seconds)

    async def owed_after(self, notice_id: str, *, limit: int) -> list[AddressNotice]:
        """Return the next ones."""
        return [self.owed[each][0] for each in sorted(self.owed) if each > notice_id][:limit]

    async def resealed(self, notice_id: str, sealed: bytes) -> None:
        """Replace the address."""
        notice, due_at = self.owed[notice_id]
        self.owed[notice_id] = (replace(notice, sealed=sealed), due_at)


@dataclass
class MemoryMethods:
    """Each subject's methods."""

    epochs: MemoryEpochs = field(default_factory=MemoryEpochs)
    by_sub: dict[str, SecurityInfo] = field(default_factory=dict)
    uses: dict[str, list[str]] = field(default_factory=dict)
    notices: MemoryAddressNotices = field(init=False)

    def __post_init__(self) -> None:
        """Let what is owed be due by the same clock."""
        self.notices = MemoryAddressNotices(self.epochs.clock)

    async def security_info(self, sub: str) -> SecurityInfo:
        """Look the subject up."""
        await asyncio.sleep(0)
        return self.by_sub.get(sub, SecurityInfo(sub))

    async def all_after(self, sub: str, *, limit: int) -> list[SecurityInfo]:
        """Return the next ones."""
        return [self.by_sub[each] for each in sorted(self.by_sub) if each > sub][:limit]

    async def with_passkey(self, credential_id: str) -> SecurityInfo | None:
        """Look through all."""
        await asyncio.sleep(0)
        found = (each for each in self.by_sub.values() if each.with_credential(credential_id))
        return next(found, None)

    async def put(
        self,
        changed: SecurityInfo,
        event: Event | None,
        notices: Sequence[AddressNotice] = (),
        also: Sequence[Event] = (),
    ) -> None:
        """Replace the version, with the events."""
        await asyncio.sleep(0)
        if self.by_sub.get(changed.sub, SecurityInfo(changed.sub)).version != changed.version:
            raise MethodsChangedMeanwhile
        others = [each for each in self.by_sub.values() if each.sub != changed.sub]
        ids = [each.passkey.credential_id for each in changed.methods if each.passkey]
        if any(other.with_credential(each) for other in others for each in ids):
            raise PasskeyTaken
        last = changed.last_change
        if last is not None and last.at is None:
            changed = replace(changed, last_change=replace(last, at=self.epochs.clock.now()))
        self.by_sub[changed.sub] = replace(changed, version=changed.version + 1)
        for notice in notices:
            self.notices.owe(notice)
        for told in (*also, *([event] if event is not None else [])):
            self.epochs.outbox[told.id] = told
        if event is not None or changed.must_register:
            self.epochs.guarded[changed.sub] = changed.is_guarding

    async def put_use(self, changed: SecurityInfo, use: str) -> None:
        """Replace the version, with the use."""
        await self.put(changed, None)
        self.uses[changed.sub] = [*self.uses.get(changed.sub, []), use][-8:]

    async def is_kept(self, sub: str, use: str) -> bool:
        """Look among the last ones."""
        await asyncio.sleep(0)
        return use in self.uses.get(sub, [])

    async def ask(
        self, info: SecurityInfo, days: int, *, for_reset: bool = False
    ) -> datetime | None:
        """Note it, by this store's clock."""
        await asyncio.sleep(0)
        known, now = self.by_sub.get(info.sub, SecurityInfo(info.sub)), self.epochs.clock.now()
        if known.version != info.version:
            raise MethodsChangedMeanwhile
        before = known.asked_for_reset if for_reset else known.asked_since
        at = before.at if before is not None else now
        until = at + timedelta(days=days)
        if before is not None:
            until = min(until, before.until)
        changed = replace(known, version=known.version + 1)
        self.by_sub[info.sub] = (
            replace(changed, asked_for_reset=Asked(at, until))
            if for_reset
            else replace(changed, asked_since=Asked(at, until))
        )
        return until if now < until else None

    async def settled(self, sub: str) -> tuple[SecurityInfo, int]:
        """Return both, as of one moment."""
        await asyncio.sleep(0)
        return self.by_sub.get(sub, SecurityInfo(sub)), self.epochs.current(sub)

    async def epoch_of(self, sub: str) -> int:
        """Return it."""
        return self.epochs.current(sub)


@dataclass
class MemoryOneTimes:
    """What works once, by what it was begun for."""

    clock: Clock = field(default_factory=SystemClock)
    by_name: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def keep(self, begun: OneTime) -> None:
        """Keep it in place of what was there."""
        await asyncio.sleep(0)
        self.by_name[begun.name] = (begun.proof, self.clock.monotonic() + begun.seconds)

    async def take(self, name: str, proof: str) -> bool:
        """Compare and forget it, in one step."""
        await asyncio.sleep(0)
        kept = self.by_name.get(name)
        if kept is None or kept[0] != proof or kept[1] <= self.clock.monotonic():
            return False
        del self.by_name[name]
        return True


@dataclass
class MemoryCarrier:
    """Keeps the messages it is given, or takes none."""

    away: bool = False
    messages: list[Message] = field(default_factory=list)

    async def carry(self, message: Message) -> None:
        """Keep it."""
        await asyncio.sleep(0)
        if self.away:
            raise MessageUndelivered("away")
        self.messages.append(message)

    def code(self, to: str) -> str:
        """Return the code that was sent last to somebody."""
        text = [each.text for each in self.messages if each.to == to][-1]
        return code_in(text)


def code_in(text: str) -> str:
    """Return the code that a message tells, however its digits are grouped."""
    (found,) = set(re.findall(r"\d{4} \d{4}|(?:\d, ){7}\d", text))
    return "".join(each for each in found if each.isdigit())
