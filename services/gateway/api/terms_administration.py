"""The part of the API's table for the terms of use that admins write."""

from dataclasses import dataclass
from typing import get_args

from aiohttp import web
from pydantic import BaseModel

from services.gateway.api.downloads import File, csv_format
from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.preconditions import REPLACED, if_match, versioned
from services.gateway.requests import IF_MATCH
from services.gateway.terms_at_sign_in import TermsFlows
from services.gateway.terms_form import PublishBody, TermsBody
from shared.contracts.terms import (
    Acceptance,
    Acceptances,
    Document,
    DocumentItem,
    ExportedDecision,
    Status,
)

LargestDocument = 4 * 1024 * 1024
"""Bytes of a body or an answer with the texts of a version in all its languages. It is repeated all
the same: a document that was begun twice would be one too many, and only admins begin any."""
_NOT_FOUND = {404: "not-found"}
_TOO_COMPLEX = {422: "terms-too-complex"}
_CHANGED = {**_NOT_FOUND, **REPLACED}
_COLUMNS = (
    "at", "decision", "version", "language", "title", "expires_at", "sub", "user_id",
    "display_name", "address", "user_agent",
)  # fmt: skip


class TermsDocuments(BaseModel):
    """All documents of the organization; there is never another page."""

    items: tuple[DocumentItem, ...]
    next: None = None


@dataclass(frozen=True)
class TermsAdministrationApi:
    """The operations, each over one flow."""

    terms: TermsFlows

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [*self._writing(), *self._following()]

    def _writing(self) -> list[Operation]:
        return [
            Operation(
                "GET", "/admin/terms", "Terms of use of the organization", self._list, "admin",
                answers={200: TermsDocuments},
            ),
            Operation(
                "POST", "/admin/terms", "Begin a document with a draft", self._add, "admin",
                TermsBody, {201: Document}, {409: "too-many-terms", **_TOO_COMPLEX},
                largest_body=LargestDocument, largest_answer=LargestDocument,
            ),
            Operation(
                "GET", "/admin/terms/{id}", "One document, with its draft or newest version",
                self._read, "admin", answers={200: Document}, refusals=_NOT_FOUND,
            ),
            Operation(
                "PUT", "/admin/terms/{id}", "Replace the draft, or begin one", self._put, "admin",
                TermsBody, {200: Document}, {**_CHANGED, **_TOO_COMPLEX}, headers=(IF_MATCH,),
                largest_body=LargestDocument, largest_answer=LargestDocument,
            ),
            Operation(
                "DELETE", "/admin/terms/{id}", "Delete the draft", self._drop, "admin",
                answers={204: None}, refusals={**_CHANGED, 409: "terms-without-draft"},
                headers=(IF_MATCH,),
            ),
            Operation(
                "POST", "/admin/terms/{id}/publish",
                "Put the draft in force, at once or at a time to come", self._publish, "admin",
                PublishBody, {200: Document}, {**_CHANGED, 409: "terms-without-draft"},
                headers=(IF_MATCH,), largest_answer=LargestDocument,
            ),
        ]  # fmt: skip

    def _following(self) -> list[Operation]:
        return [
            Operation(
                "GET", "/admin/terms/{id}/acceptances",
                "Who has accepted or declined the current version, or neither", self._acceptances,
                "admin", answers={200: Acceptances}, refusals=_NOT_FOUND, paged=True,
                queries={"status": {"enum": [*get_args(Status)]}},
            ),
            Operation(
                "GET", "/admin/terms/{id}/acceptances/export",
                "Everything that was accepted and declined, then who is missing, as one file",
                self._export, "admin",
                answers={200: bytes}, refusals=_NOT_FOUND, media_type="text/csv",
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        return Answer(
            TermsDocuments(items=(await self.terms.administration.documents(call.admin)).items)
        )

    async def _add(self, call: Call) -> Answer:
        content = call.body(TermsBody).content()
        return _document(await self.terms.administration.add(call.admin, content), 201)

    async def _read(self, call: Call) -> Answer:
        return _document(await self.terms.administration.read(call.admin, call.path("id")))

    async def _put(self, call: Call) -> Answer:
        content = call.body(TermsBody).content()
        put = self.terms.administration.put_draft(
            call.admin, call.path("id"), content, if_match(call.request)
        )
        return _document(await put)

    async def _drop(self, call: Call) -> Answer:
        await self.terms.administration.drop_draft(
            call.admin, call.path("id"), if_match(call.request)
        )
        return Answer(None, 204)

    async def _publish(self, call: Call) -> Answer:
        published = self.terms.administration.publish(
            call.admin,
            call.path("id"),
            effective_at=call.body(PublishBody).effective_at,
            replaces=if_match(call.request),
        )
        return _document(await published)

    async def _acceptances(self, call: Call) -> Answer:
        status: Status = call.choice("status", get_args(Status), "accepted")
        found = self.terms.administration.acceptances(
            call.admin, call.path("id"), status, limit=call.limit, after=call.after
        )
        return Answer(await found)

    async def _export(self, call: Call) -> web.StreamResponse:
        pages = self.terms.administration.exported(call.admin, call.path("id"))
        return await File("acceptances.csv", _CSV).send(call.request, pages)


def _in_columns(stands: ExportedDecision | Acceptance) -> dict[str, object]:
    """Return what was decided, or that it is missing."""
    said = stands.model_dump(mode="json")
    return {"decision": said.get("status"), **said}


_CSV = csv_format(_COLUMNS, _in_columns, ids={"sub"})


def _document(document: Document, status: int = 200) -> Answer:
    return versioned(document, document.revision, status)
