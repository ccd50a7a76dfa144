"""Forms with files (RFC 7578), read no farther than the route takes."""

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from shared.contracts.refusals import MalformedBody

TYPE = "multipart/form-data"
Fields = dict[str, str]
Uploads = dict[str, bytes]


async def read(request: web.Request, most: int) -> tuple[Fields, Uploads]:
    """Return the fields, and the files that were chosen, of a form with at most that many parts.

    A form that is larger than the route takes is refused before it is read, where it says so.
    """
    limit = request.client_max_size
    _require(limit, request.content_length or 0)
    fields: Fields = {}
    files: Uploads = {}
    left = limit
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise MalformedBody
            content = await _content(part, left, limit)
            left -= len(content)
            if part.filename is None:
                fields[part.name] = content.decode()
            elif content:
                # A file that was not chosen comes as an empty one without a name.
                files[part.name] = content
            if len(fields) + len(files) > most:
                raise MalformedBody
    except (ValueError, AssertionError, BadHttpMessage) as error:
        raise MalformedBody from error
    return fields, files


async def _content(part: BodyPartReader, left: int, limit: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk():
        content += chunk
        if len(content) > left:
            _require(limit, limit + 1)
    return bytes(content)


def _require(limit: int, size: int) -> None:
    if size > limit:
        raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=size)
