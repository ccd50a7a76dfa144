"""What of the portal is there for somebody, by their organization's policy."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from services.gateway.clients.profile import ProfileClient
from services.gateway.errors import NotAllowedByPolicy
from services.gateway.house_rules import HouseRules
from services.gateway.model import Caller
from services.gateway.records import record_of
from shared.contracts.policy import KeptPortalPolicy
from shared.contracts.portal import AREAS, Area, ProfileField
from shared.contracts.profile import Helpdesk
from shared.contracts.records import OfRecord
from shared.contracts.refusals import Unavailable
from shared.lease import Lease

_MOST_PEOPLE = 20_000
_ADDRESSES: Mapping[Area, tuple[str, ...]] = {
    "devices": ("/api/v1/me/devices", "/devices"),
    "activity": ("/api/v1/me/sign-ins", "/activity"),
    "organizations": ("/api/v1/me/organizations", "/api/v1/me/invitations", "/organizations"),
    "terms": ("/api/v1/me/terms", "/terms"),
}
_OF_NO_AREA = ("/api/v1/me/devices/forget-trust",)
"""It belongs to security information, where its button is."""
_FOR_EVERYBODY = (
    *("/api/v1/sign-out", "/api/v1/me/sign-out-everywhere", "/api/v1/me/receipts"),
    *("/api/v1/me/events", "/sign-out", "/sign-out-everywhere", "/receipts", "/photo"),
)
"""How what was signed in is ended, followed and proved, whoever may use the portal."""


def area_of(path: str) -> Area | None:
    """Return the area that a call or a page belongs to; None where it is always there."""
    if path in _OF_NO_AREA:
        return None
    return next((area for area, there in _ADDRESSES.items() if _is_below(path, there)), None)


def is_for_everybody(path: str) -> bool:
    """Tell whether a call or a page is there for who may not use the portal, too."""
    return _is_below(path, _FOR_EVERYBODY)


def _is_below(path: str, addresses: Collection[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in addresses)


@dataclass(frozen=True)
class Opening:
    """Whether the portal is open to somebody, with which areas, and whom to ask about the rest."""

    is_open: bool = True
    areas: tuple[Area, ...] = AREAS
    helpdesk: Helpdesk | None = None

    def refusal(self, withheld: str) -> NotAllowedByPolicy:
        """Return the refusal of what is withheld: the `portal`, an area or a field."""
        return withholding(withheld, self.helpdesk)


@dataclass(frozen=True)
class PortalAccess:
    """Go by an organization's policy, and by what decides about each person under it.

    Where not everyone is let in, each record is asked for once a second. While the profile service
    is away, what it said last holds.
    """

    rules: Lease[HouseRules]
    records: Lease[OfRecord]

    @classmethod
    def of(cls, rules: Lease[HouseRules], profile: ProfileClient) -> Self:
        """Return it over the service."""

        async def record(sub: str) -> OfRecord:
            return await record_of(profile, sub)

        return cls(rules, Lease(record, rules.clock, rules.pause, most_keys=_MOST_PEOPLE))

    async def opening(self, caller: Caller) -> Opening:
        """Return what is there for a caller.

        Where nothing was ever known of it, everything is: what is here is the caller's own, and
        nobody is to be kept from defending it by a service that has not come up yet.
        """
        organization = caller.session.organization
        known = await self.rules.known(organization) if organization is not None else None
        if known is None:
            return Opening()
        policy = known.portal
        return Opening(await self._admits(policy, caller.sub), policy.areas, policy.helpdesk)

    async def _admits(self, policy: KeptPortalPolicy, sub: str) -> bool:
        if policy.access == "everyone":
            return True
        record = await self.records.known(sub)
        # An admin who kept themselves out could not let anybody in again.
        return record is None or record.for_admin or not {*policy.groups}.isdisjoint(record.groups)

    async def fields(self, organization: str) -> tuple[ProfileField, ...]:
        """Return what of their records an organization's people are shown, or raise."""
        return (await self._policy(organization)).fields

    async def check_field(self, organization: str, field: ProfileField) -> None:
        """Raise `not-allowed-by-policy` where a field is not shown."""
        policy = await self._policy(organization)
        if field not in policy.fields:
            raise withholding(field, policy.helpdesk)

    async def lapse(self) -> None:
        """Return once what was put before this call is what everybody goes by."""
        await self.rules.lapse()

    async def _policy(self, organization: str) -> KeptPortalPolicy:
        known = await self.rules.known(organization)
        if known is None:
            raise Unavailable
        return known.portal


def withholding(withheld: str, helpdesk: Helpdesk | None) -> NotAllowedByPolicy:
    """Return the refusal of what an organization withholds, with whom to ask about it."""
    refusal = NotAllowedByPolicy(withheld=withheld)
    return refusal if helpdesk is None else refusal.because(helpdesk=helpdesk.model_dump())
