"""What the sessions service keeps, in memory."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from services.sessions.model import Batch, Ending, Revocation, SessionPolicy, SessionState
from services.sessions.store import Overtaken, SessionTransaction
from shared.contracts.activity import Attempt, Reported
from shared.contracts.epochs import Raised
from shared.contracts.events import Cause, Event
from shared.contracts.refusals import UnknownCursor
from shared.contracts.sessions import EndedSession, EstablishSession, Session, StepUp
from shared.policies import Replaced, Telling
from tests.memory.activity import MemoryActivity
from tests.memory.devices import MemoryDevices
from tests.memory.epochs import MemoryEpochs

T = TypeVar("T")


@dataclass(frozen=True)
class Kept:
    """A session's record."""

    session: Session
    proof: str
    lifetime_ends_at: datetime
    ended_by: Cause | None = None
    number: int = 0

    def shortened(self, policy: SessionPolicy) -> "Kept":
        """Return it lasting no longer than the policy says."""
        lived = self.session.created_at + timedelta(seconds=policy.lifetime_seconds)
        unseen = self.session.last_seen_at + timedelta(seconds=policy.idle_seconds)
        expires = min(self.session.expires_at, lived, unseen)
        return replace(
            self,
            session=self.session.model_copy(update={"expires_at": expires}),
            lifetime_ends_at=min(self.lifetime_ends_at, lived),
        )


def _named(batch: Batch) -> tuple[EndedSession, ...]:
    return tuple(EndedSession(sid=sid, ended_at=batch.at) for sid in batch.valid)


@dataclass(frozen=True)
class MemorySessionTransaction:
    """The changes of one transaction."""

    kept: dict[str, Kept]
    epochs: MemoryEpochs
    devices: MemoryDevices
    activity: MemoryActivity

    async def raise_epoch(self, sub: str, cause: Cause) -> Raised:
        """Raise the epoch."""
        return self.epochs.raise_(sub, cause)

    async def close(self, batch: Batch, cause: Cause) -> None:
        """End a batch."""
        ends: list[tuple[tuple[str, ...], Cause]] = [
            (batch.valid, cause),
            (batch.expired, "expired"),
        ]
        for sids, why in ends:
            for sid in sids:
                if self.kept[sid].ended_by is not None:
                    raise Overtaken
                self.kept[sid] = replace(self.kept[sid], ended_by=why)

    async def close_older(self, sub: str, epoch: int, cause: Cause) -> int:
        """End what is older."""
        older = [
            each
            for each in self.kept.values()
            if each.session.sub == sub and each.ended_by is None and each.session.epoch < epoch
        ]
        for each in older:
            self.kept[each.session.sid] = replace(each, ended_by=cause)
        return len(older)

    async def end(self, sub: str, sid: str, cause: Cause) -> bool:
        """End one session."""
        known, now = self.kept.get(sid), self.epochs.clock.now()
        if known is None or known.session.sub != sub or known.ended_by is not None:
            return False
        if known.session.expires_at <= now:
            return False
        self.kept[sid] = replace(known, ended_by=cause)
        return True

    async def note(self, receipt: str, batch: Batch) -> None:
        """Add to the receipt."""
        known = self.epochs.revocations.get(receipt)
        if known is not None and known.completed_at is None:
            # What was looked up before ended with it.
            at = max(batch.at or known.committed_at, known.committed_at)
            named = _named(replace(batch, at=at))
            noted = replace(known, sessions=known.sessions + named)
            self.epochs.revocations[receipt] = noted

    async def complete(self, receipt: str, batch: Batch) -> float | None:
        """Close the receipt."""
        known = self.epochs.revocations.get(receipt)
        if known is None or known.completed_at is not None:
            return None
        now = self.epochs.clock.now()
        done = replace(known, completed_at=now, sessions=known.sessions + _named(batch))
        self.epochs.revocations[receipt] = done
        return (now - known.committed_at).total_seconds()

    async def report(self, sub: str, id: str, reported: Reported) -> Attempt | None:
        """Note it."""
        return await self.activity.report(sub, id, reported)

    async def disable(self, sub: str, device_id: str) -> bool:
        """Take note."""
        return self.devices.disable(sub, device_id)

    async def enable(self, sub: str, device_id: str) -> bool:
        """Take note."""
        return self.devices.enable(sub, device_id)

    async def leave_receipt(self, sub: str, device_id: str, cause: Cause) -> Raised:
        """Leave it."""
        return self.epochs.leave_receipt(sub, cause, device=device_id)

    async def emit(self, event: Event) -> None:
        """Keep the event."""
        self.epochs.outbox[event.id] = event


@dataclass
class MemorySessions(MemoryDevices):
    """Sessions, devices and revocations."""

    kept: dict[str, Kept] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    activity: MemoryActivity = field(init=False)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.activity = MemoryActivity(self.epochs.clock)

    async def in_transaction(self, work: Callable[[SessionTransaction], Awaitable[T]]) -> T:
        """Do the work, all or nothing."""
        async with self.epochs.transaction(self.kept, self.devices, self.activity.rows):
            changes = MemorySessionTransaction(self.kept, self.epochs, self, self.activity)
            return await work(changes)

    async def add_session(
        self, asked: EstablishSession, *, device_id: str, proof: str, policy: SessionPolicy
    ) -> Session:
        """Keep a new session."""
        now, number = self.epochs.clock.now(), next(self._numbers)
        shortest = min(policy.idle_seconds, policy.lifetime_seconds)
        session = Session(
            sid=f"session-{number}",
            sub=asked.sub,
            epoch=asked.epoch,
            device_id=device_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(seconds=shortest),
            auth_time=now,
            address=asked.where.address,
            user_agent=asked.where.user_agent,
            app=asked.app,
            amr=asked.amr,
            aal=asked.aal,
            factor=asked.factor,
            organization=asked.organization,
        )
        ends_at = now + timedelta(seconds=policy.lifetime_seconds)
        self.kept[session.sid] = Kept(session, proof, ends_at, number=number)
        return session

    async def session(self, sub: str, sid: str) -> SessionState | None:
        """Return a session as it is."""
        known, now = self.kept.get(sid), self.epochs.clock.now()
        if known is None or known.session.sub != sub:
            return None
        left = (known.session.expires_at - now).total_seconds()
        return SessionState(
            session=known.session,
            proof=known.proof,
            ended_by=known.ended_by,
            expired=left <= 0,
            seconds_left=left,
            unseen_seconds=(now - known.session.last_seen_at).total_seconds(),
        )

    async def seen(self, sid: str, policy: SessionPolicy) -> None:
        """Renew what is open."""
        known, now = self.kept.get(sid), self.epochs.clock.now()
        if known is None or known.ended_by is not None or known.session.expires_at <= now:
            return
        expires = min(
            known.lifetime_ends_at,
            known.session.created_at + timedelta(seconds=policy.lifetime_seconds),
            now + timedelta(seconds=policy.idle_seconds),
        )
        renewed = known.session.model_copy(update={"last_seen_at": now, "expires_at": expires})
        self.kept[sid] = replace(known, session=renewed)

    async def step_up(self, asked: StepUp) -> Session | None:
        """Change what is open."""
        known, now = self.kept.get(asked.sid), self.epochs.clock.now()
        if known is None or known.session.sub != asked.sub or known.ended_by is not None:
            return None
        if known.session.expires_at <= now:
            return None
        session = known.session
        changed = session.model_copy(
            update={
                "auth_time": now,
                "auth_purpose": asked.purpose,
                "auth_organization": asked.organization,
                "aal": max(session.aal, asked.aal),
                "amr": tuple(sorted({*session.amr, asked.amr})),
                "factor": asked.factor or session.factor,
            }
        )
        self.kept[asked.sid] = replace(known, session=changed)
        return changed

    async def open_sessions(self, sub: str, *, after: str | None, limit: int) -> list[Session]:
        """Return a page."""
        last = self.kept.get(after) if after is not None else None
        if after is not None and (last is None or last.session.sub != sub):
            raise UnknownCursor
        found = [
            each
            for each in sorted(self.kept.values(), key=lambda each: -each.number)
            if self._is_open(each, sub) and (last is None or each.number < last.number)
        ]
        return [each.session for each in found[:limit]]

    async def to_end(self, ending: Ending, *, limit: int) -> Batch:
        """Return what it is about."""
        found = [
            each
            for each in self._open(ending.sub)
            if (
                each.session.epoch < ending.epoch
                if ending.device is None
                else each.session.device_id == ending.device
            )
        ]
        return self._batch(found, limit)

    async def note_gone(self, factor: str) -> None:
        """Keep its id."""
        self.gone.add(factor)

    async def is_gone(self, factor: str) -> bool:
        """Look its id up."""
        return factor in self.gone

    async def resting_on(self, sub: str, factor: str, *, kept: str | None, limit: int) -> Batch:
        """Return what rests on the factor."""
        resting = [
            each
            for each in self._open(sub)
            if each.session.factor == factor and each.session.sid != kept
        ]
        return self._batch(resting, limit)

    async def expired(self, sub: str, *, limit: int) -> Batch:
        """Return what has expired."""
        now = self.epochs.clock.now()
        return self._batch(
            [each for each in self._open(sub) if each.session.expires_at <= now], limit
        )

    def _open(self, sub: str) -> list[Kept]:
        own = (each for each in self.kept.values() if each.session.sub == sub)
        return [each for each in own if each.ended_by is None]

    def _batch(self, which: list[Kept], limit: int) -> Batch:
        now, found = self.epochs.clock.now(), [each.session for each in which[:limit]]
        return Batch(
            at=now if found else None,
            valid=tuple(each.sid for each in found if each.expires_at > now),
            expired=tuple(each.sid for each in found if each.expires_at <= now),
            more=len(found) == limit,
        )

    async def tidy(self, sub: str) -> None:
        """There is nothing to finish."""

    async def subjects_with_open_sessions(self, *, after: str, limit: int) -> list[str]:
        """Return subjects in order."""
        subs = [each.session.sub for each in self.kept.values() if each.ended_by is None]
        return sorted(set(sorted(sub for sub in subs if sub > after)[:limit]))

    async def left_open(self, subs: list[str]) -> list[str]:
        """Return the subjects that the sweep is for."""
        now = self.epochs.clock.now()
        return sorted(
            {
                each.session.sub
                for each in self.kept.values()
                if each.session.sub in subs
                and each.ended_by is None
                and (
                    each.session.expires_at <= now
                    or each.session.epoch < self.epochs.current(each.session.sub)
                )
            }
        )

    async def epoch_of(self, sub: str) -> int:
        """Return the epoch."""
        return self.epochs.current(sub)

    async def epoch_after_write(self, sub: str) -> int:
        return await self.epoch_of(sub)

    async def settle(self, sub: str) -> None:
        """Take note that this was asked for."""
        self.epochs.settled.append(sub)

    async def revocation(self, receipt: str) -> Revocation | None:
        """Return one revocation, its sessions with what is kept of each."""
        found = self.epochs.revocations.get(receipt)
        if found is None:
            return None
        return replace(found, sessions=tuple(map(self._described, found.sessions)))

    async def revocation_after(self, sub: str, epoch: int) -> Revocation | None:
        """Return the first one above the epoch."""
        above = [
            each for each in self._revocations_of(sub) if each.epoch > epoch and each.device is None
        ]
        return min(above, key=lambda each: each.epoch, default=None)

    async def revocations_of(
        self, sub: str, *, after: Revocation | None, limit: int
    ) -> list[Revocation]:
        """Return a page, newest first: they are kept in the order that they came in."""
        found = self._revocations_of(sub)[::-1]
        first = 0 if after is None else found.index(self.epochs.revocations[after.receipt]) + 1
        return found[first : first + limit]

    async def incomplete(
        self, *, older_than_seconds: float, limit: int, after: Revocation | None = None
    ) -> list[Revocation]:
        """Return what waits."""
        before = self.epochs.clock.now() - timedelta(seconds=older_than_seconds)
        found = [
            each
            for each in self.epochs.revocations.values()
            if each.completed_at is None and each.committed_at < before
        ]
        first = (after.committed_at, after.receipt) if after is not None else None
        ordered = sorted(found, key=lambda each: (each.committed_at, each.receipt))
        later = [each for each in ordered if not first or (each.committed_at, each.receipt) > first]
        return later[:limit]

    def _described(self, ended: EndedSession) -> EndedSession:
        known = self.kept.get(ended.sid)
        if known is None:
            return ended
        told = known.session.model_dump(include={"created_at", "address", "user_agent"})
        return ended.model_copy(update=told)

    def _revocations_of(self, sub: str) -> list[Revocation]:
        return [each for each in self.epochs.revocations.values() if each.sub == sub]

    def _is_open(self, each: Kept, sub: str) -> bool:
        session, now = each.session, self.epochs.clock.now()
        is_current = session.epoch >= self.epochs.current(sub)
        return (
            session.sub == sub and each.ended_by is None and is_current and now < session.expires_at
        )


@dataclass
class MemoryPolicies:
    """Each organization's policy, beside the sessions."""

    sessions: MemorySessions = field(default_factory=MemorySessions)
    by_organization: dict[str, SessionPolicy] = field(default_factory=dict)

    async def policy_of(self, organization: str) -> SessionPolicy | None:
        """Look it up."""
        return self.by_organization.get(organization)

    async def put_policy(
        self,
        organization: str,
        policy: SessionPolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Keep it."""
        known = self.by_organization.get(organization)
        before = asdict(known) if known else {}
        replaced = self.sessions.epochs.replaced(before, asdict(policy), replaces, told)
        self.by_organization[organization] = replace(policy, version=replaced.version)
        return replaced

    async def shorten(self, organization: str, policy: SessionPolicy) -> None:
        """Go through all."""
        for sid, each in self.sessions.kept.items():
            if each.session.organization == organization and each.ended_by is None:
                self.sessions.kept[sid] = each.shortened(policy)


@dataclass
class MemoryAcceptances:
    """The leased cache, as the sessions service fills it."""

    generation: str | None = "generation"
    begun: list[str] = field(default_factory=list)
    filled: dict[tuple[str, str], tuple[int, bytes]] = field(default_factory=dict)

    async def begin(self, sub: str) -> str | None:
        """Return the generation to fill."""
        self.begun.append(sub)
        return self.generation

    async def fill(self, sub: str, generation: str, epoch: int, sid: str, record: bytes) -> None:
        """Keep the record while the generation is the same."""
        if generation == self.generation:
            self.filled[sub, sid] = (epoch, record)
