"""The part of the API's table for sign-in activity."""

from dataclasses import dataclass
from typing import get_args

from aiohttp import web
from pydantic import StrictBool

from services.gateway.activity import Activity
from services.gateway.api.bodies import ReceiptGiven
from services.gateway.api.downloads import Format, csv_row, file_of
from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.receipts import receipt_given
from services.gateway.forms import Body
from shared.contracts.activity import (
    Attempt,
    AttemptList,
    AttemptOutcome,
    LongestSearch,
)

_COLUMNS = (
    "at", "outcome", "count", "address", "place", "browser", "system", "app", "device_id",
    "flags", "reported", "id",
)  # fmt: skip


class ReportBody(Body):
    """Whether an attempt was one's own; one that was not has the account secured."""

    mine: StrictBool


@dataclass(frozen=True)
class ActivityApi:
    """The operations, each over one flow."""

    activity: Activity

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "GET", "/me/sign-ins", "My attempts to sign in, the newest first", self._page,
                answers={200: AttemptList}, paged=True,
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
                body=ReportBody, answers={200: Attempt, 202: ReceiptGiven},
                refusals={403: "step-up-required", 404: "not-found", 503: "too-busy"},
            ),
        ]  # fmt: skip

    async def _page(self, call: Call) -> Answer:
        return Answer(
            await self.activity.page(
                call.caller,
                search=call.query("search"),
                outcome=call.query("outcome"),
                limit=call.limit,
                after=call.after,
            )
        )

    async def _export(self, call: Call) -> web.StreamResponse:
        file = file_of(call, "sign-ins", _FORMATS, "csv")
        return await file.send(call.request, self.activity.pages(call.caller))

    async def _report(self, call: Call) -> Answer:
        caller, attempt = call.caller, call.path("id")
        if call.body(ReportBody).mine:
            return Answer(await self.activity.mine(caller, attempt))
        return receipt_given(await self.activity.not_mine(caller, attempt))


def _as_json(attempt: Attempt) -> bytes:
    return attempt.model_dump_json().encode()


def _as_csv(attempt: Attempt) -> bytes:
    said = attempt.model_dump(mode="json") | {"flags": " ".join(attempt.flags)}
    return csv_row([said[column] for column in _COLUMNS])


_FORMATS: dict[str, Format[Attempt]] = {
    "csv": Format("text/csv; charset=utf-8", csv_row(_COLUMNS), _as_csv),
    "json": Format("application/json", b"[", _as_json, parts=b",\n", ends=b"]\n"),
}
