"""Who does what an admin does, and in which words it is told to the audit trail."""

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
