"""The description of the API, made from the same table as its routes (OpenAPI 3.1)."""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from services.gateway.api.bodies import Problem
from services.gateway.api.operations import Access, Operation
from services.gateway.portal_access import is_for_everybody
from services.gateway.requests import CSRF_HEADER, RECEIPT_HEADER, SESSION_COOKIE

_REFS = "#/components/schemas/{model}"
_EVERYWHERE = {
    400: "malformed-request", 417: "expectation-failed", 500: "internal-error",
    503: "service-unavailable",
}  # fmt: skip
# With a key the body is read even where none is asked for, since it is part of the request.
_UNSAFE = {
    400: "malformed-body", 409: "request-in-progress", 413: "payload-too-large",
    422: "invalid-request, idempotency-key-reused",
}  # fmt: skip
_WITH_BODY = {415: "unsupported-media-type"}
_PAGED = {422: "invalid-request"}
_OF_SERVERS = {401: "client-refused", 403: "not-allowed"}
_SIGNED_IN = {401: "session-required, session-revoked"}
_AFTER_TERMS = {403: "terms-required"}
_BY_COOKIE = {403: "csrf-refused"}
_WHERE_OPEN = {403: "not-allowed-by-policy"}
_ADMIN = {403: "step-up-required"}
_SCHEMES = {
    "token": {
        "type": "http", "scheme": "bearer", "description": "The token that signing in gave.",
    },
    "session-cookie": {
        "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE,
        "description": "What a browser has instead. Alone it reads, and changes nothing.",
    },
    "csrf-token": {
        "type": "apiKey", "in": "header", "name": CSRF_HEADER,
        "description": "The token of the page, sent beside the cookie with what changes something.",
    },
    "receipt-token": {
        "type": "apiKey", "in": "header", "name": RECEIPT_HEADER,
        "description": "The token that came with a receipt. It opens that receipt alone.",
    },
    "server": {
        "type": "http", "scheme": "basic",
        "description": "The name and secret of a server that may check app passwords.",
    },
}  # fmt: skip
_CREDENTIALS: dict[Access, list[str]] = {
    "anyone": [],
    "session": ["token", "session-cookie"],
    "receipt": ["token", "session-cookie", "receipt-token"],
    "admin": ["token", "session-cookie"],
    "server": ["server"],
}


def document(operations: list[Operation], *, server: str) -> dict[str, Any]:
    """Return the OpenAPI document."""
    models = [(each.body, "validation") for each in operations if each.body is not None]
    _, schemas = models_json_schema([*models, (Problem, "serialization")], ref_template=_REFS)  # type: ignore[list-item]
    definitions: dict[str, Any] = schemas["$defs"]
    paths: dict[str, Any] = {}
    for operation in operations:
        described = _operation(operation, definitions)
        paths.setdefault(f"/api/v1{operation.path}", {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Account portal",
            "version": "1",
            "description": "Profile, sessions, password and receipts of a work or school account.",
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": _SCHEMES,
        },
    }


def _operation(operation: Operation, definitions: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _operation_id(operation),
        "parameters": _parameters(operation),
        "responses": _responses(operation, definitions),
        "security": _security(operation),
    }
    if operation.body is not None:
        schema = {"$ref": _REFS.format(model=operation.body.__name__)}
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Return the ways in, each of which is enough."""
    ways: list[dict[str, list[str]]] = [{name: []} for name in _CREDENTIALS[operation.access]]
    if operation.method != "GET":
        return [way | {"csrf-token": []} if "session-cookie" in way else way for way in ways]
    return ways


def _operation_id(operation: Operation) -> str:
    words = operation.path.replace("{", "").replace("}", "").strip("/").replace("/", "-")
    return f"{operation.method.lower()}-{words}"


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    text = {"type": "string", "minLength": 1, "maxLength": 256}
    found = [{"name": name, "in": "path", "required": True, "schema": text} for name in names]
    found += [{"name": name, "in": "header", "schema": text} for name in operation.headers]
    found += [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in operation.queries.items()
    ]
    if operation.method != "GET" and operation.repeats:
        key = text | {"maxLength": 255}
        found.append({"name": "Idempotency-Key", "in": "header", "schema": key})
    if operation.paged:
        limit = {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
        found.append({"name": "limit", "in": "query", "schema": limit})
        says = "The `next` of the page before. Left out, the first page is returned."
        cursor: dict[str, Any] = {"name": "after", "in": "query", "schema": {"type": "string"}}
        found.append(cursor | {"description": says})
    return found


def _responses(operation: Operation, definitions: dict[str, Any]) -> dict[str, Any]:
    responses = {
        str(status): _answer(kind, operation, definitions)
        for status, kind in operation.answers.items()
    }
    problem = {"application/problem+json": {"schema": {"$ref": _REFS.format(model="Problem")}}}
    for status, slugs in sorted(_refusals(operation).items()):
        responses[str(status)] = {"description": ", ".join(slugs), "content": problem}
    return responses


def _refusals(operation: Operation) -> dict[int, list[str]]:
    is_unsafe, by_session = operation.method != "GET", "token" in _CREDENTIALS[operation.access]
    found: dict[int, list[str]] = {}
    for applies, refusals in (
        (True, _EVERYWHERE),
        (is_unsafe, _UNSAFE),
        (operation.body is not None, _WITH_BODY),
        (operation.paged, _PAGED),
        (by_session, _SIGNED_IN),
        (by_session and not is_for_everybody(f"/api/v1{operation.path}"), _WHERE_OPEN),
        (by_session and not operation.before_terms, _AFTER_TERMS),
        (is_unsafe and by_session, _BY_COOKIE),
        (operation.access == "server", _OF_SERVERS),
        (operation.access == "admin", _ADMIN),
        (True, operation.refusals),
    ):
        for status, slugs in refusals.items() if applies else ():
            found.setdefault(status, []).extend(slugs.split(", "))
    return found


def _answer(kind: Any, operation: Operation, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind is None:
        return {"description": "Done"}
    if kind in (bytes, str):
        media_types = operation.media_type.split(", ")
        return {"description": "Content", "content": {each: {} for each in media_types}}
    schema = TypeAdapter(kind).json_schema(mode="serialization", ref_template=_REFS)
    definitions.update(schema.pop("$defs", {}))
    return {"description": "Answer", "content": {operation.media_type: {"schema": schema}}}
