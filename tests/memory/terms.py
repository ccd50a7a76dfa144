"""Terms of use, in memory."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from services.profile.documents import Decision, Document, Standing, Version
from services.profile.pdf import PdfFile
from services.profile.store_terms import TermsTransaction
from shared.contracts.events import Event
from shared.contracts.refusals import ChangedMeanwhile, UnknownCursor
from shared.contracts.terms import TermsText
from tests.memory.epochs import MemoryEpochs

T = TypeVar("T")
Key = tuple[str, int]


@dataclass
class MemoryTerms:
    """Versions by document and number, decisions by their key; it is its own transaction."""

    epochs: MemoryEpochs = field(default_factory=MemoryEpochs)
    versions: dict[Key, Version] = field(default_factory=dict)
    said: dict[Key, tuple[TermsText, ...]] = field(default_factory=dict)
    pdfs: dict[tuple[str, str], PdfFile] = field(default_factory=dict)
    decided: dict[str, Decision] = field(default_factory=dict)
    outbox: dict[str, Event] = field(default_factory=dict)

    async def in_transaction(self, work: Callable[[TermsTransaction], Awaitable[T]]) -> T:
        """Do the work, all or nothing."""
        tables = (self.versions, self.said, self.pdfs, self.decided, self.outbox)
        async with self.epochs.transaction(*tables):
            return await work(self)

    async def documents(self, organization: str) -> list[Document]:
        """Look through all."""
        found: dict[str, list[Version]] = {}
        for (document, _), version in sorted(self.versions.items()):
            if version.organization == organization:
                found.setdefault(document, []).append(version)
        now = self.epochs.clock.now()
        return [Document(tuple(each), now) for each in found.values()]

    async def document(self, organization: str, document_id: str) -> Document | None:
        """Look through all."""
        found = await self.documents(organization)
        return next((each for each in found if each.id == document_id), None)

    async def standing(self, organization: str, document_id: str, sub: str) -> Standing | None:
        """Look through all."""
        document = await self.document(organization, document_id)
        if document is None:
            return None
        return Standing(document, tuple(await self.decisions_of({sub}, document_id)))

    async def texts(self, document_id: str, version: int) -> tuple[TermsText, ...]:
        """Look it up."""
        return self.said.get((document_id, version), ())

    async def pdf(self, document_id: str, sha256: str) -> PdfFile | None:
        """Look it up."""
        return self.pdfs.get((document_id, sha256))

    async def put_pdf(self, document_id: str, pdf: PdfFile) -> None:
        """Keep it."""
        self.pdfs[(document_id, pdf.sha256)] = pdf

    async def drop_pdfs(self, document_id: str, pdfs: Collection[str]) -> None:
        """Delete them."""
        for each in pdfs:
            self.pdfs.pop((document_id, each), None)

    async def decisions_by(self, sub: str) -> list[Decision]:
        """Look through all."""
        return [each for each in self.decided.values() if each.sub == sub]

    async def decisions_of(self, subs: Collection[str], document_id: str) -> list[Decision]:
        """Look through all."""
        about = (each for each in self.decided.values() if each.document == document_id)
        return [each for each in about if each.sub in subs]

    async def decisions_about(
        self, document_id: str, *, after: str | None, limit: int
    ) -> list[Decision]:
        """Return a page."""
        about = [each for each in self.decided.values() if each.document == document_id]
        about.sort(key=lambda each: (each.at, each.key))
        keys = [each.key for each in about]
        if after is not None and after not in keys:
            raise UnknownCursor
        begin = keys.index(after) + 1 if after is not None else 0
        return about[begin : begin + limit]

    async def epoch_of(self, sub: str) -> int:
        """Return it."""
        return self.epochs.current(sub)

    async def decide(self, made: Decision) -> None:
        """Keep it."""
        self.decided[made.key] = made

    async def count(self, organization: str) -> int:
        """Look through all."""
        return len(await self.documents(organization))

    async def put_draft(self, draft: Version, texts: Sequence[TermsText]) -> None:
        """Replace the revision before this one."""
        key = (draft.document, draft.number)
        if key in self.versions:
            self._require(key, draft.revision - 1)
        self.versions[key], self.said[key] = draft, tuple(texts)

    async def drop_draft(self, draft: Version) -> None:
        """Delete this very revision, and let that of the document rise."""
        key, before = (draft.document, draft.number), (draft.document, draft.number - 1)
        self._require(key, draft.revision)
        del self.versions[key], self.said[key]
        if before in self.versions:
            risen = replace(self.versions[before], revision=draft.revision + 1)
            self.versions[before] = risen

    async def publish(self, draft: Version, effective_at: datetime | None) -> None:
        """Date it."""
        key, now = (draft.document, draft.number), self.epochs.clock.now()
        self._require(key, draft.revision - 1)
        effective = max(now, effective_at or now)
        self.versions[key] = replace(draft, published_at=now, effective_at=effective)

    async def emit(self, event: Event) -> None:
        """Keep the event."""
        self.outbox[event.id] = event

    def _require(self, key: Key, revision: int) -> None:
        known = self.versions.get(key)
        if known is None or known.revision != revision or not known.is_draft:
            raise ChangedMeanwhile
