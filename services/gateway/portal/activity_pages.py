"""Recent sign-ins as a page, and saying which were not one's own."""

from dataclasses import dataclass
from typing import get_args

from aiohttp import web

from services.gateway.activity import Activity
from services.gateway.portal import addresses
from services.gateway.portal.activity_picture import Picture
from services.gateway.portal.page import Pages
from services.gateway.portal.receipt_pages import show_receipt
from services.gateway.portal.step_up_pages import stepped_up
from services.gateway.portal.visits import Visits
from shared.contracts.activity import (
    Attempt,
    AttemptOutcome,
    LongestSearch,
    PictureDays,
)

ADDRESS = "/activity"
_PAGE = 25


@dataclass(frozen=True)
class ActivityPages:
    """The list with its picture, and the question before the account is secured."""

    pages: Pages
    visits: Visits
    activity: Activity

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(ADDRESS, self._list),
            web.post(f"{ADDRESS}/mine", self._mine),
            web.get(f"{ADDRESS}/not-me/{{id}}", self._ask),
            web.post(f"{ADDRESS}/not-me/{{id}}", self._secure),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request)
        asked = {name: request.query.get(name, "") for name in ("search", "outcome")}
        after = request.query.get("after")
        listed = await self.activity.page(visitor.caller, limit=_PAGE, after=after, **asked)
        is_first = after is None and not any(asked.values())
        counts = await self.activity.counts(visitor.caller) if is_first else None
        return await self.pages.show(
            request,
            "activity.html",
            visitor=visitor,
            listed=listed,
            picture=Picture.of(counts) if counts is not None and counts.items else None,
            advised=_first_guess(listed.items),
            asked={name: value for name, value in asked.items() if value},
            after=after,
            noted="noted" in request.query,
            outcomes=get_args(AttemptOutcome),
            longest=LongestSearch,
            kept_days=await self.activity.kept_days(visitor.caller),
            picture_days=PictureDays,
        )

    async def _mine(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request)
        await self.activity.mine(caller, form["id"])
        return addresses.see(f"{ADDRESS}?noted")

    async def _ask(self, request: web.Request) -> web.Response:
        visitor = await self.visits.visitor(request)

        async def ask() -> web.Response:
            await self.activity.require_recent(visitor.caller)
            attempt = await self.activity.attempt(visitor.caller, request.match_info["id"])
            return await self.pages.show(request, "not_me.html", visitor=visitor, attempt=attempt)

        return await stepped_up(request, ask)

    async def _secure(self, request: web.Request) -> web.Response:
        caller, form = await self.visits.sent_form(request)
        if form["answer"] != "yes":
            return addresses.see(ADDRESS)

        async def secure() -> web.Response:
            revoked = await self.activity.not_mine(caller, request.match_info["id"])
            return show_receipt(revoked, caller)

        return await stepped_up(request, secure)


def _first_guess(attempts: tuple[Attempt, ...]) -> str | None:
    """Return the attempt that is explained: somebody guesses there; it need not be said of each."""
    guesses = (each for each in attempts if each.outcome == "wrong-password")
    return next((each.id for each in guesses if each.flagged and not each.reported), None)
