"""The part of the API's table for the terms of use that somebody is to accept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.forms import Body
from services.gateway.terms_at_sign_in import TermsFlows
from shared.contracts.refusals import InvalidRequest
from shared.contracts.terms import Decided, Format, Terms, TermsItem
from shared.problems import at_fault

_CHANGED = {404: "not-found", 409: "terms-changed"}
_LONGEST_NUMBER = 9


class TermsList(BaseModel):
    """All documents in force; there is never another page."""

    items: tuple[TermsItem, ...]
    next: None = None


class DecidedTerms(BaseModel):
    """What was decided about a version, and when. Nothing changes it later."""

    id: str
    version: int
    title: str
    language: str
    decision: Decided
    at: datetime
    expires_at: datetime | None


class DecidedTermsList(BaseModel):
    """A page of them, the newest first."""

    items: tuple[DecidedTerms, ...]
    next: str | None = None


class TermsFileAddress(BaseModel):
    """Where a PDF is, and the SHA-256 of its bytes, in hexadecimal digits."""

    url: str
    sha256: str


class ReadableTerms(TermsItem):
    """A document with its text as Markdown, or else with a PDF."""

    format: Format
    text: str | None
    file: TermsFileAddress | None

    @classmethod
    def of(cls, terms: Terms) -> Self:
        """Return it with the address of its file, if it has one."""
        item = terms.model_dump(exclude={"text", "pdf"})
        if terms.pdf is None:
            return cls(**item, format="markdown", text=terms.text, file=None)
        asked = urlencode({"version": terms.version, "language": terms.language})
        url = f"/api/v1/me/terms/{terms.id}/file?{asked}"
        file = TermsFileAddress(url=url, sha256=terms.pdf)
        return cls(**item, format="pdf", text=None, file=file)


class VersionBody(Body):
    """The version that was read."""

    version: Annotated[int, Field(ge=1, lt=2**31)]


@dataclass(frozen=True)
class TermsApi:
    """The operations, each over one flow. All are there for who has to accept something first."""

    terms: TermsFlows

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "GET", "/me/terms", "Terms of use, and which I have accepted", self._list,
                answers={200: TermsList}, before_terms=True,
            ),
            Operation(
                "GET", "/me/terms/history", "What I have accepted and declined", self._history,
                answers={200: DecidedTermsList}, paged=True, before_terms=True,
            ),
            Operation(
                "GET", "/me/terms/{id}", "One document, with its text or its file", self._read,
                answers={200: ReadableTerms}, refusals={404: "not-found", 422: "invalid-request"},
                queries={"version": {"type": "integer", "minimum": 1}}, before_terms=True,
            ),
            Operation(
                "POST", "/me/terms/{id}/accept", "Accept the version that was read, for good",
                self._accept, body=VersionBody, answers={200: TermsItem}, refusals=_CHANGED,
                before_terms=True,
            ),
            Operation(
                "POST", "/me/terms/{id}/decline",
                "Decline it, which ends the session where it is required", self._decline,
                body=VersionBody, answers={200: TermsItem},
                refusals={**_CHANGED, 409: "terms-changed, terms-accepted"}, before_terms=True,
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        found = await self.terms.own.in_force(call.caller, call.languages)
        return Answer(TermsList(items=found.items))

    async def _history(self, call: Call) -> Answer:
        page = await self.terms.own.history(call.caller, limit=call.limit, after=call.after)
        items = tuple(DecidedTerms(**each.model_dump(exclude={"key"})) for each in page.items)
        return Answer(DecidedTermsList(items=items, next=page.next))

    async def _read(self, call: Call) -> Answer:
        asked = call.path("id"), call.languages, version_asked(call)
        return Answer(ReadableTerms.of(await self.terms.own.read(call.caller, *asked)))

    async def _accept(self, call: Call) -> Answer:
        version = call.body(VersionBody).version
        return Answer(
            await self.terms.own.accept(call.caller, call.path("id"), version, call.languages)
        )

    async def _decline(self, call: Call) -> Answer:
        version = call.body(VersionBody).version
        return Answer(
            await self.terms.own.decline(call.caller, call.path("id"), version, call.languages)
        )


def version_asked(call: Call) -> int | None:
    """Return the version that a client asks for, if it says one, or raise."""
    text = call.query("version")
    if text is None:
        return None
    is_number = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
    if not is_number or not int(text):
        raise InvalidRequest(errors=[at_fault("version", "out-of-range")])
    return int(text)
