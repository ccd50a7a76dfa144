"""Terms of use, as the admins of an organization write and publish them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from services.profile.documents import Decision, Document, Standing, Version, first_draft
from services.profile.errors import NoSuchTerms, TooManyTerms, UnknownPdf
from services.profile.model import PersonRecord
from services.profile.pdf import PdfFile
from services.profile.store import PeopleStore
from services.profile.store_terms import TermsStore, TermsTransaction
from services.profile.terms import file_of, shown
from shared.clock import Clock
from shared.contracts import terms as contract
from shared.contracts.audit import Actor, Details
from shared.contracts.body import Done
from shared.contracts.events import Audited

_BATCH = 200
_MOST_LOOKED_THROUGH = 5 * _BATCH


@dataclass(frozen=True)
class _Brought:
    """A file, and the text that names it."""

    pdf: PdfFile
    text: contract.TermsText

    @classmethod
    def of(cls, file: contract.BringPdf) -> Self:
        """Return it, or raise what is wrong with the file."""
        pdf = PdfFile.of(file.content)
        said = {"language": file.language, "title": file.title, "pdf": pdf.sha256}
        return cls(pdf, contract.TermsText(**said))

    def among(self, texts: tuple[contract.TermsText, ...]) -> tuple[contract.TermsText, ...]:
        """Return the texts with it in place of that in its language, or at the end."""
        languages = [each.language.lower() for each in texts]
        language = self.text.language.lower()
        place = languages.index(language) if language in languages else len(texts)
        return (*texts[:place], self.text, *texts[place + 1 :])


@dataclass(frozen=True)
class TermsAdministration:
    """Write, publish and look through. What was published is never changed.

    `store` has the documents and `people` whose organization it is.
    """

    store: TermsStore
    people: PeopleStore
    clock: Clock

    async def documents(self, asked: contract.ListDocuments) -> contract.DocumentItems:
        """Return an organization's documents."""
        documents = await self.store.documents(asked.organization)
        items = (contract.DocumentItem(**_named(each, asked.languages)) for each in documents)
        return contract.DocumentItems(items=tuple(sorted(items, key=lambda each: each.title)))

    async def read(self, asked: contract.ReadDocument) -> contract.Document:
        """Return one of them."""
        document = await self.store.document(asked.organization, asked.id)
        if document is None:
            raise NoSuchTerms
        return await self._shown(document, asked.languages)

    async def add(self, asked: contract.AddDocument) -> contract.Document:
        """Begin a document."""
        brought = _Brought.of(asked.file) if asked.file is not None else None
        texts = brought.among(asked.texts) if brought is not None else asked.texts
        draft = first_draft(asked.by.organization, asked.model_copy(update={"texts": texts}))
        _require_pdfs(draft, {brought.pdf.sha256} if brought is not None else set())

        async def work(tx: TermsTransaction) -> None:
            if await tx.count(draft.organization) >= contract.MostDocuments:
                raise TooManyTerms
            if brought is not None:
                await tx.put_pdf(draft.document, brought.pdf)
            await tx.put_draft(draft, texts)
            await self._tell(tx, asked.by, "add-terms", draft)

        await self.store.in_transaction(work)
        return await self._found(draft)

    async def put_draft(self, asked: contract.PutDraft) -> contract.Document:
        """Replace the draft, or begin one after the newest version."""

        async def work(tx: TermsTransaction) -> Version:
            document = await _asked_for(tx, asked)
            return await self._draft(tx, asked.by, document, asked.content)

        return await self._found(await self.store.in_transaction(work))

    async def put_pdf(self, asked: contract.PutPdf) -> contract.Document:
        """Let the draft say a PDF in place of what it says in that language, or at the end."""
        brought = _Brought.of(asked.file)

        async def work(tx: TermsTransaction) -> Version:
            document = await _asked_for(tx, asked)
            newest = document.newest
            texts = brought.among(await tx.texts(newest.document, newest.number))
            await tx.put_pdf(document.id, brought.pdf)
            content = _content(newest, texts)
            return await self._draft(tx, asked.by, document, content, brought.pdf.sha256)

        return await self._found(await self.store.in_transaction(work))

    async def file(self, asked: contract.ReadDocumentFile) -> contract.TermsFile:
        """Return the PDF that a version says in a language."""
        document = await self.store.document(asked.organization, asked.id)
        if document is None:
            raise NoSuchTerms
        return await file_of(self.store, document.version(asked.version), asked.language)

    async def drop_draft(self, asked: contract.ChangeDocument) -> Done:
        """Delete the draft, and the document with it where nothing was ever published."""

        async def work(tx: TermsTransaction) -> None:
            document = await _asked_for(tx, asked)
            draft = document.known_draft()
            await tx.drop_draft(draft)
            await tx.drop_pdfs(document.id, document.left_out(None))
            await self._tell(tx, asked.by, "delete-terms-draft", draft)

        await self.store.in_transaction(work)
        return Done()

    async def publish(self, asked: contract.PublishDraft) -> contract.Document:
        """Put the draft in force; a time that is past means now, by the store's clock."""

        async def work(tx: TermsTransaction) -> Version:
            published = (await _asked_for(tx, asked)).to_publish()
            await tx.publish(published, asked.effective_at)
            await self._tell(tx, asked.by, "publish-terms", published)
            return published

        return await self._found(await self.store.in_transaction(work))

    async def acceptances(self, asked: contract.ListAcceptances) -> contract.Acceptances:
        """Return who stands where, of as many people as are looked through at once."""
        document = await self.store.document(asked.organization, asked.id)
        if document is None or document.current is None:
            raise NoSuchTerms
        found: list[contract.Acceptance] = []
        after, looked = asked.after, 0
        while looked < _MOST_LOOKED_THROUGH:
            page = await self.people.people(asked.organization, after=after, limit=_BATCH)
            for person, standing in await self._standings(document, page):
                if standing.status == asked.status:
                    found.append(_acceptance(person, standing))
                after, looked = person.sub, looked + 1
                if len(found) == asked.limit:
                    return contract.Acceptances(items=tuple(found), next=after)
            if len(page) < _BATCH:
                return contract.Acceptances(items=tuple(found))
        return contract.Acceptances(items=tuple(found), next=after)

    async def export(self, asked: contract.ExportDecisions) -> contract.ExportedDecisions:
        """Return a page of everything that was ever decided about a document."""
        if await self.store.document(asked.organization, asked.id) is None:
            raise NoSuchTerms
        page = await self.store.decisions_about(asked.id, after=asked.after, limit=asked.limit)
        persons = await self.people.persons_of({each.sub for each in page})
        known = {each.sub: each for each in persons}
        return contract.ExportedDecisions(
            items=tuple(_exported(each, known.get(each.sub)) for each in page),
            next=page[-1].key if len(page) == asked.limit else None,
        )

    async def _standings(
        self, document: Document, people: list[PersonRecord]
    ) -> list[tuple[PersonRecord, Standing]]:
        subs = {each.sub for each in people}
        decided = await self.store.decisions_of(subs, document.id)
        return [
            (each, Standing(document, tuple(made for made in decided if made.sub == each.sub)))
            for each in people
        ]

    async def _found(self, version: Version) -> contract.Document:
        return await self.read(
            contract.ReadDocument(organization=version.organization, id=version.document)
        )

    async def _shown(self, document: Document, languages: Iterable[str]) -> contract.Document:
        newest = document.newest
        return contract.Document(
            **_named(document, languages),
            content=_content(newest, await self.store.texts(newest.document, newest.number)),
            versions=tuple(
                _published(each, languages) for each in document.versions if not each.is_draft
            ),
        )

    async def _draft(
        self,
        tx: TermsTransaction,
        by: Actor,
        document: Document,
        content: contract.TermsContent,
        *brought: str,
    ) -> Version:
        """Keep a draft, which may say the PDFs that the document has or that were just brought."""
        draft = document.drafted(content)
        _require_pdfs(draft, document.pdfs | {*brought})
        await tx.put_draft(draft, content.texts)
        await tx.drop_pdfs(document.id, document.left_out(draft))
        await self._tell(tx, by, "change-terms", draft)
        return draft

    async def _tell(self, tx: TermsTransaction, by: Actor, action: str, version: Version) -> None:
        details: Details = {"document": version.document, "version": version.number}
        await tx.emit(Audited.of(by, action, at=self.clock.now(), details=details))


async def _asked_for(tx: TermsTransaction, asked: contract.ChangeDocument) -> Document:
    document = await tx.document(asked.organization, asked.id)
    if document is None:
        raise NoSuchTerms
    document.require(asked.replaces)
    return document


def _named(document: Document, languages: Iterable[str]) -> dict[str, Any]:
    titles = document.newest.titles
    return {
        "id": document.id,
        "title": titles[document.newest.language(languages)] if titles else "",
        "required": (document.current or document.newest).required,
        "current": document.current.number if document.current is not None else None,
        "draft": document.draft.number if document.draft is not None else None,
        "revision": document.newest.revision,
    }


def _content(version: Version, texts: tuple[contract.TermsText, ...]) -> contract.TermsContent:
    return contract.TermsContent(
        required=version.required,
        re_accept=version.re_accept,
        valid_days=version.valid_days,
        texts=texts,
    )


def _require_pdfs(draft: Version, there: set[str]) -> None:
    if not there.issuperset(draft.pdfs.values()):
        raise UnknownPdf


def _published(version: Version, languages: Iterable[str]) -> contract.PublishedVersion:
    return contract.PublishedVersion(
        version=version.number,
        required=version.required,
        re_accept=version.re_accept,
        valid_days=version.valid_days,
        title=version.titles[version.language(languages)],
        languages=tuple(version.titles),
        published_at=version.published_at,
        effective_at=version.effective_at,
    )


def _acceptance(person: PersonRecord, standing: Standing) -> contract.Acceptance:
    made = standing.holding if standing.status == "accepted" else None
    if standing.status == "declined":
        made = standing.declined
    return contract.Acceptance(
        sub=person.sub,
        user_id=person.record.user_id,
        display_name=person.record.display_name,
        status=standing.status,
        version=made.version if made is not None else None,
        language=made.language if made is not None else None,
        at=made.at if made is not None else None,
        expires_at=made.expires_at if made is not None else None,
    )


def _exported(decision: Decision, person: PersonRecord | None) -> contract.ExportedDecision:
    return contract.ExportedDecision(
        **shown(decision).model_dump(),
        sub=decision.sub,
        user_id=person.record.user_id if person is not None else None,
        display_name=person.record.display_name if person is not None else None,
        address=decision.where.address,
        user_agent=decision.where.user_agent,
    )
