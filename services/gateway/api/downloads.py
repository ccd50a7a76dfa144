"""Lists as files: written page by page, and not looking whole where they are not."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from aiohttp import web

from services.gateway.api.operations import Call
from shared.contracts.refusals import InvalidRequest
from shared.problems import at_fault
from shared.telemetry import log

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Page(Protocol[T_co]):
    """A part of a list."""

    @property
    def items(self) -> Sequence[T_co]:
        """What is on it."""
        ...


@dataclass(frozen=True)
class Format(Generic[T]):
    """How a list is written: its beginning, each item, what parts them, and its end."""

    media_type: str
    begins: bytes
    written: Callable[[T], bytes]
    parts: bytes = b""
    ends: bytes = b""


@dataclass(frozen=True)
class File(Generic[T]):
    """A list as a file of that name."""

    name: str
    format: Format[T]

    async def send(self, request: web.Request, pages: AsyncIterator[Page[T]]) -> web.StreamResponse:
        """Send it as it is read."""
        # What is refused is refused in the usual way, before anything was sent.
        first = await anext(pages)
        response = web.StreamResponse(
            headers={
                "Content-Type": self.format.media_type,
                "Content-Disposition": f'attachment; filename="{self.name}"',
            }
        )
        await response.prepare(request)
        try:
            await response.write(self.format.begins + self._written(first))
            async for page in pages:
                await response.write(self.format.parts + self._written(page))
            await response.write(self.format.ends)
        except Exception as error:
            # The client is gone, or the rest cannot be read: then the file must not look whole.
            log.warning("export-broken-off", error=type(error).__name__)
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response

    def _written(self, page: Page[T]) -> bytes:
        return self.format.parts.join(map(self.format.written, page.items))


def file_of(call: Call, name: str, formats: Mapping[str, Format[T]], usual: str) -> File[T]:
    """Return the file that is asked for, or raise where there is no such format."""
    asked = call.query("format")
    asked = usual if asked is None else asked
    if asked not in formats:
        raise InvalidRequest(errors=[at_fault("format", "unknown")])
    return File(f"{name}.{asked}", formats[asked])


def csv_row(cells: Sequence[object]) -> bytes:
    """Return a line of a CSV file (RFC 4180)."""
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerow(map(_harmless, cells))
    return file.getvalue().encode()


def _harmless(cell: object) -> str:
    """Return a cell that no spreadsheet takes for a formula (OWASP, CSV Injection)."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text
