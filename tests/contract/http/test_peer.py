"""A peer that is away, slow, half there or of another version."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.local.ports import HOST, free
from services.gateway.clients import peer
from services.gateway.clients.peer import Peer
from services.gateway.errors import AnswerLost
from shared.contracts.body import Contract, Done
from shared.contracts.refusals import Refusal, Unavailable
from shared.contracts.sessions import Introspect
from shared.telemetry import new_traceparent, request_id, traceparent

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Answer(Contract):
    number: int


@dataclass
class Far:
    """A service that does what a test says, and remembers what it was asked."""

    session: peer.Session
    requests: list[web.Request] = field(default_factory=list)
    answers: list[Handler] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else fine
        return await answer(request)

    @property
    def peer(self) -> Peer:
        return Peer(self.session, self.url, "key")

    async def ask(self, *, safe: bool = False) -> Answer:
        return await self.peer.ask("/x", Done(), Answer, safe=safe)


async def fine(_request: web.Request) -> web.Response:
    return web.json_response({"number": 7})


async def hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def half(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"num')
    assert request.transport is not None
    request.transport.close()
    return response


async def never(_request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


def says(status: int, text: str, content_type: str = "text/html", **headers: str) -> Handler:
    async def say(_request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type=content_type, headers=headers)

    return say


@pytest.fixture
async def session() -> AsyncIterator[peer.Session]:
    async with peer.connect() as connected:
        yield connected


@pytest.fixture
async def far(session: peer.Session) -> AsyncIterator[Far]:
    made = Far(session)
    app = web.Application()
    app.router.add_post("/x", made.handle)
    app.router.add_get("/livez", fine)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


async def test_a_question_carries_the_key_the_trace_and_the_requests_id(far: Far) -> None:
    trace = new_traceparent()
    traceparent.set(trace)
    request_id.set("r1")
    assert (await far.ask()).number == 7
    (asked,) = far.requests
    assert asked.headers["X-Service-Key"] == "key"
    assert asked.headers["traceparent"] == trace
    assert asked.headers["X-Request-Id"] == "r1"
    assert asked.content_type == "application/json"


async def test_a_service_that_is_starting_is_knocked_at_until_it_is_there(
    session: peer.Session,
) -> None:
    port = free(("far",))["far"]
    made = Far(session, url=f"http://{HOST}:{port}")
    app = web.Application()
    app.router.add_post("/x", made.handle)
    asking = asyncio.create_task(made.ask())
    await asyncio.sleep(0.25)
    assert not asking.done()
    async with TestServer(app, host=HOST, port=port):
        assert (await asking).number == 7
    assert len(made.requests) == 1


async def test_a_service_that_does_not_come_is_unavailable_after_about_a_second(
    session: peer.Session,
) -> None:
    made = Far(session, url=f"http://{HOST}:{free(('far',))['far']}")
    with pytest.raises(Unavailable) as refused:
        async with asyncio.timeout(10):
            await made.ask()
    assert (refused.value.status, refused.value.retry_after) == (503, 2)
    assert not await made.peer.answers()


async def test_a_service_that_takes_no_connection_is_unavailable_after_two_seconds(
    session: peer.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    async def connect(_self: Peer, path: str, _content: bytes) -> bytes:
        tried.append(path)
        raise aiohttp.ConnectionTimeoutError

    monkeypatch.setattr(Peer, "_post", connect)
    for safe in (True, False):
        with pytest.raises(Unavailable) as refused:
            await Far(session, url="http://192.0.2.1").ask(safe=safe)
        assert not isinstance(refused.value, AnswerLost)
    assert len(tried) == 2
    assert session.timeout.connect == 2


async def test_knocking_ends_however_long_each_knock_takes(
    session: peer.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "ReadSeconds", 0.2)
    monkeypatch.setattr(peer, "CallSeconds", 0.2)

    async def slow(_self: Peer, _path: str, _content: bytes) -> bytes:
        await asyncio.sleep(60)
        return b""

    monkeypatch.setattr(Peer, "_post", slow)
    for safe in (True, False):
        with pytest.raises(Unavailable):
            async with asyncio.timeout(5):
                await Far(session, url="http://192.0.2.1").ask(safe=safe)


@pytest.mark.parametrize("broken", [hang_up, half])
async def test_a_call_whose_answer_got_lost_may_have_been_carried_out(
    far: Far, broken: Handler
) -> None:
    far.answers.append(broken)
    with pytest.raises(AnswerLost):
        await far.ask()


async def test_a_service_whose_store_fell_silent_may_have_carried_it_out(far: Far) -> None:
    body = '{"type":"/problems/service-unavailable","status":503}'
    far.answers.append(says(503, body, "application/problem+json", **{"Retry-After": "2"}))
    with pytest.raises(AnswerLost) as refused:
        await far.ask()
    assert (refused.value.type, refused.value.retry_after) == ("service-unavailable", 2)


async def test_a_service_that_is_full_has_carried_out_nothing(far: Far) -> None:
    body = '{"type":"/problems/too-busy","status":503}'
    far.answers.append(says(503, body, "application/problem+json", **{"Retry-After": "1"}))
    with pytest.raises(Refusal) as refused:
        await far.ask()
    assert not isinstance(refused.value, AnswerLost)


async def test_a_service_that_is_a_version_behind_is_sent_no_field_that_says_nothing(
    far: Far,
) -> None:
    sent: list[dict[str, object]] = []

    async def read(request: web.Request) -> web.Response:
        sent.append(await request.json())
        return await fine(request)

    far.answers.append(read)
    await far.peer.ask("/x", Introspect(sub="ada", sid="s", proof="a" * 64), Answer)
    assert sent == [{"sub": "ada", "sid": "s", "proof": "a" * 64}]


@pytest.mark.parametrize("broken", [hang_up, half])
async def test_a_call_that_changes_something_is_not_sent_again(far: Far, broken: Handler) -> None:
    far.answers.append(broken)
    with pytest.raises(Unavailable):
        await far.ask()
    assert len(far.requests) == 1


@pytest.mark.parametrize("broken", [hang_up, half])
async def test_a_call_that_changes_nothing_is_sent_again(far: Far, broken: Handler) -> None:
    far.answers += [broken, broken]
    assert (await far.ask(safe=True)).number == 7
    assert len(far.requests) == 3


async def test_a_call_that_changes_nothing_is_not_sent_for_ever(far: Far) -> None:
    far.answers += [hang_up] * 50
    with pytest.raises(Unavailable):
        await far.ask(safe=True)
    assert len(far.requests) <= 12


@pytest.mark.parametrize("safe", [True, False])
async def test_a_service_that_does_not_answer_in_time_is_unavailable(
    far: Far,
    safe: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    far.answers.append(never)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.2)) as impatient:
        with pytest.raises(Unavailable):
            await Peer(impatient, far.url, "key").ask("/x", Done(), Answer, safe=safe)
    assert len(far.requests) == 1


async def test_a_problem_is_raised_as_the_refusal_it_was(far: Far) -> None:
    body = '{"type":"/problems/sign-in-throttled","status":429,"needs":"patience"}'
    far.answers.append(says(429, body, "application/problem+json", **{"Retry-After": "60"}))
    with pytest.raises(Refusal) as refused:
        await far.ask()
    refusal = refused.value
    assert (refusal.type, refusal.status, refusal.retry_after) == ("sign-in-throttled", 429, 60)
    assert refusal.extra == {"needs": "patience"}


@pytest.mark.parametrize("status", [204, 302, 400, 404, 500, 502])
async def test_whatever_else_a_service_says_is_a_mistake_of_ours(far: Far, status: int) -> None:
    far.answers.append(says(status, "<h1>Oops</h1>"))
    with pytest.raises(Refusal) as refused:
        await far.ask()
    assert (refused.value.type, refused.value.status) == ("internal-error", 500)


async def test_a_service_that_is_a_version_ahead_is_understood(far: Far) -> None:
    far.answers.append(says(200, '{"number": 7, "added_later": [1]}', "application/json"))
    assert (await far.ask()).number == 7


@pytest.mark.parametrize("text", ["", "nonsense", "{}", '{"number": "seven"}', "[]"])
async def test_an_answer_that_is_none_is_not_blamed_on_the_client(far: Far, text: str) -> None:
    far.answers.append(says(200, text, "application/json"))
    with pytest.raises(Unavailable):
        await far.ask()


async def test_no_redirect_takes_the_key_elsewhere(far: Far) -> None:
    elsewhere: list[str | None] = []

    async def take(request: web.Request) -> web.Response:
        elsewhere.append(request.headers.get("X-Service-Key"))
        return web.json_response({"number": 9})

    app = web.Application()
    app.router.add_route("*", "/taken", take)
    async with TestServer(app) as server:
        target = str(server.make_url("/taken"))
        far.answers.append(says(307, "", Location=target))
        with contextlib.suppress(Refusal):
            await far.ask()
    assert elsewhere == []


async def test_a_service_that_is_alive_says_so(far: Far) -> None:
    assert await far.peer.answers()
