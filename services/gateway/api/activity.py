"""The part of the API's table for sign-in activity."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Self, get_args

from aiohttp import web
from pydantic import BaseModel, StrictBool

from services.gateway.activity import Activity
from services.gateway.api.bodies import ReceiptGiven
from services.gateway.api.downloads import Format, csv_format, file_of
from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.receipts import receipt_given
from services.gateway.forms import Body
from shared.contracts.activity import (
    Attempt,
    AttemptList,
    AttemptOutcome,
    Flag,
    LongestSearch,
    Reported,
    place_in,
)

_COLUMNS = (
    "at", "outcome", "count", "address", "place", "browser", "system", "app", "device_id",
    "flags", "reported", "id",
)  # fmt: skip


class ReportBody(Body):
    """Whether an attempt was one's own; one that was not has the account secured."""

    mine: StrictBool


class SignInItem(BaseModel):
    """An attempt to sign in; `place` is in the reader's language, and null where nobody knows.

    Of attempts that are too many to be told apart there is one item, with their `count`, the time
    of the first, and what they have in common.
    """

    id: str
    at: datetime
    outcome: AttemptOutcome
    address: str | None
    place: str | None
    browser: str | None
    system: str | None
    app: str
    device_id: str | None
    flagged: bool
    flags: tuple[Flag, ...]
    reported: Reported | None
    count: int

    @classmethod
    def of(cls, attempt: Attempt, language: str) -> Self:
        """Return an attempt as its user sees it."""
        said = attempt.model_dump(exclude={"place_names"})
        return cls(**said, place=place_in(attempt.place_names, language))


class SignInItems(BaseModel):
    """A page of attempts; `next` is the cursor of the following page."""

    items: tuple[SignInItem, ...]
    next: str | None = None

    @classmethod
    def of(cls, page: AttemptList, language: str) -> Self:
        """Return a page as its user sees it."""
        return cls(
            items=tuple(SignInItem.of(each, language) for each in page.items), next=page.next
        )


@dataclass(frozen=True)
class ActivityApi:
    """The operations, each over one flow."""

    activity: Activity

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "GET", "/me/sign-ins", "My attempts to sign in, the newest first", self._page,
                answers={200: SignInItems}, paged=True,
                queries={
                    "search": {"type": "string", "maxLength": LongestSearch},
                    "outcome": {"enum": list(get_args(AttemptOutcome))},
                },
            ),
            Operation(
                "GET", "/me/sign-ins/export", "The same as one file", self._export,
                answers={200: bytes}, refusals={422: "invalid-request"},
                queries={"format": {"enum": list(_FORMATS)}},
                media_type="text/csv, application/json",
            ),
            Operation(
                "POST", "/me/sign-ins/{id}/report", "Say whether it was me", self._report,
                body=ReportBody, answers={200: SignInItem, 202: ReceiptGiven},
                refusals={403: "step-up-required", 404: "not-found", 503: "too-busy"},
            ),
        ]  # fmt: skip

    async def _page(self, call: Call) -> Answer:
        page = await self.activity.page(
            call.caller,
            search=call.query("search"),
            outcome=call.query("outcome"),
            limit=call.limit,
            after=call.after,
        )
        return Answer(SignInItems.of(page, call.language))

    async def _export(self, call: Call) -> web.StreamResponse:
        file = file_of(call, "sign-ins", _FORMATS, "csv")
        return await file.send(call.request, self._pages(call))

    async def _pages(self, call: Call) -> AsyncIterator[SignInItems]:
        async for page in self.activity.pages(call.caller):
            yield SignInItems.of(page, call.language)

    async def _report(self, call: Call) -> Answer:
        caller, attempt = call.caller, call.path("id")
        if call.body(ReportBody).mine:
            mine = await self.activity.mine(caller, attempt)
            return Answer(SignInItem.of(mine, call.language))
        return receipt_given(await self.activity.not_mine(caller, attempt))


def _as_json(attempt: SignInItem) -> bytes:
    return attempt.model_dump_json().encode()


def _in_columns(attempt: SignInItem) -> dict[str, object]:
    return attempt.model_dump(mode="json") | {"flags": " ".join(attempt.flags)}


_FORMATS: dict[str, Format[SignInItem]] = {
    "csv": csv_format(_COLUMNS, _in_columns, ids={"id", "device_id"}),
    "json": Format("application/json", b"[", _as_json, parts=b",\n", ends=b"]\n"),
}
