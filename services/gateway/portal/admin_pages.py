"""The administration: where it begins, and the events that could not be handled."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from services.gateway.administration import Administration
from services.gateway.audit import AuditTrail
from services.gateway.errors import StepUpRequired
from services.gateway.method_import import MethodImport
from services.gateway.organizations import OrganizationsAdministration
from services.gateway.policy import Policies
from services.gateway.portal import addresses
from services.gateway.portal.page import Pages
from services.gateway.portal.step_up_pages import to_step_up
from services.gateway.portal.visits import Form, Visitor, Visits
from services.gateway.users import Users
from shared.contracts.profile import Person
from shared.contracts.refusals import InvalidRequest, Refusal
from shared.problems import field_errors

ADDRESS = "/admin"
EVENTS = f"{ADDRESS}/events"
_PAGE = 20
_LONGEST_NUMBER = 9
B = TypeVar("B", bound=BaseModel)
Handler = Callable[[web.Request], Awaitable[web.Response]]
Read = Callable[[web.Request, Visitor, Person], Awaitable[web.Response]]
Act = Callable[[web.Request, Person, Form], Awaitable[web.Response]]


@dataclass(frozen=True)
class Sent:
    """A form as it was sent, and why it was refused; neither while it is yet to be filled in."""

    form: Form | None = None
    refusal: Refusal | None = None


Show = Callable[[web.Request, Visitor, Person, Sent], Awaitable[web.Response]]


@dataclass(frozen=True)
class AdminFlows:
    """What admins do, as the JSON API does it too."""

    users: Users
    policies: Policies
    audit: AuditTrail
    method_import: MethodImport
    organizations: OrganizationsAdministration


@dataclass(frozen=True)
class Admins:
    """Let admins in, and nobody else, the way the API does."""

    pages: Pages
    visits: Visits

    @property
    def administration(self) -> Administration:
        """What they do."""
        return self.visits.requests.administration

    def reading(self, read: Read) -> Handler:
        """Return the handler of a page for admins."""

        async def handle(request: web.Request) -> web.Response:
            visitor = await self.visits.visitor(request)
            return await self._let_in(
                request,
                visitor,
                addresses.read_again(request),
                lambda admin: read(request, visitor, admin),
            )

        return handle

    def taking(self, act: Act, back_to: str | None = None) -> Handler:
        """Return the handler of a form for admins, on the page `back_to` or of its own address."""

        async def handle(request: web.Request) -> web.Response:
            visitor = await self.visits.visitor(request)
            address = back_to or addresses.read_again(request)

            async def take(admin: Person) -> web.Response:
                # What may be large is not even read of who is no admin.
                _, form = await self.visits.sent_form(request)
                return await act(request, admin, form)

            return await self._let_in(request, visitor, address, take)

        return handle

    def form(
        self, address: str, show: Show, act: Act, said_in_place: Collection[str]
    ) -> list[web.RouteDef]:
        """Return the routes of a form with a page of its own, which says what was refused.

        Refusals other than those `said_in_place` become pages of their own.
        """

        async def ask(request: web.Request, visitor: Visitor, admin: Person) -> web.Response:
            return await show(request, visitor, admin, Sent())

        async def take(request: web.Request, admin: Person, form: Form) -> web.Response:
            try:
                return await act(request, admin, form)
            except Refusal as refusal:
                if refusal.type not in said_in_place:
                    raise
                visitor = await self.visits.visitor(request)
                return await show(request, visitor, admin, Sent(form, refusal))

        return [web.get(address, self.reading(ask)), web.post(address, self.taking(take))]

    async def _let_in(
        self,
        request: web.Request,
        visitor: Visitor,
        address: str,
        act: Callable[[Person], Awaitable[web.Response]],
    ) -> web.Response:
        try:
            return await act(await self.administration.acting_admin(visitor.caller))
        except StepUpRequired as refusal:
            if not refusal.extra.get("methods"):
                return await self.pages.show(
                    request, "admin_without_factor.html", visitor=visitor, status=refusal.status
                )
            # What a form said has to be said again then.
            return to_step_up(address)


def filled(kind: type[B], said: Mapping[str, object]) -> B:
    """Return a form as a body of the API, by whose rules it is read, or raise `InvalidRequest`."""
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        # One field of a form takes the whole of a list.
        errors = [each | {"field": each["field"].partition(".")[0]} for each in field_errors(error)]
        raise InvalidRequest(errors=errors) from error


def read_version(form: Form) -> tuple[int, ...]:
    """Return the version that a form was made of: another admin's change is not overwritten."""
    version = read_number(form["version"])
    return (version,) if isinstance(version, int) else ()


def read_number(typed: str) -> int | str:
    """Return a number, or what else was typed."""
    text = typed.strip()
    is_number = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number else text


@dataclass(frozen=True)
class AdminPages:
    """The first page of the administration, and the events that could not be handled."""

    admins: Admins

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self.admins.reading(self._overview)),
            web.get(EVENTS, self.admins.reading(self._events)),
            web.post(f"{EVENTS}/replay", self.admins.taking(self._replay, EVENTS)),
        ]

    async def _overview(
        self, request: web.Request, visitor: Visitor, admin: Person
    ) -> web.Response:
        return await self.admins.pages.show(request, "admin.html", visitor=visitor, admin=admin)

    async def _events(self, request: web.Request, visitor: Visitor, _admin: Person) -> web.Response:
        after = request.query.get("after")
        listed = await self.admins.administration.parked(limit=_PAGE, after=after or None)
        return await self.admins.pages.show(
            request,
            "admin_events.html",
            visitor=visitor,
            listed=listed,
            after=after,
            done="done" in request.query,
        )

    async def _replay(self, _request: web.Request, admin: Person, form: Form) -> web.Response:
        await self.admins.administration.replay(admin, form["id"])
        return addresses.see(addresses.with_query(EVENTS, done="yes"))
