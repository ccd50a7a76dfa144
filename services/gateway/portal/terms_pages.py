"""Terms of use: what there is, one document to accept or decline, and what was decided."""

from dataclasses import dataclass

from aiohttp import web

from services.gateway.portal import addresses, cookies
from services.gateway.portal.admin_pages import read_number
from services.gateway.portal.page import Pages
from services.gateway.portal.terms_text import framing, served, shown
from services.gateway.portal.visits import Form, Visitor, Visits
from services.gateway.terms import OwnTerms
from shared.contracts.refusals import InvalidRequest, NotFound, Refusal
from shared.contracts.terms import Terms

ADDRESS = "/terms"
_PAGE = 20
_SAID_IN_PLACE = {"terms-changed", "terms-accepted", "invalid-request", "service-unavailable"}
_DONE = {"accepted", "declined"}


def terms_first(to: str) -> str:
    """Return the address of the page that has to be gone through before another one."""
    return addresses.with_query(ADDRESS, next=None if to == addresses.HOME else to)


@dataclass(frozen=True)
class TermsPages:
    """The pages. All are there for who has to accept something before the portal goes on."""

    pages: Pages
    visits: Visits
    terms: OwnTerms

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        one = f"{ADDRESS}/{{id}}"
        return [
            web.get(ADDRESS, self._list),
            web.get(one, self._one),
            web.get(f"{one}/file", self._file),
            web.post(f"{one}/accept", self._accept),
            web.get(f"{one}/decline", self._ask),
            web.post(f"{one}/decline", self._decline),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request, before_terms=True)
        languages, after = self.visits.requests.languages(request), request.query.get("after")
        listed = await self.terms.in_force(visitor.caller, languages)
        decided = await self.terms.history(visitor.caller, limit=_PAGE, after=after or None)
        done = request.query.get("done")
        return await self.pages.show(
            request,
            "terms.html",
            visitor=visitor,
            to=addresses.local(request.query.get("next")),
            waiting=[each for each in listed.items if each.to_accept],
            others=[each for each in listed.items if not each.to_accept],
            decided=decided,
            after=after,
            done=done if done in _DONE else None,
        )

    async def _one(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request, before_terms=True)
        return await self._show(request, visitor, addresses.local(request.query.get("next")))

    async def _file(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request, before_terms=True)
        asked = request.match_info["id"], request.query.get("language", ""), _asked(request)
        return served(await self.terms.file(visitor.caller, *asked))

    async def _accept(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request, before_terms=True)
        visitor = await self.visits.visitor(request, before_terms=True)
        to, languages = addresses.local(form["next"]), self.visits.requests.languages(request)
        try:
            await self.terms.accept(caller, request.match_info["id"], _version(form), languages)
        except Refusal as refusal:
            return await self._refused(request, visitor, to, refusal)
        listed = await self.terms.in_force(caller, languages)
        is_done = not any(each.to_accept for each in listed.items)
        # Where the organization leaves the page out, it was there for as long as it had to be.
        if is_done and (to != addresses.HOME or "terms" not in visitor.opening.areas):
            return addresses.see(to)
        shown = None if to == addresses.HOME else to
        return addresses.see(addresses.with_query(ADDRESS, done="accepted", next=shown))

    async def _ask(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request, before_terms=True)
        document = await self._read(request, visitor)
        return await self.pages.show(
            request, "terms_decline.html", visitor=visitor, document=document
        )

    async def _decline(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request, before_terms=True)
        visitor = await self.visits.visitor(request, before_terms=True)
        document = request.match_info["id"]
        if form["answer"] != "yes":
            return addresses.see(f"{ADDRESS}/{document}")
        languages = self.visits.requests.languages(request)
        try:
            item = await self.terms.decline(caller, document, _version(form), languages)
        except Refusal as refusal:
            return await self._refused(request, visitor, addresses.HOME, refusal)
        if not item.to_accept:
            return addresses.see(addresses.with_query(ADDRESS, done="declined"))
        response = await self.pages.show(
            request,
            "terms_declined.html",
            address=ADDRESS,
            desk=visitor.person.helpdesk if visitor.person is not None else None,
        )
        cookies.forget(response, cookies.SESSION)
        return response

    async def _refused(
        self, request: web.Request, visitor: Visitor, to: str, refusal: Refusal
    ) -> web.Response:
        if refusal.type not in _SAID_IN_PLACE:
            raise refusal
        return await self._show(request, visitor, to, refusal)

    async def _read(self, request: web.Request, visitor: Visitor) -> Terms:
        version = _asked(request) if request.method == "GET" else None
        languages = self.visits.requests.languages(request)
        return await self.terms.read(visitor.caller, request.match_info["id"], languages, version)

    async def _show(
        self, request: web.Request, visitor: Visitor, to: str, refusal: Refusal | None = None
    ) -> web.Response:
        document = await self._read(request, visitor)
        address = f"{ADDRESS}/{document.id}"
        said = await shown(document, f"{address}/file", version=str(document.version))
        response = await self.pages.show(
            request,
            "terms_document.html",
            visitor=visitor,
            address=address if refusal else None,
            document=document,
            said=said,
            is_current="version" not in request.query,
            to=to,
            refusal=refusal,
        )
        return framing(response, said)


def _asked(request: web.Request) -> int | None:
    """Return the version that an address names, if it names one."""
    asked = request.query.get("version", "")
    version = read_number(asked) if asked else None
    if isinstance(version, str) or version == 0:
        raise NotFound
    return version


def _version(form: Form) -> int:
    version = read_number(form["version"])
    if isinstance(version, str) or version == 0:
        raise InvalidRequest
    return version
