"""The part of the API's table for terms of use that are a PDF."""

from dataclasses import dataclass

from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.preconditions import REPLACED, if_match, versioned
from services.gateway.api.terms import version_asked
from services.gateway.api.terms_administration import LargestDocument
from services.gateway.forms import Body, Line
from services.gateway.requests import IF_MATCH
from services.gateway.terms_at_sign_in import TermsFlows
from services.gateway.terms_file import PDF, content_and_headers
from services.gateway.terms_form import Content, PdfBody
from shared.contracts.refusals import InvalidRequest
from shared.contracts.terms import Document, LargestPdfBody, TermsFile
from shared.problems import at_fault

_VERSION = {"version": {"type": "integer", "minimum": 1}}


class PutPdfBody(Body):
    """A PDF with its title in the language of the path; `content` is the file in base64."""

    title: Line
    content: Content


@dataclass(frozen=True)
class TermsFilesApi:
    """The operations, each over one flow."""

    terms: TermsFlows

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        text = "/admin/terms/{id}/texts/{language}/pdf"
        return [
            Operation(
                "GET", "/me/terms/{id}/file", "The PDF of one document, in one language",
                self._own, answers={200: bytes}, media_type=PDF,
                refusals={404: "not-found", 422: "invalid-request"},
                queries={"language": {"type": "string"}, **_VERSION}, before_terms=True,
            ),
            Operation(
                "PUT", text, "Let the draft say a PDF in a language", self._put, "admin",
                PutPdfBody, {200: Document},
                {404: "not-found", **REPLACED, 413: "pdf-too-large", 422: "unusable-pdf"},
                headers=(IF_MATCH,), largest_body=LargestPdfBody, largest_answer=LargestDocument,
            ),
            Operation(
                "GET", text, "The PDF that a version, or the newest, says in a language",
                self._read, "admin", answers={200: bytes}, media_type=PDF,
                refusals={404: "not-found", 422: "invalid-request"}, queries=_VERSION,
            ),
        ]  # fmt: skip

    async def _own(self, call: Call) -> Answer:
        language = call.query("language")
        if not language:
            raise InvalidRequest(errors=[at_fault("language", "missing")])
        version = version_asked(call)
        return _shown(await self.terms.own.file(call.caller, call.path("id"), language, version))

    async def _put(self, call: Call) -> Answer:
        body, language = call.body(PutPdfBody), call.path("language")
        said = PdfBody(language=language, title=body.title, content=body.content)
        document = await self.terms.administration.put_pdf(
            call.admin, call.path("id"), said, if_match(call.request)
        )
        return versioned(document, document.revision)

    async def _read(self, call: Call) -> Answer:
        asked = call.path("id"), call.path("language"), version_asked(call)
        return _shown(await self.terms.administration.file(call.admin, *asked))


def _shown(file: TermsFile) -> Answer:
    content, headers = content_and_headers(file)
    return Answer(content, headers=headers, content_type=PDF)
