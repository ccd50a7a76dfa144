"""Accepting required terms of use, before the sign-in is complete."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.gateway.errors import TermsDeclined
from services.gateway.portal import addresses, cookies
from services.gateway.portal.admin_pages import read_number
from services.gateway.portal.new_password import wrong
from services.gateway.portal.page import Pages
from services.gateway.portal.sign_in_pages import TERMS, SignInPages, flow_of, secret_of
from services.gateway.portal.terms_text import framing, served, shown
from services.gateway.portal.visits import Form, Visits
from services.gateway.terms_at_sign_in import TermsAtSignIn
from shared.contracts.refusals import InvalidRequest, NotFound, Refusal
from shared.contracts.terms import Terms

_SAID_IN_PLACE = {"invalid-request", "too-busy", "service-unavailable", "csrf-refused"}
_FILE = f"{TERMS}/file"
_AT_ONCE = 10
"""As many documents as a page shows; the sign-in asks for the rest after that."""


@dataclass(frozen=True)
class TermsSignInPages:
    """The texts with a box for each, and a question before all of it is declined."""

    pages: Pages
    visits: Visits
    terms: TermsAtSignIn
    signing_in: SignInPages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(TERMS, self._ask),
            web.post(TERMS, self.visits.taking(self._answer, self._form, _SAID_IN_PLACE)),
            web.get(_FILE, self._file),
        ]

    async def _ask(self, request: web.Request) -> web.Response:
        return await self.signing_in.ask(
            request, "accept-terms", lambda to: self._form(request, Form({"next": to}))
        )

    async def _file(self, request: web.Request) -> web.Response:
        version = read_number(request.query.get("version", ""))
        if isinstance(version, str) or version == 0:
            raise NotFound
        asked = request.query.get("id", ""), version, request.query.get("language", "")
        return served(await self.terms.file(flow_of(request), *asked))

    async def _answer(self, request: web.Request, form: Form) -> web.Response:
        if form["answer"] in {"decline", "decline-all"}:
            return await self._decline(request, form)
        outcome = await self.terms.accept(
            flow_of(request),
            await self._named(request, form),
            self.visits.requests.where(request),
            self.visits.requests.languages(request),
        )
        to = addresses.local(form["next"])
        return await self.signing_in.follow(request, outcome, to, secret_of(request))

    async def _named(self, request: web.Request, form: Form) -> list[tuple[str, int]]:
        """Return the versions whose boxes are ticked, or raise where one of the page is not."""
        named, errors = [], []
        for each in await self._documents(request):
            version = read_number(form[f"accept-{each.id}"])
            if isinstance(version, int):
                named.append((each.id, version))
            else:
                errors.append(wrong(f"accept-{each.id}", "not-accepted"))
        if errors:
            raise InvalidRequest(errors=errors)
        return named

    async def _decline(self, request: web.Request, form: Form) -> web.Response:
        flow = await self.terms.waiting(flow_of(request))
        person = await self.terms.sign_in.person(flow)
        if form["answer"] == "decline":
            return await self._show(
                request, "terms_sign_in_decline.html", form, desk=person.helpdesk
            )
        where, languages = (
            self.visits.requests.where(request),
            self.visits.requests.languages(request),
        )
        try:
            await self.terms.decline(flow_of(request), where, languages)
        except TermsDeclined:
            response = await self._show(request, "terms_declined.html", form, desk=person.helpdesk)
        cookies.forget(response, cookies.FLOW)
        return response

    async def _documents(self, request: web.Request) -> tuple[Terms, ...]:
        languages = self.visits.requests.languages(request)
        return (await self.terms.documents(flow_of(request), languages))[:_AT_ONCE]

    async def _form(
        self, request: web.Request, form: Form, refusal: Refusal | None = None
    ) -> web.Response:
        documents = await self._documents(request)
        texts = await asyncio.gather(
            *(shown(each, _FILE, 2, id=each.id, version=str(each.version)) for each in documents)
        )
        response = await self._show(
            request,
            "terms_sign_in.html",
            form,
            documents=list(zip(documents, texts, strict=True)),
            refusal=refusal,
        )
        return framing(response, *texts)

    async def _show(
        self, request: web.Request, template: str, form: Form, **content: Any
    ) -> web.Response:
        to = addresses.local(form["next"])
        return await self.pages.show(
            request,
            template,
            address=addresses.with_query(TERMS, next=to),
            to=to,
            form=form,
            **content,
        )
