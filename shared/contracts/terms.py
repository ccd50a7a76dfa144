"""HTTP contract between the gateway and the profile service for terms of use.

A document has versions, counted from 1. One that was published is never changed; the current one is
the highest whose time has come, by the store's clock. Times are aware, in UTC.

A text is Markdown, or a PDF that is known by the SHA-256 of its bytes, in hexadecimal digits. The
file is kept beside its version and never replaced: another one has another name.
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.contracts.audit import Actor
from shared.contracts.body import Contract, Sub
from shared.contracts.sessions import Where

ReAccept = Literal["at-once", "next-sign-in", "no"]
"""What a version asks of who has accepted an earlier one."""
Decided = Literal["accepted", "declined"]
Status = Literal["accepted", "declined", "missing"]
LongestTerms = 200_000
"""Characters of one text."""
LargestTerms = 1536 * 1024
"""Bytes in UTF-8 of the texts of a version, in all languages together."""
LargestPdf = 5 * 1024 * 1024
"""Bytes of one PDF."""
LargestPdfBody = LargestPdf // 3 * 4 + 64 * 1024
"""Bytes of a body with one, in base64."""
LongestTitle = 200
MostTexts = 50
MostDocuments = 100
MostValidDays = 3650

DocumentId = str
"""One that nobody has is not found, whatever it looks like."""
Number = Annotated[int, Field(ge=1, lt=2**31)]
Pdf = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""Which one it is, by its SHA-256."""
Format = Literal["markdown", "pdf"]
Language = Annotated[str, Field(min_length=1, max_length=35)]
"""A BCP 47 tag."""
Languages = Annotated[tuple[str, ...], Field(max_length=20)]
"""BCP 47 tags, the one that is read best first."""


class Member(Contract):
    """Whose terms it is about: a subject of an organization, and what they read."""

    sub: Sub
    organization: str = Field(min_length=1, max_length=64)
    languages: Languages = ()


class TermsText(Contract):
    """A version in one language: Markdown in `text`, or else a PDF."""

    language: Language
    title: str = Field(min_length=1, max_length=LongestTitle)
    text: str | None = Field(default=None, min_length=1, max_length=LongestTerms)
    pdf: Pdf | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.text is None) == (self.pdf is None):
            raise ValueError("A text is either Markdown or a PDF.")
        return self


class TermsItem(Contract):
    """A document as somebody sees it who is to accept it or has.

    `language` is that of the title. `accepted_at` and `expires_at` are those of the acceptance that
    holds, with the version that it named; `to_accept` says that none does although one has to.
    """

    id: DocumentId
    title: str
    version: int
    language: str
    required: bool
    to_accept: bool
    accepted_version: int | None = None
    accepted_at: datetime | None = None
    expires_at: datetime | None = None
    declined_at: datetime | None = None


class TermsItems(Contract):
    """All documents of an organization that are in force."""

    items: tuple[TermsItem, ...]


class ReadTerms(Member):
    """Ask for a document: the current version, or one that the subject has decided about."""

    id: DocumentId
    version: Number | None = None


class Terms(TermsItem):
    """A document with its text, as Markdown, or with which PDF it is."""

    text: str | None
    pdf: Pdf | None = None


class ReadTermsFile(ReadTerms):
    """Ask for the PDF of a version in a language, of whom the document is shown to."""

    language: Language


class TermsFile(Contract):
    """A PDF as it is served: its bytes in base64, and their SHA-256."""

    content: str
    sha256: Pdf


class Decide(Member):
    """Accept or decline the version that was read, which has to be the current one still.

    In a sign-in it is decided under the security epoch that its password was right under.
    """

    id: DocumentId
    version: Number
    decision: Decided
    where: Where
    epoch: int | None = None


class ReadHistory(Member):
    """Ask for what a subject has decided, the newest first, after one of these decisions."""

    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = None


class Decision(Contract):
    """What was decided about a version, when, and where. Nothing changes it later."""

    key: str
    id: DocumentId
    version: int
    title: str
    language: str
    decision: Decided
    at: datetime
    expires_at: datetime | None = None


class Decisions(Contract):
    """A page of them; `next` is the cursor of the following page."""

    items: tuple[Decision, ...]
    next: str | None = None


class AskDemand(Contract):
    """Ask what an organization demands to be accepted."""

    organization: str = Field(min_length=1, max_length=64)


class Demand(Contract):
    """A document that has to be accepted, and the first version whose acceptance still counts.

    Open sessions go on where one from `at_once_from` was; any do, where that is not there.
    """

    id: DocumentId
    accepted_from: int
    at_once_from: int | None = None


class Demands(Contract):
    """What is required at this moment."""

    items: tuple[Demand, ...] = ()


class AskMissing(Member):
    """Ask which required documents a subject has to accept, before a sign-in or at once."""

    at_once: bool = False


class MissingDocument(Contract):
    """A document that has to be accepted first, in its current version."""

    id: DocumentId
    version: int
    title: str


class Missing(Contract):
    """What is missing of what is demanded; nothing holds for `holds_seconds`, or else for good."""

    items: tuple[MissingDocument, ...] = ()
    demands: tuple[Demand, ...] = ()
    holds_seconds: float | None = None


class TermsContent(Contract):
    """What a version says. The first of the texts is the one for who reads no other language.

    An acceptance is valid for `valid_days`, or for good.
    """

    required: bool
    re_accept: ReAccept
    valid_days: int | None = Field(default=None, ge=1, le=MostValidDays)
    texts: tuple[TermsText, ...] = Field(default=(), max_length=MostTexts)


class PublishedVersion(Contract):
    """A version that cannot be changed any more, in force from `effective_at`."""

    version: int
    required: bool
    re_accept: ReAccept
    valid_days: int | None
    title: str
    languages: tuple[str, ...]
    published_at: datetime
    effective_at: datetime


class DocumentItem(Contract):
    """A document as admins see it; `current` is the version in force, `draft` the one to come."""

    id: DocumentId
    title: str
    required: bool
    current: int | None
    draft: int | None
    revision: int


class DocumentItems(Contract):
    """All documents of an organization."""

    items: tuple[DocumentItem, ...]


class Document(DocumentItem):
    """A document with what its draft says, or its newest version where there is no draft."""

    content: TermsContent
    versions: tuple[PublishedVersion, ...]


class ListDocuments(Contract):
    """Ask for an organization's documents, with titles in what is read best of their languages."""

    organization: str = Field(min_length=1, max_length=64)
    languages: Languages = ()


class OneDocument(Contract):
    """One of an organization's documents."""

    organization: str = Field(min_length=1, max_length=64)
    id: DocumentId


class ReadDocument(OneDocument):
    """Ask for it, with its titles in what is read best of their languages."""

    languages: Languages = ()


class ChangeDocument(OneDocument):
    """Change a document at one of these revisions; at whichever it is, where none are named."""

    replaces: tuple[int, ...] | None = None
    by: Actor


class BringPdf(Contract):
    """A PDF that a version is to say in a language; `content` is the file in base64."""

    language: Language
    title: str = Field(min_length=1, max_length=LongestTitle)
    content: str = Field(max_length=LargestPdfBody)


class AddDocument(TermsContent):
    """Begin a document with a draft of its first version, which may say a PDF as well."""

    by: Actor
    file: BringPdf | None = None


class PutDraft(ChangeDocument):
    """Replace the draft as a whole, or begin one."""

    content: TermsContent


class PutPdf(ChangeDocument):
    """Let the draft say a PDF; begin a draft where there is none."""

    file: BringPdf


class ReadDocumentFile(OneDocument):
    """Ask for the PDF of a version, or of the newest one, draft or not."""

    version: Number | None = None
    language: Language


class PublishDraft(ChangeDocument):
    """Put the draft in force, at once or at a time to come. It cannot be changed after that."""

    effective_at: datetime | None = None


class ListAcceptances(OneDocument):
    """Ask who has accepted or declined the current version, or has done neither.

    They come in the order of their user IDs, after one of them.
    """

    status: Status
    limit: int = Field(default=50, ge=1, le=200)
    after: str | None = None


class Acceptance(Contract):
    """Where somebody stands; what was decided about which version, if anything was."""

    sub: Sub
    user_id: str
    display_name: str
    status: Status
    version: int | None = None
    language: str | None = None
    at: datetime | None = None
    expires_at: datetime | None = None


class Acceptances(Contract):
    """A page of them, which may be short and yet not the last."""

    items: tuple[Acceptance, ...]
    next: str | None = None


class ExportDecisions(OneDocument):
    """Ask for every decision about a document, the oldest first, after one of them."""

    limit: int = Field(default=200, ge=1, le=200)
    after: str | None = None


class ExportedDecision(Decision):
    """A decision with who made it; nothing but the id where they are nobody of it any more."""

    sub: Sub
    user_id: str | None = None
    display_name: str | None = None
    address: str
    user_agent: str


class ExportedDecisions(Contract):
    """A page of them."""

    items: tuple[ExportedDecision, ...]
    next: str | None = None
