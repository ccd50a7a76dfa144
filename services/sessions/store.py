"""What the sessions service keeps, in the words of its trade."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from services.sessions.attempts import NewAttempt
from services.sessions.model import (
    Batch,
    Ending,
    KnownDevice,
    Revocation,
    SessionPolicy,
    SessionState,
)
from services.sessions.places import Place, Sighting
from shared.contracts.activity import Attempt, AttemptOutcome, AttemptsOfDay, Flag, Reported
from shared.contracts.devices import FoundDevice, ListedDevice
from shared.contracts.epochs import Raised
from shared.contracts.events import Cause, Event
from shared.contracts.sessions import EstablishSession, Session, StepUp
from shared.contracts.trust import TrustTerms
from shared.policies import Keeping

T = TypeVar("T")

TellAgainSeconds = 600


class Overtaken(Exception):
    """Something else has ended part of a batch since it was looked up."""


class SessionTransaction(Protocol):
    """Changes that hold together."""

    async def raise_epoch(self, sub: str, cause: Cause) -> Raised:
        """Refuse everything issued to the subject so far."""
        ...

    async def close(self, batch: Batch, cause: Cause) -> None:
        """End the sessions of a batch, or raise `Overtaken` where one is not open any more."""
        ...

    async def close_older(self, sub: str, epoch: int, cause: Cause) -> int:
        """End all open sessions from before the epoch; return how many there were."""
        ...

    async def end(self, sub: str, sid: str, cause: Cause) -> bool:
        """End one session; return whether it was open."""
        ...

    async def note(self, receipt: str, batch: Batch) -> None:
        """Add what is ended to the receipt while it is incomplete."""
        ...

    async def complete(self, receipt: str, batch: Batch) -> float | None:
        """Close the receipt with what is ended last; return how many seconds it was open.

        None where it was complete before.
        """
        ...

    async def report(self, sub: str, id: str, reported: Reported) -> Attempt | None:
        """Note what a subject says of one of their attempts, and return it."""
        ...

    async def disable(self, sub: str, device_id: str) -> bool:
        """Disable a device and forget the trust in it; return whether it was one to be disabled."""
        ...

    async def enable(self, sub: str, device_id: str) -> bool:
        """Enable a device; return whether it was disabled."""
        ...

    async def leave_receipt(self, sub: str, device_id: str, cause: Cause) -> Raised:
        """Leave a receipt of what ends on a device, which raises no epoch."""
        ...

    async def emit(self, event: Event) -> None:
        """Tell of the change, once it is committed."""
        ...


class DeviceStore(Protocol):
    """Devices, and the trust in them."""

    async def add_device(
        self,
        device: KnownDevice,
        *,
        key_hash: str,
        user_agent: str | None = None,
        place: Place | None = None,
    ) -> None:
        """Keep a new device, dated by the store's clock. It is yet to be told of."""
        ...

    async def devices_of(
        self, sub: str, *, after: str | None, limit: int, with_disabled: bool = False
    ) -> list[ListedDevice]:
        """Return a subject's devices, the one used last first, after one of them.

        Raise `UnknownCursor` where no device of the subject has that id, disabled or not.
        """
        ...

    async def find_device(self, device_id: str) -> FoundDevice | None:
        """Return one device, whosever it is."""
        ...

    async def is_disabled(self, device_id: str) -> bool:
        """Tell whether it is disabled, no older than this store's last acknowledged write."""
        ...

    async def tell_next_new(self, event_of: Callable[[str, tuple[str, ...]], Event]) -> bool:
        """Tell of one subject's devices that are new; return whether there was one to look at.

        Nobody is told of their first device, nor twice within `TellAgainSeconds`: what is new in
        the meantime is told when they are over.
        """
        ...

    async def device_with_key(self, key_hash: str) -> KnownDevice | None:
        """Return the device that has this key."""
        ...

    async def device_seen(
        self, device_id: str, *, user_agent: str | None = None, place: Place | None = None
    ) -> None:
        """Take note that the device was used; by which browser and where, if it was signed in on.

        Who does not say which browser says nothing of the place either.
        """
        ...

    async def trust_device(
        self, device_id: str, terms: TrustTerms, *, epoch: int, factor: str
    ) -> None:
        """Trust a device for as many days as the terms say, by the store's clock.

        One that is disabled is trusted no more.
        """
        ...

    async def forget_trust(self, sub: str, *, factor: str | None = None) -> None:
        """Trust none of a subject's devices any more, or none that was trusted with a factor."""
        ...

    async def trusted_devices(self, sub: str) -> int:
        """Return how many of a subject's devices are trusted under the current epoch."""
        ...


class SessionStore(DeviceStore, Protocol):
    """Sessions, devices and revocations."""

    async def in_transaction(self, work: Callable[[SessionTransaction], Awaitable[T]]) -> T:
        """Do the work in one transaction; it may be called again."""
        ...

    async def add_session(
        self, asked: EstablishSession, *, device_id: str, proof: str, policy: SessionPolicy
    ) -> Session:
        """Keep a new session, dated by the store's clock."""
        ...

    async def session(self, sub: str, sid: str) -> SessionState | None:
        """Return a session as it is at this moment, never as it was."""
        ...

    async def seen(self, sid: str, policy: SessionPolicy) -> None:
        """Renew an open, unexpired session, never beyond its lifetime."""
        ...

    async def step_up(self, asked: StepUp) -> Session | None:
        """Date an authentication by the store's clock; None where the session is not open."""
        ...

    async def open_sessions(self, sub: str, *, after: str | None, limit: int) -> list[Session]:
        """Return the open sessions issued under the current epoch, newest first, after one of them.

        Raise `UnknownCursor` where no session of the subject is kept under that id, open or not.
        """
        ...

    async def to_end(self, ending: Ending, *, limit: int) -> Batch:
        """Return that many of the open sessions that an ending is about."""
        ...

    async def note_gone(self, factor: str) -> None:
        """Take note that a method is gone, for as long as a sign-in may take."""
        ...

    async def is_gone(self, factor: str) -> bool:
        """Tell whether a method is gone, no older than this store's last acknowledged write."""
        ...

    async def resting_on(self, sub: str, factor: str, *, kept: str | None, limit: int) -> Batch:
        """Return that many of the open sessions that rest on a factor, but one, to be ended."""
        ...

    async def expired(self, sub: str, *, limit: int) -> Batch:
        """Return that many of the open sessions that have expired, to be closed."""
        ...

    async def tidy(self, sub: str) -> None:
        """Finish what ending many sessions at once has left for later; it hurries nobody."""
        ...

    async def subjects_with_open_sessions(self, *, after: str, limit: int) -> list[str]:
        """Return subjects in order of their ids, for going through all of them.

        As many as `limit` open sessions belong to, and one at least while there is one.
        """
        ...

    async def left_open(self, subs: list[str]) -> list[str]:
        """Return the subjects with open sessions that have expired or are from before the epoch."""
        ...

    async def epoch_of(self, sub: str) -> int:
        """Return the subject's epoch as of this moment."""
        ...

    async def epoch_after_write(self, sub: str) -> int:
        """Return the subject's epoch, no older than this store's last acknowledged write."""
        ...

    async def settle(self, sub: str) -> None:
        """Return once what was committed for the subject holds at every reader."""
        ...

    async def revocation(self, receipt: str) -> Revocation | None:
        """Return the revocation behind a receipt."""
        ...

    async def revocation_after(self, sub: str, epoch: int) -> Revocation | None:
        """Return the raise that ended what was issued under the epoch."""
        ...

    async def revocations_of(
        self, sub: str, *, after: Revocation | None, limit: int
    ) -> list[Revocation]:
        """Return a page of a subject's revocations, newest first."""
        ...

    async def incomplete(
        self, *, older_than_seconds: float, limit: int, after: Revocation | None = None
    ) -> list[Revocation]:
        """Return a page of the revocations that nobody has worked off, oldest first."""
        ...


class ActivityStore(Protocol):
    """Attempts to sign in, dated by the store's clock and forgotten by it."""

    async def add_attempt(self, id: str, attempt: NewAttempt) -> None:
        """Keep an attempt; where that id is there already, count one more of it."""
        ...

    async def count_again(self, id: str) -> bool:
        """Count one more of what is kept under an id; return whether there is anything."""
        ...

    async def tally(self, name: str) -> int:
        """Return how often this name was tallied, this time included; kept for two days."""
        ...

    async def change_outcome(self, id: str, outcome: AttemptOutcome) -> None:
        """Say what an attempt came to after all."""
        ...

    async def attempts(
        self,
        sub: str,
        *,
        words: Sequence[str],
        outcome: AttemptOutcome | None,
        after: str | None,
        limit: int,
    ) -> list[Attempt]:
        """Return a page, newest first: those with the outcome that have a word beginning with each.

        Raise `UnknownCursor` where the subject has no attempt with the id that it comes after.
        """
        ...

    async def attempt(self, sub: str, id: str) -> Attempt | None:
        """Return one of a subject's attempts."""
        ...

    async def report(self, sub: str, id: str, reported: Reported) -> Attempt | None:
        """Note what a subject says of one of their attempts, and return it."""
        ...

    async def by_day(self, sub: str, *, since: datetime) -> list[AttemptsOfDay]:
        """Return how many there were on each day, in UTC, by outcome, oldest first."""
        ...

    async def to_compare(self, *, limit: int) -> list[Sighting]:
        """Return attempts from places that are yet to be compared with earlier ones."""
        ...

    async def last_sighting(self, *, before: Sighting) -> Sighting | None:
        """Return where its subject was seen last before.

        Seen is who signed in, unless they said that it was somebody else, and who said of any
        attempt that it was them, in the last `FamiliarDays`.
        """
        ...

    async def was_near(self, sighting: Sighting) -> bool:
        """Tell whether its subject was seen before near where it is."""
        ...

    async def compared(self, id: str, flags: Sequence[Flag]) -> None:
        """Note what came of comparing the places."""
        ...


class RetentionStore(Protocol):
    """Rows of activity whose end is yet to be brought in line with their policy."""

    async def due(self) -> str | None:
        """Return an organization whose rows are not yet, if there is one.

        A policy that was put a moment ago is due when no process goes by the one before any more.
        """
        ...

    async def bring_in_line(self, organization: str) -> bool:
        """Bring some more in line; return whether there may be others.

        It goes on where it was left, whoever has left it, and done twice it does the same.
        """
        ...


class Acceptances(Protocol):
    """The leased cache of what is accepted."""

    async def begin(self, sub: str) -> str | None:
        """Return the generation to fill, taken before the store is read."""
        ...

    async def fill(self, sub: str, generation: str, epoch: int, sid: str, record: bytes) -> None:
        """Keep what the store said, unless a writer came in between."""
        ...


class PolicyStore(Keeping[SessionPolicy], Protocol):
    """Each organization's policy for its people's sessions."""

    async def policy_of(self, organization: str) -> SessionPolicy | None:
        """Return an organization's policy; None where it has set none."""
        ...

    async def shorten(self, organization: str, policy: SessionPolicy) -> None:
        """Let the organization's open sessions last no longer than the policy says."""
        ...
