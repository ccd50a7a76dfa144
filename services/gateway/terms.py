"""Terms of use: one's own, and those that an organization's admins write."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from services.gateway.clients.sessions import SessionsClient
from services.gateway.clients.terms import TermsClient
from services.gateway.markdown import require_simple
from services.gateway.model import Caller, acting
from services.gateway.required_terms import RequiredTerms
from services.gateway.terms_form import PdfBody
from shared.contracts import terms as contract
from shared.contracts.profile import Person
from shared.contracts.refusals import NotFound, Refusal
from shared.contracts.sessions import EndSession

Languages = tuple[str, ...]
_PAGE = 200


@dataclass(frozen=True)
class OwnTerms:
    """Read and decide about the terms of one's own organization."""

    terms: TermsClient
    sessions: SessionsClient
    required: RequiredTerms

    async def in_force(self, caller: Caller, languages: Languages) -> contract.TermsItems:
        """Return all documents that are in force."""
        return await self.terms.in_force(
            contract.Member(
                sub=caller.sub, organization=await self._organization(caller), languages=languages
            )
        )

    async def read(
        self, caller: Caller, document: str, languages: Languages, version: int | None = None
    ) -> contract.Terms:
        """Return a document with its text: the current version, or one that was decided about."""
        return await self.terms.read(
            contract.ReadTerms(
                sub=caller.sub,
                organization=await self._organization(caller),
                languages=languages,
                id=document,
                version=version,
            )
        )

    async def file(
        self, caller: Caller, document: str, language: str, version: int | None = None
    ) -> contract.TermsFile:
        """Return the PDF that such a version says in a language."""
        return await self.terms.file(
            contract.ReadTermsFile(
                sub=caller.sub,
                organization=await self._organization(caller),
                id=document,
                version=version,
                language=language,
            )
        )

    async def history(
        self, caller: Caller, *, limit: int = 50, after: str | None = None
    ) -> contract.Decisions:
        """Return a page of what the caller has decided, the newest first."""
        return await self.terms.history(
            contract.ReadHistory(
                sub=caller.sub,
                organization=await self._organization(caller),
                limit=limit,
                after=after,
            )
        )

    async def accept(
        self, caller: Caller, document: str, version: int, languages: Languages
    ) -> contract.TermsItem:
        """Accept the version that was read, for good, or raise where it is not the current one."""
        return await self._decide(caller, document, version, "accepted", languages)

    async def decline(
        self, caller: Caller, document: str, version: int, languages: Languages
    ) -> contract.TermsItem:
        """Decline it. Where it is required and nothing else holds, the session ends with that."""
        item = await self._decide(caller, document, version, "declined", languages)
        if item.to_accept:
            await self._end_session(caller)
        return item

    async def _end_session(self, caller: Caller) -> None:
        ended = EndSession(sub=caller.sub, sid=caller.session.sid, cause="signed-out")
        try:
            await self.sessions.end(ended)
        except Refusal as refusal:
            # Of two that decline at once, one finds that the other has ended it.
            if refusal.type != NotFound.type:
                raise

    async def _decide(
        self,
        caller: Caller,
        document: str,
        version: int,
        decision: contract.Decided,
        languages: Languages,
    ) -> contract.TermsItem:
        return await self.terms.decide(
            contract.Decide(
                sub=caller.sub,
                organization=await self._organization(caller),
                languages=languages,
                id=document,
                version=version,
                decision=decision,
                where=caller.where,
            )
        )

    async def _organization(self, caller: Caller) -> str:
        known = caller.session.organization
        return known or await self.required.organization_of(caller.sub)


@dataclass(frozen=True)
class TermsAdministration:
    """Write, publish and follow the terms of an admin's own organization."""

    terms: TermsClient
    required: RequiredTerms

    async def documents(self, admin: Person, languages: Languages = ()) -> contract.DocumentItems:
        """Return all documents, with their titles in a language that is read, else the first."""
        return await self.terms.documents(
            contract.ListDocuments(organization=admin.home_organization.id, languages=languages)
        )

    async def read(
        self, admin: Person, document: str, languages: Languages = ()
    ) -> contract.Document:
        """Return one of them, with its titles in a language that is read, else the first."""
        return await self.terms.document(
            contract.ReadDocument(
                organization=admin.home_organization.id, id=document, languages=languages
            )
        )

    async def add(
        self, admin: Person, content: contract.TermsContent, said: PdfBody | None = None
    ) -> contract.Document:
        """Begin a document with the draft of its first version, which may say a PDF as well."""
        await _require_simple(content)
        return await self.terms.add(
            contract.AddDocument(
                **content.model_dump(),
                by=acting(admin),
                file=contract.BringPdf(**said.model_dump()) if said is not None else None,
            )
        )

    async def put_draft(
        self,
        admin: Person,
        document: str,
        content: contract.TermsContent,
        replaces: tuple[int, ...] | None = None,
    ) -> contract.Document:
        """Replace the draft, or begin one, if the document is at one of these revisions."""
        await _require_simple(content)
        return await self.terms.put_draft(
            contract.PutDraft(
                organization=admin.home_organization.id,
                id=document,
                content=content,
                replaces=replaces,
                by=acting(admin),
            )
        )

    async def put_pdf(
        self,
        admin: Person,
        document: str,
        said: PdfBody,
        replaces: tuple[int, ...] | None = None,
    ) -> contract.Document:
        """Let the draft say a PDF in a language, or raise what is wrong with the file."""
        return await self.terms.put_pdf(
            contract.PutPdf(
                organization=admin.home_organization.id,
                id=document,
                replaces=replaces,
                by=acting(admin),
                file=contract.BringPdf(**said.model_dump()),
            )
        )

    async def file(
        self, admin: Person, document: str, language: str, version: int | None = None
    ) -> contract.TermsFile:
        """Return the PDF that a version, or the newest, says in a language."""
        return await self.terms.document_file(
            contract.ReadDocumentFile(
                organization=admin.home_organization.id,
                id=document,
                version=version,
                language=language,
            )
        )

    async def drop_draft(
        self, admin: Person, document: str, replaces: tuple[int, ...] | None = None
    ) -> None:
        """Delete the draft."""
        await self.terms.drop_draft(
            contract.ChangeDocument(
                organization=admin.home_organization.id,
                id=document,
                replaces=replaces,
                by=acting(admin),
            )
        )

    async def publish(
        self,
        admin: Person,
        document: str,
        *,
        effective_at: datetime | None = None,
        replaces: tuple[int, ...] | None = None,
    ) -> contract.Document:
        """Put the draft in force. When this returns, it holds for every sign-in and session."""
        published = await self.terms.publish(
            contract.PublishDraft(
                organization=admin.home_organization.id,
                id=document,
                effective_at=effective_at,
                replaces=replaces,
                by=acting(admin),
            )
        )
        await self.required.lease.lapse()
        return published

    async def acceptances(
        self,
        admin: Person,
        document: str,
        status: contract.Status,
        *,
        limit: int = 50,
        after: str | None = None,
    ) -> contract.Acceptances:
        """Return a page of who stands where with the current version."""
        return await self.terms.acceptances(
            contract.ListAcceptances(
                organization=admin.home_organization.id,
                id=document,
                status=status,
                limit=limit,
                after=after,
            )
        )

    async def exported(
        self, admin: Person, document: str
    ) -> AsyncIterator[contract.ExportedDecisions | contract.Acceptances]:
        """Return page by page all that was decided, the oldest first, then who is missing.

        What is decided meanwhile comes at the end, or who decides between the two would be in none.
        """
        current = (await self.read(admin, document)).current
        reached, told = None, 0
        async for decided in self._decided(admin, document):
            yield decided
            reached, told = (decided.next, 0) if decided.next else (reached, len(decided.items))
        after = None
        while current is not None:
            page = await self.acceptances(admin, document, "missing", limit=_PAGE, after=after)
            items = (each.model_copy(update={"version": current}) for each in page.items)
            yield page.model_copy(update={"items": tuple(items)})
            after = page.next
            if after is None:
                break
        async for late in self._decided(admin, document, after=reached):
            yield late.model_copy(update={"items": late.items[told:]})
            told = 0

    async def _decided(
        self, admin: Person, document: str, *, after: str | None = None
    ) -> AsyncIterator[contract.ExportedDecisions]:
        while True:
            page = await self.terms.export(
                contract.ExportDecisions(
                    organization=admin.home_organization.id, id=document, limit=_PAGE, after=after
                )
            )
            yield page
            after = page.next
            if after is None:
                return


async def _require_simple(content: contract.TermsContent) -> None:
    await require_simple(each.text for each in content.texts if each.text is not None)
