"""HTTP contract for what services keep of somebody: to be told to them, and to be erased."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.contracts.body import Contract, Sub

Keeper = Literal["profile", "credentials", "sessions"]
KEEPERS: tuple[Keeper, ...] = ("profile", "credentials", "sessions")
"""The services that keep something of people, each of which erases its own and confirms it."""
MostItems = 200


class ReadPersonalData(Contract):
    """Ask a service for a page of what it keeps of a subject, after where the last one ended."""

    sub: Sub
    after: str | None = None
    limit: int = Field(default=MostItems, ge=1, le=MostItems)


class PersonalDataPage(Contract):
    """A page of one section, each item as it is kept; no secret is in it, but that there is one.

    The pages of a section follow one another. `next` is where to go on, in this section or the
    next one; None at the end of all.
    """

    section: str
    items: tuple[dict[str, Any], ...]
    next: str | None = None


class FindSubject(Contract):
    """Ask whose user ID this is, or who was erased under this id; also of who is deleted."""

    name: str = Field(min_length=1, max_length=256)


class FoundSubject(Contract):
    """Somebody and their organization; None where only the record of their erasure is left."""

    sub: Sub
    organization: str | None = None
    deleted: bool = False


class AskErasure(Contract):
    """Have everything erased that any service keeps of somebody who was deleted."""

    sub: Sub


class ReadErasure(Contract):
    """Ask how far the erasure of somebody is."""

    sub: Sub


class Erasure(Contract):
    """An erasure: who was it, when was it asked for, and which services have confirmed it, when."""

    sub: Sub
    asked_at: datetime
    confirmed: dict[str, datetime] = Field(default_factory=dict)

    @property
    def waits_for(self) -> tuple[Keeper, ...]:
        """Return the services that have not confirmed it."""
        return tuple(each for each in KEEPERS if each not in self.confirmed)
