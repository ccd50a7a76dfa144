"""The events that travel over RabbitMQ: ids only, never personal data or secrets.

Names and fields follow CAEP 1.0 where it has one. The routing key is the name.
Consumers ignore fields they do not know, so a producer may be one version ahead.
"""

import secrets
from datetime import datetime
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.audit import Actor, Details, Outcome, Slug
from shared.contracts.personal_data import Keeper

InitiatingEntity = Literal["user", "admin", "policy", "system"]
Cause = Literal[
    "password-changed",
    "password-reset",
    "signed-out-everywhere",
    "not-me",
    "signed-out",
    "ended-by-user",
    "expired",
    "method-added",
    "method-replaced",
    "method-removed",
    "recovery-code-used",
    "methods-cleared",
    "default-changed",
    "password-set-by-admin",
    "signed-out-by-admin",
    "account-disabled",
    "account-deleted",
    "account-enabled",
    "device-disabled",
]
LockCause = Literal["sign-in-locked", "codes-locked", "old-password-locked", "reset-locked"]
"""What was guessed at: the password, the codes of who has it, the password in a session, or the
codes of who says that they have forgotten it."""
CredentialType = Literal[
    "password",
    "app",
    "fido2-platform",
    "fido2-roaming",
    "email",
    "phone-sms",
    "phone-voice",
    "recovery-codes",
    "app-password",
    "security-questions",
]
ChangeType = Literal["create", "revoke", "update", "delete"]


class Payload(BaseModel):
    """The part of an event that depends on its name."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Event(BaseModel):
    """The envelope around every event.

    `id` is unique per event and is what consumers remember; `subject` is the
    user's `sub`; `occurred_at` is for people to read and orders nothing;
    `traceparent` continues the trace of the request that caused it (W3C).
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)
    # A live hint may find nobody listening; everything else must reach a queue.
    must_reach_a_queue: ClassVar[bool] = True

    id: str = Field(min_length=1, max_length=128)
    name: str
    version: int
    subject: str = Field(min_length=1, max_length=128)
    occurred_at: datetime
    initiating_entity: InitiatingEntity
    traceparent: str | None = None


class CredentialChangePayload(Payload):
    """What changed, and what does not hold any more.

    Where the epoch was raised: `epoch`, before which nothing is accepted, and the `receipt`. Where
    one method was changed: `method`, and what rests on it, or on those that went `also`, ends if it
    was deleted or replaced, all but the session `kept`. Of two changes to a subject's methods, the
    one with the higher `revision` is the later one. `codes_left` is told of a recovery code that
    was used. `by` is the admin whose doing it was, if it was one.
    """

    credential_type: CredentialType
    change_type: ChangeType
    cause: Cause
    epoch: int | None = Field(default=None, ge=1)
    receipt: str | None = None
    method: str | None = None
    kept: str | None = None
    also: tuple[str, ...] = ()
    revision: int | None = Field(default=None, ge=1)
    codes_left: int | None = Field(default=None, ge=0)
    by: str | None = None

    @property
    def gone(self) -> tuple[str, ...]:
        """Return the methods on which nothing may rest any more."""
        ends = self.change_type in {"delete", "update"} and self.cause != "default-changed"
        return (self.method, *self.also) if ends and self.method is not None else ()

    @model_validator(mode="after")
    def _is_about_one_or_the_other(self) -> Self:
        raised = {self.epoch is None, self.receipt is None}
        if raised not in ({False}, {True}) or (self.epoch is None) == (self.method is None):
            raise ValueError("Either the epoch was raised, with a receipt, or a method changed.")
        return self


class CredentialChange(Event):
    """A credential was changed; a password's change raises the subject's epoch (CAEP 3.3)."""

    name: Literal["credential-change"] = "credential-change"
    version: Literal[1] = 1
    payload: CredentialChangePayload


class SignedOutEverywherePayload(Payload):
    """The epoch before which nothing is accepted any more."""

    cause: Cause
    epoch: int = Field(ge=1)
    receipt: str


class SignedOutEverywhere(Event):
    """The subject ended everything that was open."""

    name: Literal["signed-out-everywhere"] = "signed-out-everywhere"
    version: Literal[1] = 1
    payload: SignedOutEverywherePayload


class AccountDisabledPayload(Payload):
    """The epoch before which nothing is accepted any more; `cause` says if it was deleted.

    Of two events about whether an account lets somebody in, the one with the higher `revision` is
    the later one.
    """

    cause: Cause
    epoch: int = Field(ge=1)
    receipt: str
    revision: int = Field(ge=1)

    @property
    def is_deletion(self) -> bool:
        """Tell whether the account was deleted."""
        return self.cause == "account-deleted"


class AccountDisabled(Event):
    """The account lets nobody in any more (RISC 1.0, 2.3)."""

    name: Literal["account-disabled"] = "account-disabled"
    version: Literal[1] = 1
    payload: AccountDisabledPayload


class AccountEnabledPayload(Payload):
    """The later of two events about an account is the one with the higher `revision`."""

    cause: Cause
    revision: int = Field(ge=1)


class AccountEnabled(Event):
    """The account lets its owner in again (RISC 1.0, 2.4)."""

    name: Literal["account-enabled"] = "account-enabled"
    version: Literal[1] = 1
    payload: AccountEnabledPayload


class AccountPurged(Event):
    """The account is gone for good: who keeps anything of it erases that (RISC 1.0, 2.2)."""

    name: Literal["account-purged"] = "account-purged"
    version: Literal[1] = 1
    payload: Payload = Payload()

    @classmethod
    def of(cls, sub: str, *, at: datetime) -> Self:
        """Return what is told once more each time, so that no consumer takes it for told before."""
        event_id = secrets.token_urlsafe(16)
        return cls(id=event_id, subject=sub, occurred_at=at, initiating_entity="system")


class AccountErasedPayload(Payload):
    """Which service it was that kept something."""

    service: Keeper


class AccountErased(Event):
    """A service keeps nothing of the subject any more."""

    name: Literal["account-erased"] = "account-erased"
    version: Literal[1] = 1
    payload: AccountErasedPayload

    @classmethod
    def of(cls, purged: AccountPurged, service: Keeper, *, at: datetime) -> Self:
        """Return what confirms a purge."""
        return cls(
            id=f"{purged.id}.{service}",
            subject=purged.subject,
            occurred_at=at,
            initiating_entity="system",
            payload=AccountErasedPayload(service=service),
        )


class SignInLockedPayload(Payload):
    """Somebody guessed so often that the account lets nobody guess for a while."""

    cause: LockCause


class SignInLocked(Event):
    """Guessing was stopped; the subject is told, at most once a day."""

    name: Literal["sign-in-locked"] = "sign-in-locked"
    version: Literal[1] = 1
    payload: SignInLockedPayload


class HelpAskedPayload(Payload):
    """What somebody needs help with."""

    cause: Literal["help-asked"] = "help-asked"


class HelpAsked(Event):
    """Somebody who may be the subject cannot get in by themselves and asks the admins for help."""

    name: Literal["help-asked"] = "help-asked"
    version: Literal[1] = 1
    payload: HelpAskedPayload = HelpAskedPayload()


class DeviceDisabledPayload(Payload):
    """The device, and the receipt of what was ended with it."""

    cause: Literal["device-disabled"] = "device-disabled"
    device: str
    receipt: str


class DeviceDisabled(Event):
    """The subject signs in on a device no more; what was open on it has ended."""

    name: Literal["device-disabled"] = "device-disabled"
    version: Literal[1] = 1
    payload: DeviceDisabledPayload


class NewDevicesPayload(Payload):
    """The devices, and how the notice about them is called."""

    cause: Literal["new-device"] = "new-device"
    devices: tuple[str, ...]


class NewDevices(Event):
    """The subject signed in on devices that were never used before; not told of their first one."""

    name: Literal["new-devices"] = "new-devices"
    version: Literal[1] = 1
    payload: NewDevicesPayload


class SessionRevokedPayload(Payload):
    """Which sessions were ended, why, and under which receipt if there is one."""

    sids: tuple[str, ...]
    cause: Cause
    receipt: str | None = None


class SessionRevoked(Event):
    """Sessions were ended; open pages of these sessions want to know (CAEP 3.1)."""

    must_reach_a_queue: ClassVar[bool] = False
    name: Literal["session-revoked"] = "session-revoked"
    version: Literal[1] = 1
    payload: SessionRevokedPayload


class AuditedPayload(Payload):
    """What was done or refused in an organization, and by whom; no actor where nobody signed in.

    `details` holds ids, names of fields, slugs and counts; never personal data or secrets.
    """

    organization: str = Field(min_length=1, max_length=64)
    actor: str | None = Field(default=None, max_length=128)
    action: Slug
    outcome: Outcome = "done"
    reason: Slug | None = None
    details: Details = Field(default_factory=dict)


class Audited(Event):
    """Something was done that an organization's audit trail keeps.

    The subject is whom it was done to: the admin where it was to nobody.
    """

    name: Literal["audited"] = "audited"
    version: Literal[1] = 1
    payload: AuditedPayload

    @classmethod
    def of(
        cls,
        actor: Actor,
        action: str,
        *,
        at: datetime,
        subject: str | None = None,
        reason: str | None = None,
        details: Details | None = None,
    ) -> Self:
        """Return what tells of an admin's action, which was refused if there is a reason."""
        return cls(
            id=secrets.token_urlsafe(16),
            subject=subject or actor.sub,
            occurred_at=at,
            initiating_entity="admin",
            payload=AuditedPayload(
                organization=actor.organization,
                actor=actor.sub,
                action=action,
                outcome="refused" if reason else "done",
                reason=reason,
                details=details or {},
            ),
        )


class MembershipChangedPayload(Payload):
    """The organization, and what became of the membership at its `revision`.

    Of two events about one membership, the one with the higher `revision` is the later one.
    """

    organization: str = Field(min_length=1, max_length=64)
    state: Literal["active", "left", "removed"]
    revision: int = Field(ge=1)


class MembershipChanged(Event):
    """The subject became a guest of an organization, is one under other terms, or is one no more.

    Nothing here has to hear of it; other systems of the organization may.
    """

    must_reach_a_queue: ClassVar[bool] = False
    name: Literal["membership-changed"] = "membership-changed"
    version: Literal[1] = 1
    payload: MembershipChangedPayload

    @classmethod
    def of(
        cls,
        sub: str,
        payload: MembershipChangedPayload,
        *,
        at: datetime,
        initiating_entity: InitiatingEntity,
    ) -> Self:
        """Return what tells of it."""
        return cls(
            id=secrets.token_urlsafe(16),
            subject=sub,
            occurred_at=at,
            initiating_entity=initiating_entity,
            payload=payload,
        )


class TermsAcceptedPayload(Payload):
    """Which version of which document was accepted."""

    document: str = Field(min_length=1, max_length=64)
    terms_version: int = Field(ge=1)


class TermsAccepted(Event):
    """The subject accepted terms of use.

    Nothing here has to hear of it; other systems of the organization may.
    """

    must_reach_a_queue: ClassVar[bool] = False
    name: Literal["terms-accepted"] = "terms-accepted"
    version: Literal[1] = 1
    payload: TermsAcceptedPayload

    @classmethod
    def of(cls, key: str, sub: str, document: str, version: int, *, at: datetime) -> Self:
        """Return what tells of an acceptance, which the key names."""
        return cls(
            id=key,
            subject=sub,
            occurred_at=at,
            initiating_entity="user",
            payload=TermsAcceptedPayload(document=document, terms_version=version),
        )


EVENTS: tuple[type[Event], ...] = (
    CredentialChange,
    SignedOutEverywhere,
    SignInLocked,
    HelpAsked,
    AccountDisabled,
    AccountEnabled,
    AccountPurged,
    AccountErased,
    DeviceDisabled,
    NewDevices,
    SessionRevoked,
    MembershipChanged,
    TermsAccepted,
    Audited,
)


def name_of(event: type[Event]) -> str:
    """Return the event's name, which is also its routing key."""
    return str(event.model_fields["name"].default)
