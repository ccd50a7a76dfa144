"""The part of the API's table for the audit trail."""

from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from services.gateway.api.downloads import Format, csv_format, file_of
from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.audit import AuditTrail
from shared.contracts.audit import AuditedPerson, AuditEntry, AuditFilter, AuditPage

_FILTERS: dict[str, Any] = {name: {"type": "string"} for name in AuditFilter.model_fields}
_COLUMNS = (
    "sequence", "at", "actor", "actor_user_id", "actor_name", "subject", "subject_user_id",
    "subject_name", "action", "outcome", "reason", "details", "id", "hash",
)  # fmt: skip


@dataclass(frozen=True)
class AuditApi:
    """The operations, each over one flow."""

    trail: AuditTrail

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "GET", "/admin/audit", "What was done in the organization, the newest first",
                self._page, "admin", answers={200: AuditPage}, paged=True, queries=_FILTERS,
            ),
            Operation(
                "GET", "/admin/audit/export", "The same as one file, the oldest first",
                self._export, "admin", answers={200: bytes}, refusals={422: "invalid-request"},
                queries={"format": {"enum": ["jsonl", "csv"]}, **_FILTERS},
                media_type="application/jsonl, text/csv",
            ),
        ]  # fmt: skip

    async def _page(self, call: Call) -> Answer:
        return Answer(
            await self.trail.page(call.admin, _wanted(call), limit=call.limit, after=call.after)
        )

    async def _export(self, call: Call) -> web.StreamResponse:
        file = file_of(call, "audit", _FORMATS, "jsonl")
        return await file.send(call.request, self.trail.pages(call.admin, _wanted(call)))


def _wanted(call: Call) -> AuditFilter:
    return AuditFilter(**{name: call.query(name) or None for name in _FILTERS})


def _as_json(entry: AuditEntry) -> bytes:
    return entry.model_dump_json().encode() + b"\n"


def _in_columns(entry: AuditEntry) -> dict[str, Any]:
    said = entry.model_dump(mode="json", exclude={"actor", "subject", "details"})
    said |= _person("actor", entry.actor) | _person("subject", entry.subject)
    said["details"] = orjson.dumps(entry.details, option=orjson.OPT_SORT_KEYS).decode()
    return said


def _person(column: str, person: AuditedPerson | None) -> dict[str, str | None]:
    if person is None:
        return {}
    return {
        column: person.sub,
        f"{column}_user_id": person.user_id,
        f"{column}_name": person.display_name,
    }


_FORMATS: dict[str, Format[AuditEntry]] = {
    "jsonl": Format("application/jsonl", b"", _as_json),
    "csv": csv_format(_COLUMNS, _in_columns, ids={"actor", "subject", "id"}),
}
