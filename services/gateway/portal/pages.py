"""The portal's pages (placeholder until the portal's author replaces this file)."""

from typing import Any

from aiohttp import web


class Portal:
    def __init__(self, *args: Any) -> None:
        pass

    def install(self, app: web.Application) -> None:
        pass

    async def problem(self, request: web.Request, document: dict[str, Any]) -> web.Response:
        return web.json_response(document, status=document["status"])
