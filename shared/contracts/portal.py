"""What of the portal an organization's people see, and who of them."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator

from shared.contracts.body import Contract
from shared.contracts.profile import Groups

PortalAccess = Literal["everyone", "groups"]
ProfileField = Literal[
    "job_title",
    "department",
    "office",
    "manager",
    "emails",
    "phones",
    "photo",
    "preferred_language",
]
"""What of their record people need not see; the user ID and the name are always shown."""
Area = Literal["devices", "activity", "organizations", "terms"]
"""What an organization may leave out. What people defend their account with is none of it."""
PROFILE_FIELDS: tuple[ProfileField, ...] = get_args(ProfileField)
AREAS: tuple[Area, ...] = get_args(Area)


def _fields_in_order(said: tuple[ProfileField, ...]) -> tuple[ProfileField, ...]:
    return tuple(each for each in PROFILE_FIELDS if each in said)


def _areas_in_order(said: tuple[Area, ...]) -> tuple[Area, ...]:
    return tuple(each for each in AREAS if each in said)


class PortalRules(Contract):
    """Who may use the portal, and which fields and areas they see. Admins always may use it.

    `groups` are those whose members may where `access` is `groups`. Fields and areas are said once
    each, in their own order.
    """

    access: PortalAccess = "everyone"
    groups: Groups = ()
    fields: Annotated[tuple[ProfileField, ...], AfterValidator(_fields_in_order)] = PROFILE_FIELDS
    areas: Annotated[tuple[Area, ...], AfterValidator(_areas_in_order)] = AREAS
