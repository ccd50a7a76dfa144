"""Who does what an admin does, and in which words it is told to the audit trail."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.contracts.body import Contract, Sub

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Outcome = Literal["done", "refused"]
LongestDetail = 256
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
_Text = Annotated[str, StringConstraints(max_length=LongestDetail)]
_Number = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
Details = Annotated[dict[_Name, _Text | _Number], Field(max_length=32)]
"""Ids, names of fields, slugs and counts; never personal data or secrets."""


class Actor(Contract):
    """The admin who asks for something, and the organization whose admin they are."""

    sub: Sub
    organization: str = Field(min_length=1, max_length=64)


class AuditedPerson(Contract):
    """Somebody of the organization; nothing but the id where they are nobody of it."""

    sub: Sub
    user_id: str | None = None
    display_name: str | None = None


class AuditEntry(Contract):
    """One entry: `sequence` counts from 1 in the organization, `at` is when it was stored."""

    id: str
    sequence: int
    at: datetime
    actor: AuditedPerson | None
    subject: AuditedPerson | None
    action: str
    outcome: str
    reason: str | None
    details: dict[str, str | int]
    hash: str


class AuditFilter(Contract):
    """Which entries are wanted; all, where nothing is said."""

    actor: str | None = None
    subject: str | None = None
    action: str | None = None


class ReadAudit(Contract):
    """Ask for a page of an organization's trail, after the entry with that number.

    The newest come first, or the oldest.
    """

    organization: str
    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = None
    oldest_first: bool = False
    wanted: AuditFilter = AuditFilter()


class AuditPage(Contract):
    """A page of the trail."""

    items: tuple[AuditEntry, ...]
    next: str | None = None


class NoteAudit(Contract):
    """Keep what an admin is about to do, where nothing else keeps it with its effect."""

    by: Actor
    action: Slug
    details: Details = Field(default_factory=dict)
