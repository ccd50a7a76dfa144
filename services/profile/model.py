"""People, organizations, photos and notices, and their rules."""

import base64
import binascii
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.profile.errors import UnusablePhoto
from shared.contracts.events import Cause, CredentialType, LockCause
from shared.contracts.profile import AddPerson, Helpdesk, Photo

NoticeCause = Cause | LockCause | Literal["help-asked", "admin-password-reset"]
LargestPhoto = 512 * 1024
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True)
class OrganizationRecord:
    """An organization."""

    id: str
    name: str
    helpdesk: Helpdesk


@dataclass(frozen=True)
class PersonRecord:
    """A person as the organization keeps them."""

    sub: str
    record: AddPerson


@dataclass(frozen=True)
class Notice:
    """A mail that a person is owed about one change; the receipt makes it one per change.

    `about` is what was changed, where the cause does not say; `codes_left` are recovery codes.
    `to` is the one address that it goes to, where each has a mail of its own, and `whose` is the
    subject that an admin is told of.
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

    @property
    def id(self) -> str:
        """What it is known by."""
        return self.receipt


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
