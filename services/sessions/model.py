"""Sessions, devices and revocations, and their rules."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from services.sessions.errors import SessionIsRevoked, SessionRequired
from shared.contracts.epochs import Raised
from shared.contracts.events import (
    Cause,
    DeviceDisabled,
    DeviceDisabledPayload,
    NewDevices,
    NewDevicesPayload,
    SessionRevoked,
    SessionRevokedPayload,
    SignedOutEverywhere,
    SignedOutEverywherePayload,
)
from shared.contracts.policy import KeptSessionsPolicy, UsualActivityDays
from shared.contracts.sessions import Device, EndedSession, Receipt, Session
from shared.contracts.trust import DeviceTrust

_SIDS_PER_EVENT = 500
_DEVICES_PER_EVENT = 50


@dataclass(frozen=True)
class SessionPolicy:
    """How long a session lasts, in seconds: without use, and at all (NIST SP 800-63B-4, 2.2.3).

    Sign-in activity is kept for `activity_days`.
    """

    idle_seconds: int
    lifetime_seconds: int
    activity_days: int = UsualActivityDays
    version: int = field(default=0, compare=False)
    """How often it was replaced."""

    @classmethod
    def of(
        cls, idle_minutes: int, lifetime_hours: int, activity_days: int = UsualActivityDays
    ) -> "SessionPolicy":
        """Return a policy in the units that people say it in."""
        return cls(idle_minutes * 60, lifetime_hours * 3600, activity_days)

    def as_contract(self) -> KeptSessionsPolicy:
        """Return it as others see it."""
        return KeptSessionsPolicy(
            idle_minutes=self.idle_seconds // 60,
            lifetime_hours=self.lifetime_seconds // 3600,
            activity_days=self.activity_days,
            version=self.version,
        )


@dataclass(frozen=True)
class Secret:
    """A fresh secret and how it is stored. It is long and random, so a plain hash holds."""

    value: str
    proof: str

    @classmethod
    def fresh(cls) -> "Secret":
        """Return a new 256-bit secret."""
        value = secrets.token_urlsafe(32)
        return cls(value, proof_of(value))


def proof_of(value: str) -> str:
    """Return the SHA-256 of a secret in hex, which is what is stored and compared."""
    return hashlib.sha256(value.encode()).hexdigest()


def new_id() -> str:
    """Return a new opaque id of 128 random bits."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True)
class SessionState:
    """A session as the store knows it at this moment, by the store's own clock."""

    session: Session
    proof: str
    ended_by: Cause | None
    expired: bool
    seconds_left: float
    unseen_seconds: float

    def accept(self, *, proof: str, epoch: int) -> None:
        """Raise unless the session may be used now by who holds `proof`."""
        if not hmac.compare_digest(self.proof, proof):
            raise SessionRequired
        if self.ended_by == "expired":
            raise SessionRequired(cause="expired")
        if self.ended_by is not None:
            raise SessionIsRevoked(cause=self.ended_by)
        if self.session.epoch != epoch:
            raise SessionIsRevoked
        if self.expired:
            raise SessionRequired(cause="expired")


@dataclass(frozen=True)
class KnownDevice:
    """A device that was recognised by its key, and the trust in it that is not over."""

    id: str
    sub: str
    name: str
    trust: DeviceTrust | None = None
    disabled: bool = False


@dataclass(frozen=True)
class SigningInDevice:
    """The device of a sign-in, with the key that it is given where it is new."""

    known: KnownDevice
    fresh_key: Secret | None = None

    def as_device(self) -> Device:
        """Return what the client is told, a new key included, this once."""
        key = self.fresh_key.value if self.fresh_key is not None else None
        return Device(id=self.known.id, name=self.known.name, key=key)


@dataclass(frozen=True)
class Ending:
    """What is to be ended, and what it is told by.

    It is a subject's sessions from before an epoch or, where there is one, those on a device.
    """

    sub: str
    epoch: int
    cause: Cause
    receipt: str | None
    device: str | None = None


@dataclass(frozen=True)
class Batch:
    """Open sessions that are to be ended together, by the store's clock; more may be left.

    Those that have expired are closed with the others, and nobody is told of them.
    """

    at: datetime | None = None
    valid: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    more: bool = False


@dataclass(frozen=True)
class Revocation:
    """A raised epoch or a disabled device that is to be worked off, and what has become of it."""

    receipt: str
    sub: str
    cause: Cause
    epoch: int
    committed_at: datetime
    token_hash: str
    completed_at: datetime | None = None
    sessions: tuple[EndedSession, ...] = ()
    device: str | None = None

    @property
    def ending(self) -> Ending:
        """Return what is to be ended for it."""
        return Ending(self.sub, self.epoch, self.cause, self.receipt, self.device)

    def as_receipt(self, *, still_open: tuple[str, ...] = ()) -> Receipt:
        """Return the receipt as its user reads it, with the sessions that are yet to be ended."""
        waiting = tuple(EndedSession(sid=sid) for sid in still_open)
        return Receipt(
            id=self.receipt,
            cause=self.cause,
            epoch=self.epoch,
            committed_at=self.committed_at,
            completed_at=self.completed_at,
            sessions=self.sessions + waiting,
        )


def signed_out_everywhere(raised: Raised, cause: Cause, *, at: datetime) -> SignedOutEverywhere:
    """Tell that everything of a user was ended. The receipt names the event: it is told once."""
    return SignedOutEverywhere(
        id=raised.receipt,
        subject=raised.sub,
        occurred_at=at,
        initiating_entity="admin" if cause == "signed-out-by-admin" else "user",
        payload=SignedOutEverywherePayload(cause=cause, epoch=raised.epoch, receipt=raised.receipt),
    )


def device_disabled(sub: str, device: str, *, receipt: str, at: datetime) -> DeviceDisabled:
    """Tell that a device was disabled by its user."""
    return DeviceDisabled(
        id=f"{receipt}.{device}",
        subject=sub,
        occurred_at=at,
        initiating_entity="user",
        payload=DeviceDisabledPayload(device=device, receipt=receipt),
    )


def new_devices(sub: str, devices: tuple[str, ...], *, at: datetime) -> NewDevices:
    """Tell of devices that were not used before. The first names the event: it is told once."""
    return NewDevices(
        id=f"new-device.{devices[0]}",
        subject=sub,
        occurred_at=at,
        initiating_entity="user",
        payload=NewDevicesPayload(devices=devices[:_DEVICES_PER_EVENT]),
    )


def sessions_revoked(
    sub: str, sids: list[str], cause: Cause, *, receipt: str | None, at: datetime
) -> list[SessionRevoked]:
    """Tell which sessions were ended, in events of a bounded size."""
    chunks = [sids[i : i + _SIDS_PER_EVENT] for i in range(0, len(sids), _SIDS_PER_EVENT)]
    return [
        SessionRevoked(
            id=f"{receipt or 'revoked'}.{chunk[0]}",
            subject=sub,
            occurred_at=at,
            initiating_entity="user",
            payload=SessionRevokedPayload(sids=tuple(chunk), cause=cause, receipt=receipt),
        )
        for chunk in chunks
    ]
