"""HTTP contract between the gateway and the profile service for what admins do to users."""

from typing import Literal

from pydantic import Field

from shared.contracts.audit import Actor
from shared.contracts.body import Contract, Sub
from shared.contracts.profile import Groups, Person, Role

Emptiable = Literal["job_title", "department", "office", "manager", "preferred_language"]
"""What a record need not have."""


class User(Person):
    """A person as the organization's admins see them.

    `revision` rises with every change of the record. `disabled` is what the profile service knows
    of it: whether the account lets anybody in is for the credentials service to say.
    """

    groups: Groups = ()
    disabled: bool = False
    revision: int = 1


class ReadUser(Contract):
    """Ask for a user as they are at this moment, of an organization where one is given."""

    sub: Sub
    organization: str | None = None


class RecordChanges(Contract):
    """What a record is to say from now on; what is left out stays."""

    display_name: str | None = Field(default=None, min_length=1, max_length=200)
    job_title: str | None = Field(default=None, max_length=200)
    department: str | None = Field(default=None, max_length=200)
    office: str | None = Field(default=None, max_length=200)
    emails: tuple[str, ...] | None = None
    phones: tuple[str, ...] | None = None
    manager: Sub | None = None
    preferred_language: str | None = Field(default=None, max_length=16)
    roles: tuple[Role, ...] | None = None
    groups: Groups | None = None


class ChangeUser(Contract):
    """Change a user's record, if it is at one of `revisions` where they are given.

    `emptied` are the fields that are to say nothing.
    """

    sub: Sub
    organization: str
    changes: RecordChanges = RecordChanges()
    emptied: tuple[Emptiable, ...] = ()
    revisions: tuple[int, ...] | None = None
    by: Actor | None = None


class NoteAccount(Contract):
    """Take note of what is, or is about to be, done to a user's account at its `revision`.

    It is refused where nobody would be left who is an admin, and where the user's record is at none
    of `record_revisions`, if they are given.
    """

    sub: Sub
    organization: str
    disabled: bool
    deleted: bool = False
    revision: int = Field(ge=0)
    record_revisions: tuple[int, ...] | None = None
