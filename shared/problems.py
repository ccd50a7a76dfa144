"""Refusals as HTTP: the one place where a class becomes a status and a problem document."""

from collections.abc import Callable

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.contracts.refusals import (
    InvalidRequest,
    MalformedBody,
    NotFound,
    Refusal,
    Unavailable,
)
from shared.telemetry import log

CONTENT_TYPE = "application/problem+json"
PRIVATE_HEADER = "X-Refusal-Private"
"""Where a refusal says what is for the service that asked alone. It is no member of the body, which
a gateway of another version may hand on to its client as it is."""
MostErrors = 50
"""As many faults as anybody reads; a body can have thousands of unknown fields."""
_LONGEST_FIELD = 200
_OTHERWISE = "unfit"
# A secret that is too long has the type of a list with too many entries, and is called this.
_NO_LIST = "Value"
# What pydantic calls a fault is its own affair and may change; clients rely on these.
_REASONS = {
    "missing": "missing",
    # No body asks for more than that something stands there.
    "string_too_short": "missing",
    "too_short": "missing",
    "string_too_long": "too-long",
    "too_long": "too-many",
    "extra_forbidden": "unknown-field",
    "string_pattern_mismatch": "wrong-format",
    "unknown_language": "unknown-language",
    "repeated": "repeated",
    "literal_error": "not-a-choice",
    "enum": "not-a-choice",
    "greater_than": "out-of-range",
    "greater_than_equal": "out-of-range",
    "less_than": "out-of-range",
    "less_than_equal": "out-of-range",
    "model_type": "wrong-type",
    "string_type": "wrong-type",
    "bool_type": "wrong-type",
    "int_type": "wrong-type",
    "tuple_type": "wrong-type",
}


class MalformedRequest(Refusal):
    """What came is no request: its head is too long, or not HTTP."""

    type, status = "malformed-request", 400


class ExpectationFailed(Refusal):
    """The request expects something that this server does not do (RFC 9110, 10.1.1)."""

    type, status = "expectation-failed", 417


def refusal_by_status(status: int) -> Refusal:
    """Return what the HTTP server refuses by itself, with no code of ours having seen it."""
    known = (MalformedRequest, ExpectationFailed)
    return next((kind() for kind in known if kind.status == status), Refusal())


def field_errors(error: ValidationError) -> list[dict[str, str]]:
    """Return what is wrong with which field. The value itself is never repeated."""
    found = error.errors(include_url=False, include_input=False)[:MostErrors]
    return [at_fault(_named(each["loc"]), _reason(each)) for each in found]


def _named(path: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in path)[:_LONGEST_FIELD]


def _reason(fault: ErrorDetails) -> str:
    if fault["type"] == "too_long" and fault.get("ctx", {}).get("field_type") == _NO_LIST:
        return "too-long"
    return _REASONS.get(fault["type"], _OTHERWISE)


def at_fault(field: str, reason: str) -> dict[str, str]:
    """Return what is wrong with a field. The gateway puts words in place of the message."""
    return {"field": field, "reason": reason, "message": reason}


def refusal_of(error: Exception, is_outage: Callable[[BaseException], bool]) -> Refusal | None:
    """Return the refusal that an error stands for, or None where it is a mistake of ours."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ValidationError):
        return InvalidRequest(errors=field_errors(error))
    if isinstance(error, web.HTTPNotFound):
        return NotFound()
    if isinstance(error, web.RequestPayloadError):
        # Such as a body that is not compressed in the way that its header says.
        return MalformedBody()
    if is_outage(error):
        return Unavailable()
    return None


def rendered(refusal: Refusal) -> web.Response:
    """Return the problem document between services: members only, no texts."""
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    if refusal.private:
        headers[PRIVATE_HEADER] = orjson.dumps(refusal.private).decode()
    return web.Response(
        body=orjson.dumps(refusal.body()),
        status=refusal.status,
        content_type=CONTENT_TYPE,
        headers=headers,
    )


def route_of(request: web.Request) -> str:
    """Return the pattern of the request's path, which unlike the path holds no id or secret."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"


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
                log.exception("request-failed", route=route_of(request))
                refusal = Refusal()
            return rendered(refusal)

    return render
