"""Refusals as HTTP: the one place where a class becomes a status and a problem document."""

from collections.abc import Callable

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import ValidationError

from shared.contracts.refusals import InvalidRequest, NotFound, Refusal, Unavailable
from shared.telemetry import log

CONTENT_TYPE = "application/problem+json"


def field_errors(error: ValidationError) -> list[dict[str, str]]:
    """Return what is wrong with which field. The value itself is never repeated."""
    return [
        {
            "field": ".".join(str(part) for part in each["loc"]),
            "reason": each["type"],
            "message": each["msg"],
        }
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def refusal_of(error: Exception, is_outage: Callable[[BaseException], bool]) -> Refusal | None:
    """Return the refusal that an error stands for, or None where it is a mistake of ours."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ValidationError):
        return InvalidRequest(errors=field_errors(error))
    if isinstance(error, web.HTTPNotFound):
        return NotFound()
    if is_outage(error):
        return Unavailable()
    return None


def rendered(refusal: Refusal) -> web.Response:
    """Return the problem document between services: members only, no texts."""
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return web.Response(
        body=orjson.dumps(refusal.body()),
        status=refusal.status,
        content_type=CONTENT_TYPE,
        headers=headers,
    )


def middleware(is_outage: Callable[[BaseException], bool]) -> Middleware:
    """Return the aiohttp middleware that renders refusals; a mistake of ours stays a 500."""

    @web.middleware
    async def render(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed:
            raise
        except Exception as error:
            refusal = refusal_of(error, is_outage)
            if refusal is None:
                log.exception("request-failed", path=request.path)
                refusal = Refusal()
            return rendered(refusal)

    return render
