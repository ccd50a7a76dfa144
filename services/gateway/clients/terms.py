"""The profile service's part for terms of use."""

from dataclasses import dataclass

from services.gateway.clients.peer import Peer
from shared.contracts import terms as contract
from shared.contracts.body import Done


@dataclass(frozen=True)
class TermsClient:
    """One method per call of its contract."""

    peer: Peer

    async def demands(self, asked: contract.AskDemand) -> contract.Demands:
        """Return what an organization requires."""
        return await self.peer.ask("/terms/demands", asked, contract.Demands, safe=True)

    async def missing(self, asked: contract.AskMissing) -> contract.Missing:
        """Return what somebody has to accept first."""
        return await self.peer.ask("/terms/missing", asked, contract.Missing, safe=True)

    async def in_force(self, asked: contract.Member) -> contract.TermsItems:
        """Return the documents that somebody may decide about."""
        return await self.peer.ask("/terms/list", asked, contract.TermsItems, safe=True)

    async def read(self, asked: contract.ReadTerms) -> contract.Terms:
        """Return a document with its text."""
        return await self.peer.ask("/terms/read", asked, contract.Terms, safe=True)

    async def file(self, asked: contract.ReadTermsFile) -> contract.TermsFile:
        """Return the PDF of a version that somebody may read."""
        return await self.peer.ask("/terms/file", asked, contract.TermsFile, safe=True)

    async def decide(self, asked: contract.Decide) -> contract.TermsItem:
        """Accept or decline a version; the same again changes nothing."""
        return await self.peer.ask("/terms/decide", asked, contract.TermsItem, safe=True)

    async def history(self, asked: contract.ReadHistory) -> contract.Decisions:
        """Return a page of what somebody decided."""
        return await self.peer.ask("/terms/history", asked, contract.Decisions, safe=True)

    async def documents(self, asked: contract.ListDocuments) -> contract.DocumentItems:
        """Return an organization's documents."""
        return await self.peer.ask("/terms/documents", asked, contract.DocumentItems, safe=True)

    async def document(self, asked: contract.ReadDocument) -> contract.Document:
        """Return one of them."""
        return await self.peer.ask("/terms/documents/read", asked, contract.Document, safe=True)

    async def add(self, asked: contract.AddDocument) -> contract.Document:
        """Begin a document."""
        return await self.peer.ask("/terms/documents/add", asked, contract.Document)

    async def put_draft(self, asked: contract.PutDraft) -> contract.Document:
        """Replace the draft, or begin one."""
        return await self.peer.ask("/terms/documents/put-draft", asked, contract.Document)

    async def put_pdf(self, asked: contract.PutPdf) -> contract.Document:
        """Let the draft say a PDF in a language."""
        return await self.peer.ask("/terms/documents/put-pdf", asked, contract.Document)

    async def document_file(self, asked: contract.ReadDocumentFile) -> contract.TermsFile:
        """Return the PDF of a version, draft or not."""
        return await self.peer.ask("/terms/documents/file", asked, contract.TermsFile, safe=True)

    async def drop_draft(self, asked: contract.ChangeDocument) -> Done:
        """Delete the draft."""
        return await self.peer.ask("/terms/documents/drop-draft", asked, Done)

    async def publish(self, asked: contract.PublishDraft) -> contract.Document:
        """Put the draft in force."""
        return await self.peer.ask("/terms/documents/publish", asked, contract.Document)

    async def acceptances(self, asked: contract.ListAcceptances) -> contract.Acceptances:
        """Return who stands where."""
        return await self.peer.ask("/terms/acceptances", asked, contract.Acceptances, safe=True)

    async def export(self, asked: contract.ExportDecisions) -> contract.ExportedDecisions:
        """Return a page of everything that was decided about a document."""
        return await self.peer.ask("/terms/export", asked, contract.ExportedDecisions, safe=True)
