"""Terms of use as admins write them: documents, their drafts in each language, and a preview."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from aiohttp import web
from markupsafe import Markup

from services.gateway.markdown import html_of
from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import ADDRESS as ADMIN
from services.gateway.portal.admin_pages import Admins, Handler, filled, read_number, read_version
from services.gateway.portal.visits import Form, Visitor
from services.gateway.terms import TermsAdministration
from services.gateway.terms_form import TermsBody, TermsTextBody
from shared.contracts.profile import Person
from shared.contracts.refusals import Refusal
from shared.contracts.terms import Document, ReAccept, TermsContent, TermsText

ADDRESS = f"{ADMIN}/terms"
SAID_IN_PLACE = {
    "changed-meanwhile",
    "invalid-request",
    "too-many-terms",
    "terms-without-draft",
    "service-unavailable",
}
_NEW = f"{ADDRESS}/new"
_DONE = {"changed", "published", "scheduled", "deleted"}
_LARGEST_FORM = 4 * 1024 * 1024
"""Bytes; a text that is not Latin has nine of them for a character in a form."""


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
        ]

    async def _list(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        return await self.admins.pages.show(
            request,
            "admin_terms.html",
            visitor=visitor,
            documents=(await self.terms.documents(admin)).items,
            done="done" in request.query,
        )

    async def _one(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        document = await self.terms.read(admin, request.match_info["id"])
        done = request.query.get("done")
        return await self.admins.pages.show(
            request,
            "admin_terms_document.html",
            visitor=visitor,
            document=document,
            done=done if done in _DONE else None,
        )

    async def _new(self, request: web.Request, visitor: Visitor, _admin: Person) -> web.Response:
        form = Form({"re_accept": "next-sign-in", "language": visitor_language(visitor)})
        return await self._form(request, visitor, form, has_settings=True, has_text=True)

    async def _add(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        async def add() -> str:
            text = filled(TermsTextBody, _text_said(form))
            said = filled(TermsBody, _settings_said(form)).content()
            content = said.model_copy(update={"texts": (TermsText(**text.model_dump()),)})
            return (await self.terms.add(admin, content)).id

        return await self._saved(request, form, add, has_settings=True, has_text=True)

    async def _settings(
        self, request: web.Request, visitor: Visitor, admin: Person
    ) -> web.Response:
        document = await self.terms.read(admin, request.match_info["id"])
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
        document = await self.terms.read(admin, request.match_info["id"])

        async def put() -> str:
            said = filled(TermsBody, _settings_said(form)).content()
            content = said.model_copy(update={"texts": document.content.texts})
            return await self._put(admin, document, content, form)

        return await self._saved(request, form, put, document=document, has_settings=True)

    async def _text(self, request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
        document = await self.terms.read(admin, request.match_info["id"])
        language = request.query.get("language", "")
        found = [each for each in document.content.texts if each.language == language]
        said = found[0].model_dump() if found else {}
        form = Form(said | {"version": str(document.revision)})
        return await self._form(request, visitor, form, document=document, has_text=True)

    async def _put_text(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        document = await self.terms.read(admin, request.match_info["id"])
        known = request.query.get("language", "")

        async def put() -> str:
            text = filled(TermsTextBody, _text_said(form)) if form["answer"] != "remove" else None
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
            preview = await html_of(filled(TermsTextBody, _text_said(form)).text, below=2)
        except Refusal as refused:
            if refused.type not in SAID_IN_PLACE:
                raise
            refusal = refused
        visitor = await self.admins.visits.visitor(request)
        return await self._form(request, visitor, form, preview=preview, refusal=refusal, **shown)

    async def _form(
        self,
        request: web.Request,
        visitor: Visitor,
        form: Form,
        *,
        document: Document | None = None,
        has_settings: bool = False,
        has_text: bool = False,
        preview: Markup | None = None,
        refusal: Refusal | None = None,
    ) -> web.Response:
        return await self.admins.pages.show(
            request,
            "admin_terms_form.html",
            visitor=visitor,
            form=form,
            document=document,
            has_settings=has_settings,
            has_text=has_text,
            is_known=bool(document and request.query.get("language")),
            re_accepts=get_args(ReAccept),
            preview=preview,
            refusal=refusal,
        )


def visitor_language(visitor: Visitor) -> str:
    """Return the language that a first text is likely to be in."""
    own = visitor.person.preferred_language if visitor.person is not None else None
    return own or "en"


def _settings_said(form: Form) -> dict[str, Any]:
    days = form["valid_days"].strip()
    return {
        "required": form["required"] == "yes",
        "re_accept": form["re_accept"],
        "valid_days": read_number(days) if days else None,
    }


def _text_said(form: Form) -> dict[str, Any]:
    return {name: form[name].strip() for name in ("language", "title")} | {"text": form["text"]}


def _replaced(
    texts: tuple[TermsText, ...], known: str, text: TermsTextBody | None
) -> list[TermsText]:
    """Return the texts with another one in place of that in a known language, or at the end."""
    put = [TermsText(**text.model_dump())] if text is not None else []
    languages = [each.language for each in texts]
    place = languages.index(known) if known in languages else len(texts)
    return [*texts[:place], *put, *texts[place + 1 :]]
