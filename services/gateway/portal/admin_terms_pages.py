"""Terms of use as admins write them: documents, their drafts in each language, and a preview."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from aiohttp import web

from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins, Handler, filled, read_number, read_version
from services.gateway.portal.new_password import wrong
from services.gateway.portal.terms_text import Shown, framing, served, shown
from services.gateway.portal.visits import Form, Visitor
from services.gateway.terms import TermsAdministration
from services.gateway.terms_form import PdfBody, TermsBody, TermsTextBody
from shared.contracts.profile import Person
from shared.contracts.refusals import InvalidRequest, Refusal
from shared.contracts.terms import Document, LargestPdf, ReAccept, TermsContent, TermsText

ADDRESS = f"{ADMIN}/terms"
SAID_IN_PLACE = {
    "changed-meanwhile",
    "invalid-request",
    "too-many-terms",
    "terms-too-complex",
    "terms-without-draft",
    "unusable-pdf",
    "pdf-too-large",
    "service-unavailable",
}
_NEW = f"{ADDRESS}/new"
_DONE = {"changed", "published", "scheduled", "deleted"}
_LARGEST_FORM = LargestPdf + 2 * 1024 * 1024
"""Bytes; a form with a file says its texts in UTF-8."""


def page_of(document: str, **query: str | None) -> str:
    """Return where a document is shown."""
    return addresses.with_query(f"{ADDRESS}/{document}", **query)


def _with_long_texts(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return await handler(request.clone(client_max_size=_LARGEST_FORM))

    return handle


@dataclass(frozen=True)
class AdminTermsPages:
    """The list, a document, its settings, and one of its texts. Nothing published changes here."""

    admins: Admins
    terms: TermsAdministration

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        reading, taking = self.admins.reading, self.admins.taking
        one = f"{ADDRESS}/{{id}}"
        return [
            web.get(ADDRESS, reading(self._list)),
            web.get(_NEW, reading(self._new)),
            web.post(_NEW, _with_long_texts(taking(self._add))),
            web.get(one, reading(self._one)),
            web.get(f"{one}/settings", reading(self._settings)),
            web.post(f"{one}/settings", taking(self._put_settings)),
            web.get(f"{one}/text", reading(self._text)),
            web.post(f"{one}/text", _with_long_texts(taking(self._put_text))),
            web.get(f"{one}/file", reading(self._file)),
        ]

    async def _list(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        return await self.admins.pages.show(
            request,
            "admin_terms.html",
            visitor=visitor,
            documents=(
                await self.terms.documents(admin, self.admins.visits.requests.languages(request))
            ).items,
            done="done" in request.query,
        )

    async def _read(self, request: web.Request, admin: Person) -> Document:
        languages = self.admins.visits.requests.languages(request)
        return await self.terms.read(admin, request.match_info["id"], languages)

    async def _one(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        document = await self._read(request, admin)
        done = request.query.get("done")
        return await self.admins.pages.show(
            request,
            "admin_terms_document.html",
            visitor=visitor,
            document=document,
            overtaken=_overtaken(document),
            done=done if done in _DONE else None,
        )

    async def _new(self, request: web.Request, visitor: Visitor, _admin: Person) -> web.Response:
        form = Form({"re_accept": "next-sign-in", "language": visitor_language(visitor)})
        return await self._form(request, visitor, form, has_settings=True, has_text=True)

    async def _add(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        async def add() -> str:
            said = filled(TermsBody, _settings_said(form)).content()
            file = _file_said(form)
            if file is not None:
                return (await self.terms.add(admin, said, file)).id
            text = filled(TermsTextBody, _text_said(form))
            content = said.model_copy(update={"texts": (TermsText(**text.model_dump()),)})
            return (await self.terms.add(admin, content)).id

        return await self._saved(request, form, add, has_settings=True, has_text=True)

    async def _settings(
        self, request: web.Request, visitor: Visitor, admin: Person
    ) -> web.Response:
        document = await self._read(request, admin)
        content = document.content
        form = Form(
            {
                "required": "yes" if content.required else "",
                "re_accept": content.re_accept,
                "valid_days": str(content.valid_days or ""),
                "version": str(document.revision),
            }
        )
        return await self._form(request, visitor, form, document=document, has_settings=True)

    async def _put_settings(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        document = await self._read(request, admin)

        async def put() -> str:
            said = filled(TermsBody, _settings_said(form)).content()
            content = said.model_copy(update={"texts": document.content.texts})
            return await self._put(admin, document, content, form)

        return await self._saved(request, form, put, document=document, has_settings=True)

    async def _text(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        document = await self._read(request, admin)
        known = _known(request, document)
        said = {"version": str(document.revision)}
        if known is not None:
            said |= {"language": known.language, "title": known.title, "text": known.text or ""}
        return await self._form(request, visitor, Form(said), document=document, has_text=True)

    async def _file(self, request: web.Request, _visitor: Visitor, admin: Person) -> web.Response:
        asked = request.match_info["id"], request.query.get("language", "")
        return served(await self.terms.file(admin, *asked))

    async def _put_text(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        document = await self._read(request, admin)
        known = _known(request, document)

        async def put() -> str:
            file = _file_said(form)
            if file is not None and form["answer"] != "remove":
                version = read_version(form)
                return (await self.terms.put_pdf(admin, document.id, file, version)).id
            said_text = _text_said(form, known)
            text = filled(TermsTextBody, said_text) if form["answer"] != "remove" else None
            texts = _replaced(document.content.texts, known, text)
            # The rules for all texts together are those of the whole body.
            said = document.content.model_dump(exclude={"texts"})
            body = filled(TermsBody, said | {"texts": [each.model_dump() for each in texts]})
            return await self._put(admin, document, body.content(), form)

        return await self._saved(request, form, put, document=document, has_text=True)

    async def _put(
        self, admin: Person, document: Document, content: TermsContent, form: Form
    ) -> str:
        put = await self.terms.put_draft(admin, document.id, content, read_version(form))
        return put.id

    async def _saved(
        self, request: web.Request, form: Form, save: Callable[[], Any], **shown: Any
    ) -> web.Response:
        """Return the way to the document, or the form again: with what is wrong, or a preview."""
        preview, refusal = None, None
        try:
            if form["answer"] != "preview":
                return addresses.see(page_of(await save(), done="changed"))
            preview = await self._preview(form)
        except Refusal as refused:
            if refused.type not in SAID_IN_PLACE:
                raise
            refusal = refused
        visitor = await self.admins.visits.visitor(request)
        return await self._form(request, visitor, form, preview=preview, refusal=refusal, **shown)

    async def _preview(self, form: Form) -> Shown:
        if form.files:
            # A browser sends a file once, so what is only shown would be gone.
            raise InvalidRequest(errors=[wrong("pdf", "not-saved")])
        text = filled(TermsTextBody, _text_said(form))
        return await shown(TermsText(**text.model_dump()), "", below=2)

    async def _form(
        self,
        request: web.Request,
        visitor: Visitor,
        form: Form,
        *,
        document: Document | None = None,
        has_settings: bool = False,
        has_text: bool = False,
        preview: Shown | None = None,
        refusal: Refusal | None = None,
    ) -> web.Response:
        known = _known(request, document) if document is not None else None
        if preview is None and document is not None and known is not None and known.pdf:
            preview = await shown(known, f"{ADDRESS}/{document.id}/file")
        response = await self.admins.pages.show(
            request,
            "admin_terms_form.html",
            visitor=visitor,
            form=form,
            document=document,
            has_settings=has_settings,
            has_text=has_text,
            known=known,
            re_accepts=get_args(ReAccept),
            preview=preview,
            refusal=refusal,
        )
        return framing(response, preview) if preview is not None else response


def visitor_language(visitor: Visitor) -> str:
    """Return the language that a first text is likely to be in."""
    own = visitor.person.preferred_language if visitor.person is not None else None
    return own or "en"


def _overtaken(document: Document) -> set[int]:
    """Return the versions that a later one was in force before, so that they never are."""
    versions = document.versions
    return {
        each.version
        for place, each in enumerate(versions, start=1)
        if any(later.effective_at <= each.effective_at for later in versions[place:])
    }


def _settings_said(form: Form) -> dict[str, Any]:
    days = form["valid_days"].strip()
    return {
        "required": form["required"] == "yes",
        "re_accept": form["re_accept"],
        "valid_days": read_number(days) if days else None,
    }


def _known(request: web.Request, document: Document) -> TermsText | None:
    """Return the text that the address of a form names, if there is one."""
    language = request.query.get("language", "").lower()
    texts = document.content.texts
    return next((each for each in texts if each.language.lower() == language), None)


def _text_said(form: Form, known: TermsText | None = None) -> dict[str, Any]:
    """Return a text as it was filled in; a PDF stays where nothing was put in its place."""
    if known is not None and known.pdf is not None and not form["text"].strip():
        return _named(form) | {"pdf": known.pdf}
    return _named(form) | {"text": form["text"]}


def _named(form: Form) -> dict[str, Any]:
    return {name: form[name].strip() for name in ("language", "title")}


def _file_said(form: Form) -> PdfBody | None:
    """Return the file that was chosen, if one was."""
    if "pdf" not in form.files:
        return None
    content = base64.b64encode(form.files["pdf"]).decode()
    return filled(PdfBody, _named(form) | {"content": content})


def _replaced(
    texts: tuple[TermsText, ...], known: TermsText | None, text: TermsTextBody | None
) -> list[TermsText]:
    """Return the texts with another one in place of a known one, or at the end."""
    put = [TermsText(**text.model_dump())] if text is not None else []
    place = texts.index(known) if known is not None else len(texts)
    return [*texts[:place], *put, *texts[place + 1 :]]
