"""What has to be accepted before the portal opens, or before an open session goes on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.terms import TermsClient
from services.gateway.errors import TermsRequired
from services.gateway.house_rules import HouseRules
from services.gateway.model import Caller
from shared.contracts.profile import GetPerson
from shared.contracts.refusals import Refusal
from shared.contracts.terms import AskMissing, Demand, Demands, MissingDocument
from shared.lease import Lease

_KNOWN_SECONDS = 300.0
"""For how long sign-ins go by what was required last while that cannot be asked."""
_MOST_HELD = 20_000
Wanted = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class RequiredTerms:
    """Ask what is required once a second, and of each person once for as long as it holds.

    An acceptance cannot be undone, so who had accepted what is demanded has done so until it
    expires. Where nothing is required, nobody is asked about.
    """

    terms: TermsClient
    profile: ProfileClient
    lease: Lease[HouseRules]
    _held: dict[tuple[str, bool, Wanted], float] = field(default_factory=dict)

    async def ready(self, sub: str, organization: str | None) -> None:
        """Raise where it could not be said now what is required."""
        await self._lately_known(organization or await self.organization_of(sub))

    async def before_sign_in(
        self, sub: str, organization: str | None, languages: Sequence[str]
    ) -> tuple[MissingDocument, ...]:
        """Return what a sign-in has to wait for; what cannot be asked now is not passed over."""
        known = organization or await self.organization_of(sub)
        wanted = _wanted((await self._lately_known(known)).items, at_once=False)
        asked = AskMissing(sub=sub, organization=known, languages=tuple(languages))
        return await self._missing(asked, wanted)

    async def check(self, caller: Caller, languages: Sequence[str]) -> None:
        """Raise `terms-required` where an open session has to wait.

        While the profile service is away, it goes by what was required last: each session has come
        through a sign-in, and who cannot accept anything now can still sign out everywhere.
        """
        organization = caller.session.organization
        if organization is None:
            # A session of an account whose organization nobody has said.
            return
        known = await self.lease.known(organization)
        wanted = _wanted(known.demands.items if known is not None else (), at_once=True)
        asked = AskMissing(
            sub=caller.sub, organization=organization, languages=tuple(languages), at_once=True
        )
        missing = await self._missing(asked, wanted)
        if missing:
            raise TermsRequired(terms=[each.model_dump() for each in missing])

    async def organization_of(self, sub: str) -> str:
        """Return whose terms somebody has to accept."""
        return (await self.profile.get(GetPerson(sub=sub))).home_organization.id

    async def _lately_known(self, organization: str) -> Demands:
        """Return what is required. A service that is away for a moment keeps nobody out."""
        try:
            return (await self.lease.of(organization)).demands
        except Refusal as refusal:
            known = self.lease.kept.get(organization)
            if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR or known is None:
                raise
            if self.lease.clock.monotonic() > known[0] + _KNOWN_SECONDS:
                raise
            return known[1].demands

    async def _missing(self, asked: AskMissing, wanted: Wanted) -> tuple[MissingDocument, ...]:
        began = self.lease.clock.monotonic()
        if not wanted or began < self._held.get((asked.sub, asked.at_once, wanted), -math.inf):
            return ()
        found = await self.terms.missing(asked)
        if not found.items:
            if len(self._held) >= _MOST_HELD:
                self._held.clear()
            # It is what was demanded as they were asked about that they have accepted.
            key = (asked.sub, asked.at_once, _wanted(found.demands, at_once=asked.at_once))
            holds = math.inf if found.holds_seconds is None else found.holds_seconds
            self._held[key] = began + holds
        return found.items


def _wanted(demands: Sequence[Demand], *, at_once: bool) -> Wanted:
    if not at_once:
        return tuple((each.id, each.accepted_from) for each in demands)
    return tuple((each.id, each.at_once_from) for each in demands if each.at_once_from is not None)
