"""Terms of use as admins publish them, and who has accepted them."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast, get_args

from aiohttp import web

from services.gateway.portal import addresses
from services.gateway.portal.admin_pages import Admins, Sent, filled, read_version
from services.gateway.portal.admin_terms_pages import ADDRESS, SAID_IN_PLACE, page_of
from services.gateway.portal.new_password import wrong
from services.gateway.portal.visits import Form, Visitor
from services.gateway.terms import TermsAdministration
from services.gateway.terms_form import PublishBody
from shared.contracts.profile import Person
from shared.contracts.refusals import InvalidRequest, NotFound
from shared.contracts.terms import Document, Status

_PAGE = 50
_ACTIONS = ("publish", "delete")
_DAY_OR_MINUTE = re.compile(r"^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}))?$", re.ASCII)
_CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True)
class AdminPublishedTermsPages:
    """A question before a draft is published or deleted, and where everybody stands."""

    admins: Admins
    terms: TermsAdministration

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        one = f"{ADDRESS}/{{id}}"
        return [
            web.get(f"{one}/acceptances", self.admins.reading(self._acceptances)),
            *self.admins.form(f"{one}/{{action}}", self._question, self._act, SAID_IN_PLACE),
        ]

    async def _acceptances(
        self, request: web.Request, visitor: Visitor, admin: Person
    ) -> web.Response:
        document = await self._read(request, admin)
        asked, after = request.query.get("status"), request.query.get("after")
        status = cast("Status", asked if asked in get_args(Status) else "accepted")
        return await self.admins.pages.show(
            request,
            "admin_terms_acceptances.html",
            visitor=visitor,
            document=document,
            statuses=get_args(Status),
            chosen=status,
            after=after,
            listed=await self.terms.acceptances(
                admin, document.id, status, limit=_PAGE, after=after or None
            ),
        )

    async def _read(self, request: web.Request, admin: Person) -> Document:
        languages = self.admins.visits.requests.languages(request)
        return await self.terms.read(admin, request.match_info["id"], languages)

    async def _question(
        self, request: web.Request, visitor: Visitor, admin: Person, sent: Sent
    ) -> web.Response:
        action = _action(request)
        document = await self._read(request, admin)
        if document.draft is None:
            return addresses.see(page_of(document.id))
        return await self.admins.pages.show(
            request,
            "admin_terms_action.html",
            visitor=visitor,
            document=document,
            action=action,
            form=sent.form or Form(),
            refusal=sent.refusal,
        )

    async def _act(self, request: web.Request, admin: Person, form: Form) -> web.Response:
        action, document = _action(request), request.match_info["id"]
        if form["answer"] != "yes":
            return addresses.see(page_of(document))
        if action == "delete":
            await self.terms.drop_draft(admin, document, read_version(form))
            return addresses.see(addresses.with_query(ADDRESS, done="deleted"))
        at = _moment(form["effective_at"], self.admins.pages.clock.now())
        published = await self.terms.publish(
            admin, document, effective_at=at, replaces=read_version(form)
        )
        is_in_force = published.current == published.versions[-1].version
        return addresses.see(page_of(document, done="published" if is_in_force else "scheduled"))


def _action(request: web.Request) -> str:
    action = request.match_info["action"]
    if action not in _ACTIONS:
        raise NotFound
    return action


def _moment(typed: str, now: datetime) -> datetime | None:
    """Return the time that was typed, in UTC, if any was, or raise where it cannot be meant.

    A time that is past would put the draft in force at once, which cannot be taken back.
    """
    said = _DAY_OR_MINUTE.sub(lambda at: f"{at[1]}T{at[2] or '00:00'}:00Z", typed.strip())
    at = filled(PublishBody, {"effective_at": said or None}).effective_at
    if at is not None and at < now - _CLOCKS_DIFFER:
        raise InvalidRequest(errors=[wrong("effective_at", "past")])
    return at
