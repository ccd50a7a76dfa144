"""Lists as files: sent piece by piece, and as comma-separated values that run nowhere."""

import csv
import io
from collections.abc import AsyncIterator, Iterable

from aiohttp import web

from shared.telemetry import log

CSV = "text/csv; charset=utf-8"
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def download(
    request: web.Request, pieces: AsyncIterator[bytes], name: str, media_type: str
) -> web.StreamResponse:
    """Send a file in pieces. What is refused at the first is refused in the usual way."""
    first = await anext(pieces)
    response = web.StreamResponse(
        headers={
            "Content-Type": media_type,
            "Content-Disposition": f'attachment; filename="{name}"',
        }
    )
    await response.prepare(request)
    try:
        await response.write(first)
        async for piece in pieces:
            await response.write(piece)
    except Exception as error:
        # The client is gone, or the rest cannot be read: then the file must not look whole.
        log.warning("export-broken-off", error=type(error).__name__)
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


def csv_row(cells: Iterable[object]) -> bytes:
    """Return a row (RFC 4180) of which no spreadsheet takes a cell for a formula."""
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerow(map(_harmless, cells))
    return file.getvalue().encode()


def _harmless(cell: object) -> str:
    """Return a cell as text that begins no formula (OWASP, CSV Injection)."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text
