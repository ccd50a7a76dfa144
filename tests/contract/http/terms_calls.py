"""What the gateway asks about terms of use, as the contract's tests ask it."""

import base64
from functools import partial
from typing import Any

from shared.contracts.audit import Actor
from shared.contracts.sessions import Where
from shared.contracts.terms import (
    AddDocument,
    AskDemand,
    AskMissing,
    BringPdf,
    ChangeDocument,
    Decide,
    Document,
    ExportDecisions,
    ListAcceptances,
    ListDocuments,
    Member,
    PublishDraft,
    PutDraft,
    PutPdf,
    ReadDocument,
    ReadDocumentFile,
    ReadHistory,
    ReadTerms,
    ReadTermsFile,
    TermsContent,
    TermsText,
)
from tests.contract.http.services import Calls, Services
from tests.pdf import pdf

BY = Actor(sub="person-1", organization="halden")
CONTENT = TermsContent(
    required=True,
    re_accept="no",
    texts=(TermsText(language="en", title="House rules", text="Be kind."),),
)
FILE = BringPdf(language="en", title="Rules", content=base64.b64encode(pdf()).decode())
OF_HALDEN = {"organization": "halden"}
MEMBER = {**OF_HALDEN, "sub": "person-1"}


async def drafted(services: Services) -> Document:
    return await services.terms.add(AddDocument(**CONTENT.model_dump(), by=BY))


async def published(services: Services) -> Document:
    known = {**OF_HALDEN, "id": (await drafted(services)).id}
    return await services.terms.publish(PublishDraft(**known, by=BY))


async def about_draft(name: str, kind: Any, more: dict[str, Any], services: Services) -> object:
    """Make a call about a draft."""
    known = {**OF_HALDEN, "id": (await drafted(services)).id}
    return await getattr(services.terms, name)(kind(**known, **more))


async def about(name: str, kind: Any, more: dict[str, Any], services: Services) -> object:
    """Make a call about a document that is in force."""
    known = {**OF_HALDEN, "id": (await published(services)).id}
    return await getattr(services.terms, name)(kind(**known, **more))


async def brought(services: Services) -> Document:
    known = {**OF_HALDEN, "id": (await drafted(services)).id}
    return await services.terms.put_pdf(PutPdf(**known, by=BY, file=FILE))


async def draft_file(services: Services) -> object:
    """Read the file of a draft."""
    known = {**OF_HALDEN, "id": (await brought(services)).id, "language": "en"}
    return await services.terms.document_file(ReadDocumentFile(**known))


async def own_file(services: Services) -> object:
    """Read the file of a version."""
    known = {**OF_HALDEN, "id": (await brought(services)).id}
    await services.terms.publish(PublishDraft(**known, by=BY))
    return await services.terms.file(ReadTermsFile(**known, **SUB, language="en"))


DECISION = {"version": 1, "decision": "accepted", "where": Where(address="192.0.2.7")}
SUB = {"sub": "person-1"}

TERMS_CALLS: Calls = {
    ("profile", "/terms/demands"): lambda s: s.terms.demands(AskDemand(organization="halden")),
    ("profile", "/terms/missing"): lambda s: s.terms.missing(AskMissing(**MEMBER)),
    ("profile", "/terms/list"): lambda s: s.terms.in_force(Member(**MEMBER)),
    ("profile", "/terms/read"): partial(about, "read", ReadTerms, SUB),
    ("profile", "/terms/file"): own_file,
    ("profile", "/terms/decide"): partial(about, "decide", Decide, SUB | DECISION),
    ("profile", "/terms/history"): lambda s: s.terms.history(ReadHistory(**MEMBER)),
    ("profile", "/terms/documents"): lambda s: s.terms.documents(
        ListDocuments(organization="halden")
    ),
    ("profile", "/terms/documents/read"): partial(about_draft, "document", ReadDocument, {}),
    ("profile", "/terms/documents/add"): drafted,
    ("profile", "/terms/documents/put-draft"): partial(
        about_draft, "put_draft", PutDraft, {"content": CONTENT, "by": BY}
    ),
    ("profile", "/terms/documents/put-pdf"): brought,
    ("profile", "/terms/documents/file"): draft_file,
    ("profile", "/terms/documents/drop-draft"): partial(
        about_draft, "drop_draft", ChangeDocument, {"by": BY}
    ),
    ("profile", "/terms/documents/publish"): published,
    ("profile", "/terms/acceptances"): partial(
        about, "acceptances", ListAcceptances, {"status": "missing"}
    ),
    ("profile", "/terms/export"): partial(about, "export", ExportDecisions, {}),
}
TERMS_READS = {
    "/terms/demands", "/terms/missing", "/terms/list", "/terms/read", "/terms/history",
    "/terms/documents", "/terms/documents/read", "/terms/acceptances", "/terms/export",
    "/terms/file", "/terms/documents/file",
    # The same decision twice is one.
    "/terms/decide",
}  # fmt: skip
