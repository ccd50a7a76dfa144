"""What is kept of terms of use, in the words of their trade."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from services.profile.documents import Decision, Document, Standing, Version
from services.profile.pdf import PdfFile
from shared.contracts.events import Event
from shared.contracts.terms import TermsText

T = TypeVar("T")


class TermsTransaction(Protocol):
    """Changes to terms of use that hold together."""

    async def document(self, organization: str, document_id: str) -> Document | None:
        """Return a document as of this moment, by the store's clock."""
        ...

    async def standing(self, organization: str, document_id: str, sub: str) -> Standing | None:
        """Return the same with what a subject decided about it."""
        ...

    async def epoch_of(self, sub: str) -> int:
        """Return the security epoch of a subject."""
        ...

    async def decide(self, made: Decision) -> None:
        """Keep a decision, once."""
        ...

    async def count(self, organization: str) -> int:
        """Return how many documents an organization has."""
        ...

    async def put_draft(self, draft: Version, texts: Sequence[TermsText]) -> None:
        """Keep a draft in place of the revision before it, or raise `ChangedMeanwhile`."""
        ...

    async def texts(self, document_id: str, version: int) -> tuple[TermsText, ...]:
        """Return what a version says in all its languages, in their order."""
        ...

    async def put_pdf(self, document_id: str, pdf: PdfFile) -> None:
        """Keep a PDF of a document, under what it is known by."""
        ...

    async def drop_pdfs(self, document_id: str, pdfs: Collection[str]) -> None:
        """Delete PDFs of a document that none of its versions says."""
        ...

    async def drop_draft(self, draft: Version) -> None:
        """Delete a draft, or raise `ChangedMeanwhile` where it is none any more.

        The version before it takes the next revision, so that no other draft ever has this one's.
        """
        ...

    async def publish(self, draft: Version, effective_at: datetime | None) -> None:
        """Let the draft be in force from a time on, now at the earliest, or raise the same."""
        ...

    async def emit(self, event: Event) -> None:
        """Tell of the change, once it is committed."""
        ...


class TermsStore(Protocol):
    """Terms of use in their versions, and decisions about them, to which more are only added."""

    async def in_transaction(self, work: Callable[[TermsTransaction], Awaitable[T]]) -> T:
        """Do the work in one transaction; it may be called again."""
        ...

    async def documents(self, organization: str) -> list[Document]:
        """Return an organization's documents as of this moment, by the store's clock."""
        ...

    async def document(self, organization: str, document_id: str) -> Document | None:
        """Return one of them."""
        ...

    async def standing(self, organization: str, document_id: str, sub: str) -> Standing | None:
        """Return one of them with what a subject decided about it."""
        ...

    async def texts(self, document_id: str, version: int) -> tuple[TermsText, ...]:
        """Return what a version says in all its languages, in their order."""
        ...

    async def pdf(self, document_id: str, sha256: str) -> PdfFile | None:
        """Return one of the PDFs of a document."""
        ...

    async def decisions_by(self, sub: str) -> list[Decision]:
        """Return everything that a subject decided, by document, the oldest first."""
        ...

    async def decisions_of(self, subs: Collection[str], document_id: str) -> list[Decision]:
        """Return what these people decided about a document, the oldest of each first."""
        ...

    async def decisions_about(
        self, document_id: str, *, after: str | None, limit: int
    ) -> list[Decision]:
        """Return a page of what was decided about a document, the oldest first, after one of it.

        Raise `UnknownCursor` where that is none of them.
        """
        ...
