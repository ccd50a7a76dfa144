"""How a service runs: starts without its peers, tells how it is, and drains when told to end."""

import asyncio
import hmac
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
import uvloop
from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings

from shared import memory, problems
from shared.contracts.body import Contract, Done
from shared.contracts.refusals import MalformedBody, Refusal
from shared.telemetry import REQUESTS, configure_logging, continue_trace, log, request_id

DrainSeconds = 15.0
# What the gateway sends at most: a PDF in base64, or a version of terms in all languages.
_LARGEST_BODY = 8 * 1024 * 1024
_CHECK_SECONDS = 1.0
_CANCEL_AGAIN_SECONDS = 0.5
_SERVICE_KEY_HEADER = "X-Service-Key"

M = TypeVar("M", bound=Contract)
T = TypeVar("T")
Task = Callable[[], Awaitable[None]]
Check = Callable[[], Awaitable[bool]]
Refused = Callable[[web.BaseRequest, Refusal], web.Response]


class ServiceConfig(BaseSettings):
    """What every service is told: where it listens."""

    host: str = "127.0.0.1"
    port: int
    metrics_port: int
    service_key: SecretStr


class Unauthenticated(Refusal):
    """The caller is not the gateway."""

    type, status = "service-key-required", 401


def _without_texts(_request: web.BaseRequest, refusal: Refusal) -> web.Response:
    return problems.rendered(refusal)


@dataclass
class Service:
    """An aiohttp application with what has to run beside it.

    `tasks` are kept running whatever happens to them. `needs` answers, by name, whether what the
    service cannot answer without is there, `wants` the same for what it can do without for a
    while; `missing` names whatever else is away.
    `stops` are awaited in order after the last request was answered, and then the tasks are ended.
    What tasks use is closed by the application's `on_cleanup`, after both. `refused` renders what
    the HTTP server refuses before the application is asked.
    """

    name: str
    app: web.Application
    tasks: Sequence[Task] = ()
    needs: Mapping[str, Check] = field(default_factory=dict)
    wants: Mapping[str, Check] = field(default_factory=dict)
    missing: Callable[[], list[str]] = list
    stops: Sequence[Task] = ()
    refused: Refused = _without_texts

    def __post_init__(self) -> None:
        """Add the health routes and tie the tasks to the application's life."""
        self.app.router.add_get("/livez", self._alive)
        self.app.router.add_get("/readyz", self._ready)
        self.app.cleanup_ctx.append(self._run_tasks)

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ready(self, _request: web.Request) -> web.Response:
        absent, wanted = await asyncio.gather(_absent(self.needs), _absent(self.wants))
        body = {"ready": not absent, "missing": [*absent, *wanted, *self.missing()]}
        return web.json_response(body, status=503 if absent else 200)

    async def _run_tasks(self, _app: web.Application) -> AsyncIterator[None]:
        running = [asyncio.create_task(keep_running(task)) for task in self.tasks]
        yield
        for stop in self.stops:
            await stop()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _absent(checks: Mapping[str, Check]) -> list[str]:
    """Return the names of those that do not answer in time."""

    async def answers(check: Check) -> bool:
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                return await check()
        except TimeoutError:
            return False

    answered = await asyncio.gather(*(answers(check) for check in checks.values()))
    return [name for name, there in zip(checks, answered, strict=True) if not there]


async def keep_running(task: Task) -> None:
    """Run a task for ever: when it ends or fails, in whatever way, it is begun again.

    A library may end a task with a CancelledError of its own, so the task runs in one of
    its own and only a cancellation of this one ends it.
    """
    while True:
        running = asyncio.ensure_future(task())
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError:
            await end(running)
            raise
        error = None if running.cancelled() else running.exception()
        log.error("task-ended", task=getattr(task, "__qualname__", str(task)), error=repr(error))
        await asyncio.sleep(0.5)


async def end(task: asyncio.Future[Any]) -> None:
    """Cancel a task until it has ended.

    `asyncio.wait_for` of Python 3.11, which the store's driver reads with, drops a cancellation
    that meets what it waits for, and the task would go on for ever.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_AGAIN_SECONDS)


def endpoint(
    path: str, body: type[M], use_case: Callable[[M], Awaitable[BaseModel | None]]
) -> web.RouteDef:
    """Return the route that parses a contract, makes one call and renders what it answers."""

    async def handle(request: web.Request) -> web.Response:
        answer = await use_case(body.model_validate_json(await request.read()))
        return json_answer(answer if answer is not None else Done())

    return web.post(path, handle)


def json_answer(answer: BaseModel) -> web.Response:
    """Return a contract as JSON."""
    return web.Response(body=answer.model_dump_json().encode(), content_type="application/json")


def only_for_the_gateway(key: SecretStr) -> Middleware:
    """Return the middleware that lets nobody in without the service key, but for health."""
    expected = key.get_secret_value().encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(_SERVICE_KEY_HEADER, "").encode()
        if request.path not in {"/livez", "/readyz"} and not hmac.compare_digest(given, expected):
            raise Unauthenticated
        return await handler(request)

    return check


def measured(service: str) -> Middleware:
    """Return the middleware that times requests and continues their trace."""
    series: dict[tuple[str, int], Callable[[float], None]] = {}

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = time.perf_counter()
        continue_trace(request.headers.get("traceparent"))
        request_id.set(request.headers.get("X-Request-Id"))
        response = await handler(request)
        route = problems.route_of(request)
        key = (route, response.status)
        if (observe := series.get(key)) is None:
            observe = series[key] = REQUESTS.labels(service, route, str(response.status)).observe
        observe(time.perf_counter() - begun)
        return response

    return measure


def application(
    name: str, config: ServiceConfig, is_outage: Callable[[BaseException], bool]
) -> web.Application:
    """Return an application for a service that only the gateway calls."""
    return web.Application(
        middlewares=[
            measured(name),
            problems.middleware(is_outage),
            only_for_the_gateway(config.service_key),
        ],
        client_max_size=_LARGEST_BODY,
    )


def read_json(body: bytes) -> object:
    """Parse JSON or raise `MalformedBody`."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody from error


class _Connection(web.RequestHandler):
    """Says in our words what aiohttp says in plain text, with its name and version."""

    def __init__(self, server: "_Server", **options: Any) -> None:
        super().__init__(server, **options)
        self._refused = server.refused

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp passes it by name
    ) -> web.StreamResponse:
        """Answer what could not be parsed, or failed outside of every middleware."""
        if request.writer.output_size > 0:
            raise ConnectionError("An answer was begun already.")
        if isinstance(exc, HttpProcessingError):
            # Its text repeats what was sent, which may be a cookie.
            log.warning("request-unreadable", error=type(exc).__name__)
        else:
            log.error("request-failed", status=status, exc_info=exc)
        response = self._refused(request, problems.refusal_by_status(status))
        response.force_close()
        return response


class _Server(web.Server):
    """Makes the connections of an application."""

    def __init__(self, refused: Refused, application: web.Server, **options: Any) -> None:
        self.refused = refused

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            try:
                return await application.request_handler(request)
            except web.HTTPExpectationFailed as failed:
                # Expect headers are looked at before any middleware is called.
                return refused(request, problems.refusal_by_status(failed.status))

        super().__init__(handle, request_factory=application.request_factory, **options)

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of one connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs a service's application, whose refusals are problem documents without exception."""

    def __init__(self, service: Service, **options: Any) -> None:
        super().__init__(service.app, access_log=None, **options)
        self._refused = service.refused

    async def _make_server(self) -> web.Server:
        return _Server(self._refused, await super()._make_server(), **self._kwargs)


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _serve(service: Service, config: ServiceConfig) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    metrics = web.Application()
    metrics.router.add_get("/metrics", _metrics)
    runner = Runner(service, shutdown_timeout=DrainSeconds)
    beside = web.AppRunner(metrics, access_log=None)
    await runner.setup()
    await beside.setup()
    await web.TCPSite(runner, config.host, config.port, backlog=1024).start()
    await web.TCPSite(beside, config.host, config.metrics_port).start()
    log.info("started", service=service.name, port=config.port, pid=os.getpid())
    await ended.wait()
    log.info("draining", service=service.name)
    await runner.cleanup()
    await beside.cleanup()


def serve(build: Callable[[], Service], config: ServiceConfig) -> None:
    """Build the service inside its event loop and run it until SIGTERM or SIGINT."""

    async def main() -> None:
        service = build()
        configure_logging(service.name)
        memory.settle()
        try:
            await _serve(service, config)
        finally:
            await _end_all_others()

    uvloop.run(main())


async def _end_all_others() -> None:
    """End what libraries have left running, which the end of the event loop cancels only once."""
    await asyncio.gather(*map(end, asyncio.all_tasks() - {asyncio.current_task()}))


def command(
    name: str,
    work: Coroutine[Any, Any, T],
    is_outage: Callable[[BaseException], bool] = lambda _error: False,
) -> T:
    """Do what an operator asks of a service, or end with 1 where its store is away.

    What it says goes to standard output, into a file as often as not, and so the log does not.
    """
    configure_logging(name, sys.stderr)
    try:
        return uvloop.run(work)
    except Exception as error:
        if not is_outage(error):
            raise
        sys.exit("The store does not answer. Run this again when it does.")


def install(steps: Callable[[], Awaitable[None]], *, within_seconds: float = 60.0) -> None:
    """Run a service's install step, waiting for the servers it needs to come up."""

    async def patient() -> None:
        last = time.monotonic() + within_seconds
        while True:
            try:
                return await steps()
            except Exception as error:
                # Whatever is not there yet fails in its own way; the last failure is shown.
                if time.monotonic() > last:
                    raise
                log.warning("install-waits", error=repr(error))
                await asyncio.sleep(1)

    uvloop.run(patient())
