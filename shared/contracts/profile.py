"""HTTP contract between the gateway and the profile service."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from shared.contracts.audit import Actor
from shared.contracts.body import Contract, Sub

Role = Literal["admin"]
MostGroups = 100
LongestSearch = 100
GroupId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]


def _once_each(groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(groups)))


Groups = Annotated[tuple[GroupId, ...], Field(max_length=MostGroups), AfterValidator(_once_each)]
"""The groups that somebody is in, by id: each once, in order."""


class Helpdesk(Contract):
    """Whom to contact."""

    name: str = ""
    url: str = ""
    email: str = ""
    phone: str = ""


class Organization(Contract):
    """An organization, as its members see it."""

    id: str
    name: str
    helpdesk: Helpdesk = Helpdesk()


class Manager(Contract):
    """The person somebody reports to."""

    display_name: str


class Person(Contract):
    """The record an organization keeps of a person; the person cannot change it."""

    sub: Sub
    user_id: str
    display_name: str
    job_title: str | None = None
    department: str | None = None
    office: str | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    manager: Manager | None = None
    preferred_language: str | None = None
    home_organization: Organization
    helpdesk: Helpdesk = Helpdesk()
    # The address serves nothing but one's own photo. Only `Me` says it, and who reads that as a
    # person does so to show it to somebody else.
    photo_url: Annotated[str | None, AfterValidator(lambda _: None)] = None
    managed_by_organization: Literal[True] = True
    roles: tuple[Role, ...] = ()


class Me(Person):
    """One's own record, with where one's photo is."""

    photo_url: str | None = "/api/v1/me/photo"


class PutOrganization(Contract):
    """Create an organization, or replace what is known of it and its admins have not replaced."""

    id: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=200)
    helpdesk: Helpdesk = Helpdesk()


class AddPerson(Contract):
    """Create a person. The same record sent again finds the person it made."""

    organization: str
    user_id: str = Field(min_length=1, max_length=256)
    display_name: str = Field(min_length=1, max_length=200)
    emails: tuple[str, ...] = ()
    job_title: str | None = Field(default=None, max_length=200)
    department: str | None = Field(default=None, max_length=200)
    office: str | None = Field(default=None, max_length=200)
    phones: tuple[str, ...] = ()
    manager: Sub | None = None
    preferred_language: str | None = Field(default=None, max_length=16)
    roles: tuple[Role, ...] = ()
    groups: Groups = ()
    by: Actor | None = None


class AddedPerson(Contract):
    """The person's id, and whether the record was made just now."""

    sub: Sub
    created: bool


class PutPhoto(Contract):
    """A person's photo, base64 of a PNG or JPEG file of at most 512 KiB."""

    sub: Sub
    image: str = Field(max_length=750_000)


class GetPerson(Contract):
    """Ask for one person."""

    sub: Sub


class ListPeople(Contract):
    """Ask for an organization's people, by user ID.

    With a `search`, for those whose user ID, name or address begins so, in whatever case.
    """

    organization: str
    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = None
    search: str | None = Field(default=None, min_length=1, max_length=LongestSearch)


class PeopleList(Contract):
    """A page of people."""

    items: tuple[Person, ...]
    next: str | None = None


class Photo(Contract):
    """A photo as it is served: base64 and its media type."""

    image: str
    media_type: str
