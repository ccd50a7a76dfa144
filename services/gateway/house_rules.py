"""What an organization says about all its people, which every request goes by."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.terms import TermsClient
from shared.clock import Clock
from shared.contracts.policy import KeptPortalPolicy, ReadPolicy
from shared.contracts.profile import Helpdesk
from shared.contracts.refusals import NotFound, Refusal
from shared.contracts.terms import AskDemand, Demands
from shared.lease import Lease


@dataclass(frozen=True)
class HouseRules:
    """Who may use the portal and what it shows, and the terms that are required."""

    portal: KeptPortalPolicy
    demands: Demands


def lease_of_rules(
    profile: ProfileClient,
    terms: TermsClient,
    clock: Clock,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Lease[HouseRules]:
    """Return what asks for each organization's rules once a second, for everything at a time."""

    async def portal(organization: str) -> KeptPortalPolicy:
        try:
            return await profile.policy(ReadPolicy(organization=organization))
        except Refusal as refusal:
            if refusal.type != NotFound.type:
                raise
            # Whoever belongs to an organization that is not there has no record there either.
            return KeptPortalPolicy(helpdesk=Helpdesk())

    async def read(organization: str) -> HouseRules:
        asked = AskDemand(organization=organization)
        return HouseRules(*await asyncio.gather(portal(organization), terms.demands(asked)))

    return Lease(read, clock, pause)
