"""Server-Sent Events (HTML Living Standard, 9.2)."""

from collections.abc import AsyncIterator

import orjson
from aiohttp import web

from services.gateway.live import Changed, Said, StillOpen

_COME_BACK_MILLISECONDS = 2000


async def stream(request: web.Request, said: AsyncIterator[Said]) -> web.StreamResponse:
    """Write what is said until nothing more is, or the client is gone."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    await response.write(f"retry: {_COME_BACK_MILLISECONDS}\n\n".encode())
    try:
        async for each in said:
            await response.write(_written(each))
    except ConnectionResetError:
        # The client went away, which is how a stream usually ends.
        return response
    await response.write_eof()
    return response


def _written(said: Said) -> bytes:
    if isinstance(said, StillOpen):
        return b": still open\n\n"
    name = b"credential-change" if isinstance(said, Changed) else b"session-revoked"
    content = orjson.dumps(said, option=orjson.OPT_UTC_Z)
    return b"event: " + name + b"\ndata: " + content + b"\n\n"
