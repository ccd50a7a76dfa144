"""HTTP contract between the gateway and the sessions service. Times are aware, in UTC."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from shared.contracts.audit import Actor
from shared.contracts.body import Contract, Sid, Sub
from shared.contracts.events import Cause
from shared.contracts.trust import DeviceTrust, TrustTerms

Purpose = Literal["security-info", "password", "administration", "organization"]
"""What somebody shows again who they are for; it is good for nothing else."""


class Where(Contract):
    """From where a request came, as the gateway saw it."""

    address: str = Field(max_length=64)
    user_agent: str = Field(default="", max_length=512)


class RecogniseDevice(Contract):
    """Ask whose device holds this key."""

    device_key: str = Field(max_length=256)


class RecognisedDevice(Contract):
    """The device and its owner, or nothing where no device has the key.

    A disabled device is nobody's, and familiar to nobody; it says only whose it was.
    """

    device_id: str | None = None
    sub: Sub | None = None
    trust: DeviceTrust | None = None
    disabled_for: Sub | None = None


class EstablishSession(Contract):
    """Begin a session for a subject whose authentication was done under `epoch`."""

    sub: Sub
    epoch: int
    where: Where
    device_key: str | None = Field(default=None, max_length=256)
    device_name: str | None = Field(default=None, max_length=100)
    app: str = "portal"
    amr: tuple[str, ...] = ("pwd",)
    aal: int = 1
    # The method that it rests on beside the password; when that goes, so does the session.
    factor: str | None = Field(default=None, max_length=64)
    # Whose policy says how long it lasts.
    organization: str | None = Field(default=None, max_length=64)
    # The device is to be trusted from now on, under these terms.
    trust: TrustTerms | None = None
    # The factor that was not asked for, since the device is trusted with it; it has to be still.
    trusted_by: str | None = Field(default=None, max_length=64)


class Device(Contract):
    """A device as its user sees it; `key` only where it was made just now."""

    id: str
    name: str
    key: str | None = None


class Session(Contract):
    """One sign-in on one device.

    `auth_time` is when its user last showed who they are: at the sign-in, or again for a purpose.
    """

    sid: Sid
    sub: Sub
    epoch: int
    device_id: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    auth_time: datetime
    address: str
    user_agent: str
    app: str
    amr: tuple[str, ...]
    aal: int
    factor: str | None = None
    auth_purpose: Purpose | None = None
    # The one that it was shown to, where the purpose is to leave an organization.
    auth_organization: str | None = None
    organization: str | None = None


class Established(Contract):
    """A new session with the token that stands for it; the token is shown once."""

    token: str
    session: Session
    device: Device


class Introspect(Contract):
    """Ask whether a session is accepted now. `proof` is the SHA-256 of its secret, in hex.

    `renew` is false where it is no person's doing that is asked, so that the session goes on
    running out.
    """

    sub: Sub = Field(max_length=64)
    sid: Sid = Field(max_length=64)
    proof: str = Field(min_length=64, max_length=64)
    renew: bool = True


class StepUp(Contract):
    """Take note that the user of a session has shown again who they are, for a purpose.

    The session's assurance level rises to `aal` where it was lower; it rests on `factor` from now
    on where one was shown.
    """

    sub: Sub
    sid: Sid
    purpose: Purpose
    amr: str
    aal: int
    factor: str | None = Field(default=None, max_length=64)
    # The one that it is shown to, where the purpose is `organization`.
    organization: str | None = Field(default=None, max_length=64)


class EndRestingOn(Contract):
    """End the sessions of a subject that rest on a method that is gone, all but `kept`."""

    sub: Sub
    factor: str = Field(max_length=64)
    cause: Cause
    kept: Sid | None = None


class ListSessions(Contract):
    """Ask for the open sessions of a subject, newest first."""

    sub: Sub
    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = None


class SessionList(Contract):
    """A page of sessions; `next` is the cursor of the following page."""

    items: tuple[Session, ...]
    next: str | None = None


class EndSession(Contract):
    """End one session of a subject."""

    sub: Sub
    sid: Sid
    cause: Cause


class SignOutEverywhere(Contract):
    """End everything that was issued to a subject, at an admin's wish where there is one."""

    sub: Sub
    by: Actor | None = None


class Revoked(Contract):
    """What an epoch raise answers: the receipt and the token that opens it later."""

    receipt: str
    receipt_token: str
    epoch: int


class ReadReceipt(Contract):
    """Ask for a receipt, as its subject or with the token it came with."""

    id: str = Field(max_length=64)
    sub: Sub | None = None
    token: str | None = Field(default=None, max_length=256)


class EndedSession(Contract):
    """A session in a receipt; `ended_at` is null until its record is ended.

    Where and when it began is there as long as the ended record is kept.
    """

    sid: Sid
    ended_at: datetime | None = None
    created_at: datetime | None = None
    address: str | None = None
    user_agent: str | None = None


class ToldApp(Contract):
    """An app in a receipt, and when it was told and confirmed."""

    app: str
    told_at: datetime
    confirmed_at: datetime | None = None
    failure: str | None = None


class Receipt(Contract):
    """Who was told of a revocation, and when."""

    id: str
    cause: Cause
    epoch: int
    committed_at: datetime
    completed_at: datetime | None = None
    sessions: tuple[EndedSession, ...] = ()
    apps: tuple[ToldApp, ...] = ()


class ListReceipts(Contract):
    """Ask for the receipts of a subject, newest first."""

    sub: Sub
    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = None


class ReceiptList(Contract):
    """A page of receipts."""

    items: tuple[Receipt, ...]
    next: str | None = None
