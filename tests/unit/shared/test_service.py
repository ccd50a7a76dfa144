"""How a service runs: its tasks, its health, its door."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from multiprocessing import get_context
from typing import Literal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.contracts.body import Contract, Secret
from shared.contracts.refusals import MalformedBody, NotFound
from shared.problems import MostErrors
from shared.service import (
    Runner,
    Service,
    ServiceConfig,
    application,
    endpoint,
    keep_running,
    read_json,
    serve,
)
from shared.telemetry import continue_trace, new_traceparent, request_id, traceparent

Client = TestClient[web.Request, web.Application]
KEY = {"X-Service-Key": "the key"}


class Config(ServiceConfig):
    model_config = SettingsConfigDict(env_prefix="TEST_ONLY_")
    port: int = 0
    metrics_port: int = 0


class Greet(Contract):
    name: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z]+$")
    times: int = Field(default=1, le=3)
    others: tuple[str, ...] = Field(default=(), max_length=2)
    secret: Secret | None = Field(default=None, max_length=8)
    tone: Literal["kind", "formal"] = "kind"


class Greeting(Contract):
    text: str


class StoreAwayError(Exception):
    pass


async def greet(asked: Greet) -> Greeting | None:
    if asked.name == "nobody":
        raise NotFound(cause="nobody")
    if asked.name == "away":
        raise StoreAwayError
    if asked.name == "broken":
        raise ValueError("the password is hunter2")
    return Greeting(text=f"Hello {asked.name}") if asked.name != "mute" else None


def config() -> Config:
    return Config(service_key=SecretStr("the key"))


def app() -> web.Application:
    made = application("greeter", config(), lambda error: isinstance(error, StoreAwayError))
    made.add_routes([endpoint("/greet", Greet, greet)])
    return made


@asynccontextmanager
async def client_of(service: Service) -> AsyncIterator[Client]:
    async with TestClient(TestServer(service.app)) as client:
        yield client


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with client_of(Service("greeter", app())) as started:
        yield started


async def test_an_endpoint_parses_calls_and_renders(client: Client) -> None:
    answered = await client.post("/greet", json={"name": "Ada"}, headers=KEY)
    assert (answered.status, await answered.json()) == (200, {"text": "Hello Ada"})


async def test_an_endpoint_with_nothing_to_say_says_that_it_is_done(client: Client) -> None:
    answered = await client.post("/greet", json={"name": "mute"}, headers=KEY)
    assert (answered.status, await answered.json()) == (200, {})


@pytest.mark.parametrize("headers", [{}, {"X-Service-Key": "another"}, {"X-Service-Key": ""}])
async def test_nobody_comes_in_without_the_service_key(
    client: Client, headers: dict[str, str]
) -> None:
    answered = await client.post("/greet", json={"name": "Ada"}, headers=headers)
    assert answered.status == 401
    assert (await answered.json(content_type=None))["type"] == "/problems/service-key-required"


async def test_not_even_what_there_is_is_told_without_the_service_key(client: Client) -> None:
    for path in ("/nothing", "/greet"):
        assert (await client.get(path)).status in {401, 405}
    assert (await client.get("/nothing")).status == 401


@pytest.mark.parametrize("name", ["livez", "readyz"])
async def test_health_is_told_to_everybody(client: Client, name: str) -> None:
    assert (await client.get(f"/{name}")).status == 200


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b'{"name": "nobody"}', 404, "not-found"),
        (b'{"name": "away"}', 503, "service-unavailable"),
        (b'{"name": "broken"}', 500, "internal-error"),
        (b'{"name": "Ada", "is_admin": true}', 422, "invalid-request"),
        (b'{"name": 1}', 422, "invalid-request"),
        (b"{}", 422, "invalid-request"),
        (b"nonsense", 422, "invalid-request"),
        (b"", 422, "invalid-request"),
        (b'{"name": "\xff"}', 422, "invalid-request"),
    ],
)
async def test_every_refusal_is_a_problem_document(
    client: Client, body: bytes, status: int, slug: str
) -> None:
    answered = await client.post("/greet", data=body, headers=KEY)
    assert (answered.status, answered.content_type) == (status, "application/problem+json")
    document = await answered.json(content_type=None)
    assert (document["type"], document["status"]) == (f"/problems/{slug}", status)
    assert "hunter2" not in str(document)
    assert ("Retry-After" in answered.headers) == (status == 503)


async def test_an_unknown_address_is_a_problem_document_too(client: Client) -> None:
    answered = await client.post("/nothing", headers=KEY)
    assert (answered.status, answered.content_type) == (404, "application/problem+json")


async def test_a_body_that_is_not_compressed_as_it_says_is_malformed(client: Client) -> None:
    headers = KEY | {"Content-Encoding": "gzip"}
    answered = await client.post("/greet", data=b'{"name": "Ada"}', headers=headers)
    assert answered.status == 400
    assert (await answered.json(content_type=None))["type"] == "/problems/malformed-body"


async def test_no_more_faults_are_told_than_anybody_reads(client: Client) -> None:
    body = {"x" * 9000: 1} | {f"field-{number}": 1 for number in range(1000)}
    answered = await client.post("/greet", json=body, headers=KEY)
    document = await answered.json(content_type=None)
    assert len(document["errors"]) == MostErrors
    assert len(await answered.read()) < 8000


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"{}", "name", "missing"),
        (b'{"name": 1}', "name", "wrong-type"),
        (b'{"name": "Ada", "is_admin": true}', "is_admin", "unknown-field"),
        (b'{"name": "%s"}' % (b"x" * 101), "name", "too-long"),
        (b'{"name": ""}', "name", "missing"),
        (b'{"name": "Ada", "secret": "%s"}' % (b"x" * 9), "secret", "too-long"),
        (b'{"name": "_"}', "name", "wrong-format"),
        (b'{"name": "Ada", "times": 9}', "times", "out-of-range"),
        (b'{"name": "Ada", "others": ["x", "y", "z"]}', "others", "too-many"),
        (b'{"name": "Ada", "tone": "loud"}', "tone", "not-a-choice"),
        (b"[]", "", "wrong-type"),
        (b"nonsense", "", "unfit"),
    ],
)
async def test_what_is_wrong_with_a_field_has_a_stable_name_of_our_own(
    client: Client, body: bytes, field: str, reason: str
) -> None:
    answered = await client.post("/greet", data=body, headers=KEY)
    document = await answered.json(content_type=None)
    assert document["errors"] == [{"field": field, "reason": reason, "message": reason}]


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[int]:
    """Run a service as it runs on its own, and say on which port."""
    runner = Runner(service)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site.port is not None
    try:
        yield site.port
    finally:
        await runner.cleanup()


async def answer_to(port: int, sent: bytes) -> tuple[str, str]:
    """Send bytes as they are, and return the head and the body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
    writer.close()
    return head.decode(), body.decode()


UNREADABLE = [
    (b"nonsense\r\n\r\n", 400, "malformed-request"),
    (b"GET /livez HTTP/1.1\r\nX: %s\r\n\r\n" % (b"y" * 10_000), 400, "malformed-request"),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400, "malformed-request"),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", 417, "expectation-failed"),
    (b"GET /none HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", 417, "expectation-failed"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "status", "slug"), UNREADABLE)
async def test_what_the_http_server_refuses_by_itself_is_a_problem_document_too(
    sent: bytes, status: int, slug: str
) -> None:
    async with served(Service("greeter", app())) as port:
        head, body = await answer_to(port, sent)
    assert head.startswith((f"HTTP/1.1 {status} ", f"HTTP/1.0 {status} "))
    assert "application/problem+json" in head
    assert body == f'{{"type":"/problems/{slug}","status":{status}}}'


async def test_what_could_not_be_read_is_not_written_to_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    sent = b"GET /livez HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n\r\n" % (b"hunter2" * 2000)
    async with served(Service("greeter", app())) as port:
        await answer_to(port, sent)
    assert "hunter2" not in caplog.text + "".join(capsys.readouterr())


async def test_whoever_may_go_on_is_told_to(client: Client) -> None:
    answered = await client.post("/greet", json={"name": "Ada"}, headers=KEY, expect100=True)
    assert answered.status == 200


async def test_a_request_continues_its_callers_trace_and_keeps_its_id() -> None:
    seen: list[tuple[str | None, str | None]] = []

    async def look(asked: Greet) -> None:
        seen.append((traceparent.get(), request_id.get()))

    made = application("greeter", config(), lambda _: False)
    made.add_routes([endpoint("/look", Greet, look)])
    trace = new_traceparent()
    async with client_of(Service("greeter", made)) as client:
        headers = KEY | {"traceparent": trace, "X-Request-Id": "r1"}
        await client.post("/look", json={"name": "x"}, headers=headers)
    assert seen == [(trace, "r1")]


@pytest.mark.parametrize("parent", [None, "", "nonsense", "00-short-01", "x" * 55, "-" * 55])
def test_a_trace_that_is_none_is_begun_anew(parent: str | None) -> None:
    adopted = continue_trace(parent)
    assert adopted != parent
    assert len(adopted) == 55
    assert adopted == traceparent.get()


def check(*, there: bool, after: float = 0) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        await asyncio.sleep(after)
        return there

    return asked


async def test_a_service_is_ready_when_what_it_needs_answers() -> None:
    service = Service(
        "greeter", app(), needs={"store": check(there=True)}, wants={"cache": check(there=False)}
    )
    async with client_of(service) as client:
        answered = await client.get("/readyz")
        assert answered.status == 200
        assert await answered.json() == {"ready": True, "missing": ["cache"]}


async def test_a_service_says_what_it_waits_for() -> None:
    service = Service(
        "greeter", app(), needs={"store": check(there=False)}, missing=lambda: ["rabbitmq queue x"]
    )
    async with client_of(service) as client:
        answered = await client.get("/readyz")
        assert answered.status == 503
        assert await answered.json() == {"ready": False, "missing": ["store", "rabbitmq queue x"]}
        assert (await client.get("/livez")).status == 200


async def test_what_does_not_answer_in_time_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.service._CHECK_SECONDS", 0.05)
    service = Service("greeter", app(), needs={"store": check(there=True, after=60)})
    async with client_of(service) as client:
        assert (await client.get("/readyz")).status == 503


async def test_a_service_ends_its_tasks_after_its_stops() -> None:
    order: list[str] = []

    async def task() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            order.append("task ended")

    async def stop() -> None:
        order.append("stopped")

    async with client_of(Service("greeter", app(), tasks=[task], stops=[stop])) as client:
        await client.get("/livez")
    assert order == ["stopped", "task ended"]


async def ended_three_times(end: Callable[[], Awaitable[None]]) -> int:
    times = 0
    thrice = asyncio.Event()

    async def task() -> None:
        nonlocal times
        times += 1
        if times == 3:
            thrice.set()
            await asyncio.sleep(60)
        await end()

    running = asyncio.create_task(keep_running(task))
    await thrice.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return times


async def test_a_task_ends_though_a_cancellation_of_it_was_dropped() -> None:
    dropped = 0

    async def task() -> None:
        nonlocal dropped
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                dropped += 1
                if dropped == 2:
                    raise

    running = asyncio.create_task(keep_running(task))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 10)
    assert dropped == 2


def serves_beside_what_drops_a_cancellation() -> None:
    """Serve, and be told to end at once, beside a task that nobody ends."""

    async def lingers() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    async def begin(app: web.Application) -> None:
        app["lingering"] = asyncio.create_task(lingers())

    def build() -> Service:
        made = app()
        made.on_startup.append(begin)
        return Service("greeter", made)

    serve(build, config())


def test_a_process_ends_though_a_task_of_a_library_drops_a_cancellation() -> None:
    process = get_context("spawn").Process(target=serves_beside_what_drops_a_cancellation)
    process.start()
    process.join(30)
    ended = process.exitcode
    process.kill()
    process.join()
    assert ended == 0


async def returns() -> None:
    return


async def fails() -> None:
    raise ZeroDivisionError


async def is_cancelled_by_a_library() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("end", [returns, fails, is_cancelled_by_a_library])
async def test_a_task_that_ends_in_whatever_way_is_begun_again(
    end: Callable[[], Awaitable[None]],
) -> None:
    assert await ended_three_times(end) == 3


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"\\ud800"', b"NaN", b"[" * 2000])
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_json(body)


def test_a_service_has_no_default_for_its_secrets() -> None:
    assert ServiceConfig.model_fields["service_key"].is_required()
    assert "the key" not in repr(config())
