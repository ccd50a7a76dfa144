"""The bare reference of one hop: a front process that asks a back process, both plain aiohttp.

    python -m tests.bench.bare_http back <port>
    python -m tests.bench.bare_http front <port> <port of the back>

No authentication, no cache, no metrics, no validation: what two processes cost by themselves.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import uvloop
from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web

from deploy.local.ports import HOST

PATH = "/api/v1/me"
BODY_BYTES = 750


def _body() -> bytes:
    padding = "x" * (BODY_BYTES - len('{"padding": ""}'))
    return f'{{"padding": "{padding}"}}'.encode()


def back() -> web.Application:
    """Answer with a body of JSON that was made beforehand."""
    body = _body()

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_post(PATH, answer)
    app.router.add_get("/livez", answer)
    return app


def front(back_port: int) -> web.Application:
    """Pass what the back answers on."""
    url = f"http://{HOST}:{back_port}{PATH}"
    app = web.Application()
    session = web.AppKey("session", ClientSession)

    async def connect(app: web.Application) -> AsyncIterator[None]:
        connector = TCPConnector(limit=0)
        async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as opened:
            app[session] = opened
            yield

    async def answer(request: web.Request) -> web.Response:
        async with request.app[session].post(url, data=b"{}") as response:
            body = await response.read()
        return web.Response(body=body, content_type="application/json")

    app.cleanup_ctx.append(connect)
    app.router.add_get(PATH, answer)
    return app


async def _serve(app: web.Application, port: int) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    role, *ports = sys.argv[1:]
    chosen = back() if role == "back" else front(int(ports[1]))
    uvloop.run(_serve(chosen, int(ports[0])))
