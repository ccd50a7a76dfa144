"""Adding a phone number or a mail address, by a code that is sent there."""

from dataclasses import dataclass

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from services.gateway.model import Address, Caller, Number
from services.gateway.portal import addresses
from services.gateway.portal.answers import read_code
from services.gateway.portal.new_password import wrong
from services.gateway.portal.page import Pages
from services.gateway.portal.security_info_pages import ADDRESS, SecurityInfoPages
from services.gateway.portal.visits import Form, Visits
from services.gateway.security_info import SecurityInfo
from shared.contracts.methods import SentKind, SentKinds, SentSetup
from shared.contracts.refusals import InvalidRequest, Refusal

_NUMBER: TypeAdapter[str] = TypeAdapter(Number)
_ADDRESS: TypeAdapter[str] = TypeAdapter(Address)
_LONGEST_HINT = 300
_SAID_IN_PLACE = {
    "code-refused",
    "sign-in-throttled",
    "invalid-request",
    "too-many-codes",
    "code-not-sent",
    "too-busy",
    "service-unavailable",
}


@dataclass(frozen=True)
class SentCodePages:
    """The forms that a code is sent by, and the page that it is typed into."""

    pages: Pages
    visits: Visits
    security_info: SecurityInfo
    listing: SecurityInfoPages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        taking = self.listing.taking
        return [
            web.post(f"{ADDRESS}/numbers", taking(self._add_number)),
            web.post(f"{ADDRESS}/addresses", taking(self._add_address)),
            web.post(f"{ADDRESS}/sent-codes/send", taking(self._send_again)),
            web.post(f"{ADDRESS}/sent-codes/prove", taking(self._prove)),
        ]

    async def _add_number(self, request: web.Request, caller: Caller, form: Form) -> web.Response:
        number = _read(_NUMBER, form, "number")
        return await self._add(request, caller, form, _kind(form), number)

    async def _add_address(self, request: web.Request, caller: Caller, form: Form) -> web.Response:
        return await self._add(request, caller, form, "email", _read(_ADDRESS, form, "address"))

    async def _add(
        self, request: web.Request, caller: Caller, form: Form, kind: SentKind, target: str
    ) -> web.Response:
        language, instead_of = await self._language(request), form["instead_of"] or None
        setup = await self.security_info.enroll_sent(
            caller, kind, target, language, instead_of=instead_of
        )
        return await self._page(request, kind, setup)

    async def _send_again(self, request: web.Request, caller: Caller, form: Form) -> web.Response:
        kind, setup, language = _kind(form), _setup(form), await self._language(request)
        try:
            await self.security_info.send_again(caller, setup.id, language)
        except Refusal as refusal:
            return await self._refused(request, kind, setup, refusal)
        return await self._page(request, kind, setup, again=True)

    async def _prove(self, request: web.Request, caller: Caller, form: Form) -> web.Response:
        kind, setup = _kind(form), _setup(form)
        try:
            await self.security_info.prove(caller, setup.id, read_code(form))
        except Refusal as refusal:
            return await self._refused(request, kind, setup, refusal)
        done = "added-address" if kind == "email" else "added"
        return addresses.see(addresses.with_query(ADDRESS, done=done))

    async def _language(self, request: web.Request) -> str:
        return self.pages.language(request, await self.visits.visitor(request))

    async def _refused(
        self, request: web.Request, kind: SentKind, setup: SentSetup, refusal: Refusal
    ) -> web.Response:
        if refusal.type not in _SAID_IN_PLACE:
            raise refusal
        return await self._page(request, kind, setup, refusal)

    async def _page(
        self,
        request: web.Request,
        kind: SentKind,
        setup: SentSetup,
        refusal: Refusal | None = None,
        *,
        again: bool = False,
    ) -> web.Response:
        return await self.pages.show(
            request,
            "sent_code.html",
            visitor=await self.visits.visitor(request),
            address=ADDRESS,
            kind=kind,
            setup=setup,
            again=again,
            refusal=refusal,
        )


def _kind(form: Form) -> SentKind:
    found = next((each for each in SentKinds if each == form["kind"]), None)
    if found is None:
        raise InvalidRequest(errors=[wrong("kind", "not-a-choice")])
    return found


def _setup(form: Form) -> SentSetup:
    # What the form says of the hint is only said back to who sent it.
    return SentSetup(id=form["id"][:64], hint=form["hint"][:_LONGEST_HINT])


def _read(adapter: TypeAdapter[str], form: Form, field: str) -> str:
    typed, replaced = form[field].strip(), form["instead_of"]
    try:
        return adapter.validate_python(typed)
    except ValidationError as error:
        reason = "wrong-format" if typed else "missing"
        at = f"r-{replaced}" if replaced else field
        raise InvalidRequest(errors=[wrong(at, reason)]) from error
