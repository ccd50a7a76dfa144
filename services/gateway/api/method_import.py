"""The part of the API's table for contact methods that an admin brings along in a file."""

from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import BaseModel, StringConstraints

from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.forms import Body
from services.gateway.method_import import MethodImport, Outcome, Report


class ImportBody(Body):
    """A file of contact methods as text, with the header `user_id,kind,target`.

    With `dry_run` nothing is changed, and each line says what would come of it.
    """

    csv: Annotated[str, StringConstraints(min_length=1)]
    dry_run: bool


class ImportedLine(BaseModel):
    """What came of a line; the header is line 1. `reason` says why it is refused."""

    line: int
    user_id: str
    outcome: Outcome
    reason: str | None


class ImportAnswer(BaseModel):
    """What came of a file, line by line, and in numbers."""

    dry_run: bool
    lines: tuple[ImportedLine, ...]
    added: int
    unchanged: int
    refused: int

    @classmethod
    def of(cls, report: Report) -> "ImportAnswer":
        """Return a report as clients read it."""
        return cls(
            dry_run=report.dry_run,
            lines=tuple(ImportedLine(**asdict(each)) for each in report.lines),
            added=report.number("added"),
            unchanged=report.number("unchanged"),
            refused=report.number("refused"),
        )


@dataclass(frozen=True)
class MethodImportApi:
    """The operation, over one flow."""

    method_import: MethodImport

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "POST", "/admin/methods/import", "Bring along where users are sent codes",
                self._bring, "admin", ImportBody, {200: ImportAnswer},
                {413: "method-file-too-long", 422: "method-file-header-wrong"}, repeats=False,
            ),
        ]  # fmt: skip

    async def _bring(self, call: Call) -> Answer:
        body = call.body(ImportBody)
        report = await self.method_import.bring(call.admin, body.csv, dry_run=body.dry_run)
        return Answer(ImportAnswer.of(report))
