"""Lists as files: written page by page, and not looking whole where they are not."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from aiohttp import hdrs, web

from services.gateway.api.operations import Call
from shared.contracts.refusals import InvalidRequest
from shared.problems import at_fault
from shared.telemetry import log

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
# The full-width ones are what spreadsheets take for the others.
_BEGINS_A_FORMULA = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")


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
        if request.method == hdrs.METH_HEAD:
            return response
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


def csv_format(
    columns: Sequence[str], said: Callable[[T], Mapping[str, object]], ids: Collection[str]
) -> Format[T]:
    """Return how a list is written as CSV, by what is said of an item in each of the columns.

    What stands in a column of `ids` is made by us, of letters, digits, `-` and `_`. It calls
    nothing, and with a mark before it would be another id.
    """

    def row(item: T) -> bytes:
        cells = said(item)
        return _line(
            _text(cells.get(each)) if each in ids else _harmless(_text(cells.get(each)))
            for each in columns
        )

    return Format("text/csv; charset=utf-8", _line(columns), row)


def _line(cells: Iterable[str]) -> bytes:
    """Return a line of a CSV file (RFC 4180)."""
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerow(cells)
    return file.getvalue().encode()


def _text(said: object) -> str:
    return "" if said is None else str(said)


def _harmless(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula (OWASP, CSV Injection)."""
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text
