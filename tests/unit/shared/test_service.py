"""How a service runs: its tasks, its health, its door."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from shared.contracts.body import Contract
from shared.contracts.refusals import MalformedBody, NotFound
from shared.service import Service, ServiceConfig, application, endpoint, keep_running, read_json
from shared.telemetry import continue_trace, new_traceparent, request_id, traceparent

Client = TestClient[web.Request, web.Application]
KEY = {"X-Service-Key": "the key"}


class Config(ServiceConfig):
    model_config = SettingsConfigDict(env_prefix="TEST_ONLY_")
    port: int = 0
    metrics_port: int = 0


class Greet(Contract):
    name: str


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
