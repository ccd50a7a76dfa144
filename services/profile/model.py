"""People, organizations, photos and notices, and their rules."""

import base64
import binascii
import hashlib
import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from services.profile.errors import UnusablePhoto
from shared.contracts.events import Cause, CredentialType, LockCause
from shared.contracts.policy import KeptPortalPolicy
from shared.contracts.portal import PortalRules
from shared.contracts.profile import AddPerson, Helpdesk, Photo

NoticeCause = (
    Cause
    | LockCause
    | Literal[
        "new-device",
        "addresses-changed",
        "password-of-user-set",
        "help-asked",
        "admin-password-reset",
        "invited",
        "membership-restored",
        "membership-removed",
        "organization-left",
        "reset-not-enabled",
        "reset-not-registered",
    ]
)
LargestPhoto = 512 * 1024
_USUAL_RULES = PortalRules()
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True)
class OrganizationRecord:
    """An organization. `version` is how often its admins have replaced its policy for the portal.

    The helpdesk and the rules are that policy.
    """

    id: str
    name: str
    helpdesk: Helpdesk
    version: int = 0
    rules: PortalRules = _USUAL_RULES

    @property
    def policy(self) -> KeptPortalPolicy:
        """The policy for the portal as others see it."""
        return KeptPortalPolicy(helpdesk=self.helpdesk, version=self.version, **dict(self.rules))


@dataclass(frozen=True)
class PersonRecord:
    """A person as the organization keeps them. The `revision` rises with each change of that.

    Who is deleted is disabled as well.
    """

    sub: str
    record: AddPerson
    revision: int = 1
    disabled: bool = False
    deleted: bool = False
    # What they were added as, where the record was changed since.
    added_as: AddPerson | None = None

    @property
    def is_admin(self) -> bool:
        """Tell whether they are an admin who can act as one."""
        return "admin" in self.record.roles and not self.disabled

    def was_added_as(self, record: AddPerson) -> bool:
        """Tell whether they were added by this very record."""
        return not self.deleted and record == (self.added_as or self.record)

    def with_record(self, record: AddPerson) -> "PersonRecord":
        """Return them with another record."""
        return replace(
            self,
            record=record,
            revision=self.revision + 1,
            added_as=self.added_as or self.record,
        )


@dataclass(frozen=True)
class Noted:
    """What is known of an account at one of its revisions.

    That nobody is to be let in any more replaces also what is known of the same revision: it is an
    intention, which only a later revision takes back.
    """

    revision: int
    disabled: bool
    deleted: bool = False
    asked: bool = False

    def replaces(self, revision: int) -> bool:
        """Tell whether it is later than what is known of a revision."""
        return self.revision > revision or (self.is_intention and self.revision == revision)

    @property
    def is_intention(self) -> bool:
        """Tell whether it is about what is only just going to be done."""
        return self.asked and self.disabled


@dataclass(frozen=True)
class Notice:
    """A mail that a person is owed about one change; the receipt makes it one per change.

    `about` is what was changed, where the cause does not say; `codes_left` are recovery codes.
    `to` is the one address that it goes to, where each has a mail of its own, and `whose` is the
    subject that an admin is told of. `organization` is one that they are a guest of, if it is about
    that.
    """

    receipt: str
    sub: str
    cause: NoticeCause
    committed_at: datetime
    attempts: int = 0
    about: CredentialType | None = None
    codes_left: int | None = None
    to: str | None = None
    whose: str | None = None
    organization: str | None = None

    @property
    def id(self) -> str:
        """What it is known by."""
        return self.receipt


def told_of_addresses(
    before: PersonRecord, after: PersonRecord, change: str, *, at: datetime
) -> Iterator[Notice]:
    """Yield what each address is told, the old ones too, where a change is about addresses."""
    old, new = before.record.emails, after.record.emails
    if old == new:
        return
    for number, address in enumerate(dict.fromkeys((*old, *new))):
        yield Notice(f"{change}.{number}", before.sub, "addresses-changed", at, to=address)


def once_a_day(told_of: str, at: datetime) -> str:
    """Return the receipt of a mail that others can bring about at will: one in a day, by UTC.

    It is a hash, since the receipt stands in the mail.
    """
    day = at.astimezone(UTC).date()
    return hashlib.sha256(f"{told_of} {day}".encode()).hexdigest()[:32]


def user_id_key(user_id: str) -> str:
    """Return the form of a user ID in which it is unique."""
    return unicodedata.normalize("NFKC", user_id).strip().casefold()


def photo_of(encoded: str) -> Photo:
    """Return a photo whose content is what it says it is, or raise `UnusablePhoto`."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnusablePhoto from error
    for signature, media_type in _SIGNATURES.items():
        if content.startswith(signature) and len(content) <= LargestPhoto:
            return Photo(image=encoded, media_type=media_type)
    raise UnusablePhoto


def new_sub() -> str:
    """Return a new subject id of 128 random bits."""
    return secrets.token_urlsafe(16)
