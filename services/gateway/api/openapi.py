"""The description of the API, made from the same table as its routes (OpenAPI 3.1)."""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from services.gateway.api.bodies import Problem
from services.gateway.api.operations import Operation

_REFS = "#/components/schemas/{model}"
_COMMON_REFUSALS = {
    400: "malformed-body", 413: "payload-too-large", 415: "unsupported-media-type",
    422: "invalid-request",
}  # fmt: skip
_EVERYWHERE = {500: "internal-error", 503: "service-unavailable"}


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
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, definitions: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _operation_id(operation),
        "parameters": _parameters(operation),
        "responses": _responses(operation, definitions),
        "security": [] if operation.access == "anyone" else [{"token": []}],
    }
    if operation.body is not None:
        schema = {"$ref": _REFS.format(model=operation.body.__name__)}
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _operation_id(operation: Operation) -> str:
    words = operation.path.replace("{", "").replace("}", "").strip("/").replace("/", "-")
    return f"{operation.method.lower()}-{words}"


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    text = {"type": "string", "minLength": 1, "maxLength": 256}
    found = [{"name": name, "in": "path", "required": True, "schema": text} for name in names]
    found += [{"name": name, "in": "header", "schema": text} for name in operation.headers]
    if operation.method != "GET":
        key = text | {"maxLength": 255}
        found.append({"name": "Idempotency-Key", "in": "header", "schema": key})
    if operation.paged:
        limit = {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
        found.append({"name": "limit", "in": "query", "schema": limit})
        found.append({"name": "after", "in": "query", "schema": {"type": "string"}})
    return found


def _responses(operation: Operation, definitions: dict[str, Any]) -> dict[str, Any]:
    refused = dict(_EVERYWHERE)
    if operation.body is not None:
        refused |= _COMMON_REFUSALS
    if operation.paged or operation.method != "GET":
        refused |= {422: "invalid-request", 409: "request-in-progress"}
    if operation.access != "anyone":
        refused |= {401: "session-required, session-revoked", 403: "csrf-refused"}
    if operation.access == "admin":
        refused |= {403: "not-allowed-by-policy"}
    refused |= operation.refusals
    responses = {
        str(status): _answer(kind, operation, definitions)
        for status, kind in operation.answers.items()
    }
    problem = {"application/problem+json": {"schema": {"$ref": _REFS.format(model="Problem")}}}
    for status, slug in sorted(refused.items()):
        responses[str(status)] = {"description": slug, "content": problem}
    return responses


def _answer(kind: Any, operation: Operation, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind is None:
        return {"description": "Done"}
    if kind in (bytes, str):
        return {"description": "Content", "content": {operation.media_type: {}}}
    schema = TypeAdapter(kind).json_schema(mode="serialization", ref_template=_REFS)
    definitions.update(schema.pop("$defs", {}))
    return {"description": "Answer", "content": {operation.media_type: {"schema": schema}}}
