"""How far somebody who is signed in gets: what is open to them, and what they have to accept."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.errors import TermsRequired
from services.gateway.model import Caller
from services.gateway.portal_access import Opening, PortalAccess, area_of, is_for_everybody
from services.gateway.required_terms import RequiredTerms


@dataclass(frozen=True)
class Admission:
    """Look at each request once, whether it is for the API or for a page."""

    portal: PortalAccess
    terms: RequiredTerms

    async def admit(
        self, caller: Caller, path: str, languages: Sequence[str], *, before_terms: bool = False
    ) -> Opening:
        """Return what is open to a caller, or raise where this is not.

        Raise `not-allowed-by-policy` where policy withholds it, and `terms-required` where it has
        to wait for an acceptance, as all does that is not there `before_terms`.
        """
        opening = await self.portal.opening(caller)
        if not opening.is_open:
            if not is_for_everybody(path):
                raise opening.refusal("portal")
            # Whoever gets no further could not accept anything either.
            return opening
        area = area_of(path)
        if area is not None and area not in opening.areas:
            if area != "terms" or not await self._has_to_accept(caller, languages):
                raise opening.refusal(area)
        elif not before_terms:
            await self.terms.check(caller, languages)
        return opening

    async def _has_to_accept(self, caller: Caller, languages: Sequence[str]) -> bool:
        try:
            await self.terms.check(caller, languages)
        except TermsRequired:
            return True
        return False
