"""Accepting what is required in the sign-in that asks for it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Self

from services.gateway.clients.terms import TermsClient
from services.gateway.errors import FlowEnded, TermsDeclined
from services.gateway.model import Flow, FlowKey
from services.gateway.sign_in import Outcome, SignIn
from services.gateway.terms import OwnTerms, TermsAdministration
from shared.contracts.refusals import NotFound, Refusal
from shared.contracts.sessions import Where
from shared.contracts.terms import (
    Decide,
    Decided,
    MissingDocument,
    ReadTerms,
    ReadTermsFile,
    Terms,
    TermsFile,
)

_OVERTAKEN = {"terms-changed", "terms-accepted", "not-found"}
Named = tuple[str, int]


@dataclass(frozen=True)
class TermsAtSignIn:
    """Read what the sign-in waits for, and accept or decline it.

    Whoever is here has shown all that the sign-in takes. What was named and is current is accepted;
    the sign-in goes on, and asks again for what is missing then.
    """

    sign_in: SignIn
    terms: TermsClient

    async def waiting(self, key: FlowKey) -> Flow:
        """Return a flow that waits for terms to be accepted, or raise as `SignIn.flow` does."""
        return await self.sign_in.flow(key, "accept-terms")

    async def documents(self, key: FlowKey, languages: Sequence[str]) -> tuple[Terms, ...]:
        """Return what is to be accepted as it is now, with the texts."""
        flow = await self.waiting(key)
        organization = await self._organization(flow)
        asked = [
            ReadTerms(
                sub=flow.sub, organization=organization, languages=tuple(languages), id=each.id
            )
            for each in flow.terms
        ]
        return tuple(await asyncio.gather(*map(self.terms.read, asked)))

    async def file(self, key: FlowKey, document: str, version: int, language: str) -> TermsFile:
        """Return the PDF of a document that the sign-in waits for."""
        flow = await self.waiting(key)
        if document not in {each.id for each in flow.terms}:
            raise NotFound
        return await self.terms.file(
            ReadTermsFile(
                sub=flow.sub,
                organization=await self._organization(flow),
                id=document,
                version=version,
                language=language,
            )
        )

    async def accept(
        self, key: FlowKey, named: Iterable[Named], where: Where, languages: Sequence[str]
    ) -> Outcome:
        """Accept the versions that are named, as far as they are asked for, and go on, once."""
        flow, named = await self.waiting(key), set(named)
        missing = await self.sign_in.terms.before_sign_in(flow.sub, flow.organization, languages)
        accepted = [each for each in missing if (each.id, each.version) in named]
        await self._decide(flow, accepted, "accepted", where, languages)
        if await self.sign_in.flows.take(key) is None:
            raise FlowEnded
        return await self.sign_in.go_on(flow, key.client, where)

    async def decline(self, key: FlowKey, where: Where, languages: Sequence[str]) -> NoReturn:
        """Decline all of it, which ends the sign-in: raises `TermsDeclined`."""
        flow = await self.waiting(key)
        await self._decide(flow, flow.terms, "declined", where, languages)
        await self.sign_in.flows.drop(key)
        raise TermsDeclined

    async def _decide(
        self,
        flow: Flow,
        documents: Iterable[MissingDocument],
        decision: Decided,
        where: Where,
        languages: Sequence[str],
    ) -> None:
        organization = await self._organization(flow)
        for each in documents:
            asked = Decide(
                sub=flow.sub,
                organization=organization,
                languages=tuple(languages),
                id=each.id,
                version=each.version,
                decision=decision,
                where=where,
                epoch=flow.epoch,
            )
            try:
                await self.terms.decide(asked)
            except Refusal as refusal:
                # Another version was published meanwhile, say. It is asked for anew, or not.
                if refusal.type not in _OVERTAKEN:
                    raise

    async def _organization(self, flow: Flow) -> str:
        return flow.organization or await self.sign_in.terms.organization_of(flow.sub)


@dataclass(frozen=True)
class TermsFlows:
    """Everything that is done about terms of use, over the API and on pages alike."""

    own: OwnTerms
    at_sign_in: TermsAtSignIn
    administration: TermsAdministration

    @classmethod
    def of(cls, sign_in: SignIn) -> Self:
        """Return it beside the sign-in, which goes by the same terms."""
        required = sign_in.terms
        return cls(
            OwnTerms(required.terms, sign_in.sessions, required),
            TermsAtSignIn(sign_in, required.terms),
            TermsAdministration(required.terms, required),
        )
