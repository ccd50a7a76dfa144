"""Refusals as people and programs see them: one problem, rendered as JSON or as a page."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.gateway.errors import MethodNotAllowed, PayloadTooLarge
from services.gateway.requests import Requests
from shared import problems
from shared.contracts.refusals import Refusal
from shared.telemetry import log
from shared.texts import Catalogues

Page = Callable[[web.Request, dict[str, Any]], Awaitable[web.Response]]

_SERVER_ERROR = 500
_OF_SERVERS = {"client-refused", "app-password-refused"}
"""What is refused to other servers, which show who they are in another way than people do."""


@dataclass(frozen=True)
class Problems:
    """Turn refusals into problem documents with texts in the reader's language."""

    catalogues: Catalogues
    requests: Requests

    def document(self, refusal: Refusal, request: web.BaseRequest) -> dict[str, Any]:
        """Return the problem document (RFC 9457)."""
        language = self.requests.language(request)
        withheld = withheld_in(refusal.extra)
        text_id = f"withheld.{withheld}" if withheld else f"problem.{refusal.type}"
        if not self.catalogues.has(f"{text_id}.title"):
            text_id = "problem.internal-error"
        document = refusal.body() | {
            "title": self.catalogues.text(f"{text_id}.title", language),
            "detail": self.catalogues.text(f"{text_id}.detail", language),
            "instance": request.path,
        }
        if refusal.errors:
            told = refusal.errors[: problems.MostErrors]
            document["errors"] = [self._worded(each, language) for each in told]
        return document

    def _worded(self, error: dict[str, str], language: str) -> dict[str, str]:
        text_id = f"reason.{error['reason']}"
        if not self.catalogues.has(text_id):
            text_id = "reason.unfit"
        return error | {"message": self.catalogues.text(text_id, language)}

    def json(self, refusal: Refusal, request: web.BaseRequest) -> web.Response:
        """Return the problem as JSON."""
        return web.Response(
            body=orjson.dumps(self.document(refusal, request)),
            status=refusal.status,
            content_type=problems.CONTENT_TYPE,
            headers=headers_of(refusal),
        )

    def answer(self, error: Exception, request: web.Request) -> web.Response:
        """Return what an error is answered with, as JSON."""
        return self.json(refusal_of(error), request)


def withheld_in(document: Mapping[str, Any]) -> str | None:
    """Return whether policy withholds the whole `portal` or a `part` of it, if it does."""
    withheld = document.get("withheld")
    return withheld and ("portal" if withheld == "portal" else "part")


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Return the headers that go with a refusal."""
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = _challenge(refusal)
    if "allow" in refusal.extra:
        headers["Allow"] = str(refusal.extra["allow"])
    return headers


def _challenge(refusal: Refusal) -> str:
    """Return how to show who one is (RFC 6750, 3, for people and RFC 7617, 2, for servers)."""
    if refusal.type in _OF_SERVERS:
        return 'Basic realm="app-passwords", charset="UTF-8"'
    return f'Bearer error="{refusal.type}"'


def refusal_of(error: Exception) -> Refusal:
    """Return what an error is to the client; what nobody foresaw is logged and tells nothing."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(allow=", ".join(sorted(error.allowed_methods)))
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return PayloadTooLarge()
    refusal = problems.refusal_of(error, lambda _: False)
    if refusal is None:
        log.exception("request-failed", error=repr(error))
        return Refusal()
    return refusal


def middleware(rendered: Problems, page: Page) -> Middleware:
    """Return the middleware that renders every refusal once, by what the client asked for."""

    @web.middleware
    async def render(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            refusal = refusal_of(error)
            if refusal.status >= _SERVER_ERROR:
                # The path itself may hold what nobody else should know, such as a flow's id.
                route = problems.route_of(request)
                log.warning("request-refused", route=route, type=refusal.type)
            if not wants_page(request):
                return rendered.json(refusal, request)
            response = await page(request, rendered.document(refusal, request))
            response.headers.update(headers_of(refusal))
            return response

    return render


def wants_page(request: web.Request) -> bool:
    """Tell whether to answer with a page: outside the API, to who accepts HTML."""
    if request.path.startswith("/api/"):
        return False
    return "text/html" in request.headers.get("Accept", "")
