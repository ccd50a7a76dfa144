"""The API's own description, as a document for programs and a page for people."""

from dataclasses import dataclass
from typing import Any

import aiohttp_jinja2
import orjson
from aiohttp import web

from services.gateway.api.openapi import document
from services.gateway.api.operations import Operation


@dataclass(frozen=True)
class Documents:
    """Serve `openapi.json` and the page that shows it."""

    operations: list[Operation]
    server: str

    def routes(self) -> list[web.RouteDef]:
        """Return the two routes."""
        return [web.get("/api/v1/openapi.json", self._json), web.get("/api/v1/docs", self._page)]

    def described(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return document(self.operations, server=self.server)

    async def _json(self, _request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(self.described()), content_type="application/json")

    async def _page(self, request: web.Request) -> web.Response:
        return await aiohttp_jinja2.render_template_async(
            "api.html", request, {"api": self.described()}
        )
