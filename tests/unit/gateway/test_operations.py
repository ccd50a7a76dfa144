"""Operations: read, check, act once for every Idempotency-Key, and refuse in one form."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import structlog.testing
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import BaseModel

from services.gateway.acceptance import Acceptance
from services.gateway.administration import Administration
from services.gateway.api import operations
from services.gateway.api.bodies import ConfirmBody
from services.gateway.api.operations import (
    Answer,
    AnswerSeconds,
    Call,
    LargestKeptAnswer,
    Operation,
    Operations,
)
from services.gateway.clients.peer import CallSeconds, ReadSeconds
from services.gateway.errors import ConfirmationRequired, NotAllowedByPolicy, SessionIsRevoked
from services.gateway.headers import guarded, identified
from services.gateway.model import Caller
from services.gateway.rendering import Problems, middleware
from services.gateway.requests import Requests
from services.gateway.sealing import Sealer
from services.gateway.store import ClaimSeconds
from shared.contracts.profile import Organization, Person
from shared.contracts.refusals import Busy, InvalidRequest, Refusal, Unavailable
from shared.problems import MostErrors
from shared.texts import Catalogues
from tests.memory.gateway import MemoryAnswers
from tests.unit.gateway.sessions import Sessions, token_of

Client = TestClient[web.Request, web.Application]
Act = Callable[[Call], Awaitable[Answer | web.StreamResponse]]


class Told(BaseModel):
    """What the operation of these tests answers."""

    times: int


@dataclass(frozen=True)
class Admins(Administration):
    """Whoever is called ada is an admin."""

    async def admin(self, caller: Caller) -> Person:
        if caller.sub != "ada":
            raise NotAllowedByPolicy
        organization = Organization(id="halden", name="Halden")
        return Person(sub="ada", user_id="ada", display_name="Ada", home_organization=organization)


@dataclass
class System:
    """One operation in an application of its own, and what it was called with."""

    sessions: Sessions = field(default_factory=Sessions)
    answers: MemoryAnswers = field(default_factory=MemoryAnswers)
    calls: list[Call] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    wait: asyncio.Event | None = None
    says: bytes = b""

    def __post_init__(self) -> None:
        self.sessions.epochs["eve"] = 1
        catalogues = Catalogues.load()
        self.requests = Requests(
            Acceptance(self.sessions.cache, self.sessions),
            Admins(None, None, None),  # type: ignore[arg-type]
            Sealer(b"the secret of a test, long enough"),
            catalogues,
            (),
        )
        self.problems = Problems(catalogues, self.requests)
        self.operations = Operations(self.requests, self.answers, self.problems.answer)

    async def act(self, call: Call) -> Answer:
        self.calls.append(call)
        self.begun.set()
        if self.wait is not None:
            await self.wait.wait()
        if self.fails:
            raise self.fails.pop()
        told = self.says or Told(times=len(self.calls))
        return Answer(told, 202, headers={"Receipt-Token": "secret"})

    async def list(self, call: Call) -> Answer:
        return Answer(f"[{call.limit}]".encode())

    async def page(self, call: Call) -> Answer:
        return Answer(str(call.after).encode())

    async def read(self, call: Call) -> Answer:
        return Answer(orjson.dumps(call.known_caller.sub if call.known_caller else None))

    async def break_down(self, _call: Call) -> Answer:
        raise Unavailable

    def app(self) -> web.Application:
        async def page(request: web.Request, problem: dict[str, Any]) -> web.Response:
            text = f"<p>{problem['title']}</p>"
            return web.Response(text=text, status=problem["status"], content_type="text/html")

        table = [
            Operation("POST", "/things", "Make", self.act, body=ConfirmBody),
            Operation("DELETE", "/things/{id}", "End", self.act),
            Operation("POST", "/open", "Make", self.act, "anyone", body=ConfirmBody),
            Operation("POST", "/rule", "Rule", self.act, "admin"),
            Operation("GET", "/things", "List", self.list, "anyone", paged=True),
            Operation("GET", "/pages", "Page", self.page, "anyone", paged=True),
            Operation("GET", "/receipts/{id}", "Read", self.read, "receipt"),
            Operation("GET", "/events", "Follow", self.read, renews=False),
            Operation("POST", "/flows/{flow}", "Fail", self.break_down, "anyone"),
        ]
        app = web.Application(
            middlewares=[identified, middleware(self.problems, page)], client_max_size=1024
        )
        app.on_response_prepare.append(guarded("https://portal.example"))
        app.add_routes([self.operations.route(each) for each in table])
        return app


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
async def client(system: System) -> AsyncIterator[Client]:
    async with TestClient(TestServer(system.app())) as started:
        yield started


@pytest.fixture
def ada(system: System) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of(system.sessions.begin())}"}


async def make(
    client: Client, headers: dict[str, str], *, key: str | None = None, confirm: bool = True
) -> ClientResponse:
    keyed = headers | ({"Idempotency-Key": key} if key is not None else {})
    return await client.post("/api/v1/things", json={"confirm": confirm}, headers=keyed)


async def problem_of(response: ClientResponse, status: int, slug: str) -> dict[str, Any]:
    assert response.status == status
    assert response.content_type == "application/problem+json"
    document: dict[str, Any] = await response.json(content_type=None)
    assert document["type"] == f"/problems/{slug}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == response.url.path
    return document


async def test_a_repeated_request_gets_the_first_answer_and_acts_once(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    first = await make(client, ada, key="k")
    again = await make(client, ada, key="k")
    assert first.status == again.status == 202
    assert await first.json() == await again.json() == {"times": 1}
    assert again.headers["Receipt-Token"] == first.headers["Receipt-Token"] == "secret"
    assert again.content_type == "application/json"
    assert len(system.calls) == 1


async def test_without_a_key_every_request_acts(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    for _ in range(2):
        await make(client, ada)
    assert len(system.calls) == 2


async def test_another_body_under_the_same_key_is_refused(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    await make(client, ada, key="k")
    other = await make(client, ada, key="k", confirm=False)
    await problem_of(other, 422, "idempotency-key-reused")
    assert len(system.calls) == 1


async def test_another_operation_under_the_same_key_is_refused(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    await make(client, ada, key="k")
    ended = await client.delete("/api/v1/things/1", headers=ada | {"Idempotency-Key": "k"})
    await problem_of(ended, 422, "idempotency-key-reused")
    assert len(system.calls) == 1


async def test_a_key_belongs_to_who_shows_the_same_credential(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    eve = {"Authorization": f"Bearer {token_of(system.sessions.begin('eve'))}"}
    await make(client, ada, key="k")
    assert await (await make(client, eve, key="k")).json() == {"times": 2}


async def test_the_answer_is_given_again_though_the_session_ended(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    first = await make(client, ada, key="k")
    system.sessions.epochs["ada"] = 2
    again = await make(client, ada, key="k")
    assert await again.json() == await first.json()
    await problem_of(await make(client, ada, key="another"), 401, "session-revoked")


async def test_a_refusal_is_an_answer_and_is_given_again(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    system.fails.append(NotAllowedByPolicy())
    for _ in range(2):
        await problem_of(await make(client, ada, key="k"), 403, "not-allowed-by-policy")
    assert len(system.calls) == 1


@pytest.mark.parametrize("error", [Busy(), Refusal(), ZeroDivisionError()])
async def test_what_failed_on_our_side_is_tried_again(
    system: System, client: Client, ada: dict[str, str], error: Exception
) -> None:
    system.fails.append(error)
    assert (await make(client, ada, key="k")).status >= 500
    assert (await make(client, ada, key="k")).status == 202
    assert len(system.calls) == 2


async def test_who_was_told_to_come_back_later_may_do_so_with_the_same_key(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    throttled = Refusal(retry_after=1)
    throttled.type, throttled.status = "sign-in-throttled", 429
    system.fails.append(throttled)
    assert (await make(client, ada, key="k")).status == 429
    assert (await make(client, ada, key="k")).status == 202


async def test_a_refusal_that_is_given_again_keeps_its_headers(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    system.sessions.epochs["ada"] = 2
    for _ in range(2):
        answered = await make(client, ada, key="k")
        await problem_of(answered, 401, "session-revoked")
        assert answered.headers["WWW-Authenticate"] == 'Bearer error="session-revoked"'


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"nonsense", 400), (b'{"confirm": 1}', 422), (b"[]", 422), (b" " * 2000, 413)],
)
async def test_a_request_that_was_never_begun_leaves_nothing_behind(
    system: System, client: Client, ada: dict[str, str], content: bytes, status: int
) -> None:
    for shown in (ada, {}):
        path = "/api/v1/things" if shown else "/api/v1/open"
        headers = shown | {"Idempotency-Key": "k", "Content-Type": "application/json"}
        answered = await client.post(path, data=content, headers=headers)
        assert answered.status == status
    assert system.answers.answers == {}


async def test_who_has_no_session_leaves_nothing_behind(system: System, client: Client) -> None:
    session = system.sessions.begin()
    system.sessions.epochs["ada"] = 2
    for token in ("", "x", token_of(session)):
        shown = {"Authorization": f"Bearer {token}"}
        assert (await make(client, shown, key="k")).status == 401
    assert system.answers.answers == {}


@pytest.mark.parametrize(
    "error", [SessionIsRevoked(), InvalidRequest(), ConfirmationRequired(), Busy()]
)
async def test_a_refusal_that_decides_nothing_is_not_kept(
    system: System, client: Client, ada: dict[str, str], error: Exception
) -> None:
    system.fails.append(error)
    assert (await make(client, ada, key="k")).status >= 400
    assert (await make(client, ada, key="k")).status == 202


async def test_of_people_who_are_not_signed_in_only_what_was_carried_out_is_kept(
    system: System, client: Client
) -> None:
    async def send(key: str) -> int:
        headers = {"Idempotency-Key": key}
        return (await client.post("/api/v1/open", json={}, headers=headers)).status

    system.fails.append(NotAllowedByPolicy())
    assert await send("refused") == 403
    assert system.answers.answers == {}
    assert [await send("done"), await send("done")] == [202, 202]
    assert len(system.calls) == 2


async def test_an_answer_that_is_too_large_is_not_kept(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    system.says = b'"%s"' % (b"x" * LargestKeptAnswer)
    assert (await make(client, ada, key="k")).status == 202
    assert system.answers.answers == {}


async def test_no_request_outlives_its_claim(
    system: System, client: Client, ada: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AnswerSeconds + 2 < ClaimSeconds
    assert 2 * ReadSeconds + CallSeconds < AnswerSeconds
    monkeypatch.setattr(operations, "AnswerSeconds", 0.05)
    system.wait = asyncio.Event()
    answered = await make(client, ada, key="k")
    await problem_of(answered, 503, "service-unavailable")
    assert system.answers.answers == {}


async def test_while_the_first_is_being_answered_the_second_is_told_to_wait(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    system.wait = asyncio.Event()
    first = asyncio.create_task(make(client, ada, key="k"))
    await system.begun.wait()
    second = await make(client, ada, key="k")
    await problem_of(second, 409, "request-in-progress")
    assert second.headers["Retry-After"] == "1"
    system.wait.set()
    assert (await first).status == 202
    assert (await make(client, ada, key="k")).status == 202
    assert len(system.calls) == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "k\u00e9y"])
async def test_a_key_that_is_none_is_refused(
    system: System, client: Client, ada: dict[str, str], key: str
) -> None:
    answered = await make(client, ada, key=key)
    document = await problem_of(answered, 422, "invalid-request")
    assert document["errors"][0]["field"] == "Idempotency-Key"
    assert system.calls == []


async def test_the_longest_key_is_taken(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    for _ in range(2):
        assert (await make(client, ada, key="k" * 255)).status == 202
    assert len(system.calls) == 1


async def test_a_cookie_alone_opens_no_kept_answer(system: System, client: Client) -> None:
    token = token_of(system.sessions.begin())
    cookie = {"Cookie": f"__Host-session={token}"}
    csrf = {"X-CSRF-Token": system.requests.csrf_token(token)}
    assert (await make(client, cookie | csrf, key="k")).status == 202
    stolen = await make(client, cookie, key="k")
    assert stolen.status in {403, 422}
    assert "times" not in await stolen.text()


async def test_a_get_ignores_the_key(client: Client) -> None:
    for limit in (1, 2):
        answered = await client.get(
            f"/api/v1/things?limit={limit}", headers={"Idempotency-Key": "k"}
        )
        assert await answered.text() == f"[{limit}]"


@pytest.mark.parametrize(("query", "limit"), [("", 50), ("limit=1", 1), ("limit=200", 200)])
async def test_a_page_has_one_to_two_hundred_items(client: Client, query: str, limit: int) -> None:
    answered = await client.get(f"/api/v1/things?{query}")
    assert await answered.text() == f"[{limit}]"


@pytest.mark.parametrize(
    "limit",
    [
        "0", "201", "-1", "", "x", "1.5", "1e2", "+1", "%20", "\u0665", "9" * 5000, "0x10", "1_0",
        "000000001" + "0" * 5000, "0" * 6000 + "1",
    ],
)  # fmt: skip
async def test_any_other_limit_is_refused(client: Client, limit: str) -> None:
    answered = await client.get(f"/api/v1/things?limit={limit}")
    document = await problem_of(answered, 422, "invalid-request")
    assert document["errors"][0]["field"] == "limit"


@pytest.mark.parametrize(("query", "after"), [("", "None"), ("after=", "None"), ("after=x", "x")])
async def test_a_page_begins_after_its_cursor(client: Client, query: str, after: str) -> None:
    answered = await client.get(f"/api/v1/pages?{query}")
    assert await answered.text() == after


@pytest.mark.parametrize("query", ["limit=1&limit=1", "limit=&limit=2", "after=x&after="])
async def test_a_parameter_that_is_given_twice_is_refused(client: Client, query: str) -> None:
    name = query.partition("=")[0]
    path = "/api/v1/things" if name == "limit" else "/api/v1/pages"
    document = await problem_of(await client.get(f"{path}?{query}"), 422, "invalid-request")
    (error,) = document["errors"]
    assert (error["field"], error["reason"]) == (name, "repeated")
    assert error["message"] == "This may be given only once."


@pytest.mark.parametrize(
    "body", ["", "{", "nonsense", '{"confirm": true', '{"confirm": "\\ud800"}', "\ufeff{}"]
)
async def test_what_is_no_json_is_malformed(
    system: System, client: Client, ada: dict[str, str], body: str
) -> None:
    headers = ada | {"Content-Type": "application/json"}
    answered = await client.post("/api/v1/things", data=body.encode(), headers=headers)
    await problem_of(answered, 400, "malformed-body")
    assert system.calls == []


@pytest.mark.parametrize(
    "body", ["[]", "null", "1", '"x"', '{"confirm": 1}', '{"confirm": "true"}', '{"confirm": null}']
)
async def test_json_of_another_shape_is_refused_by_field(
    system: System, client: Client, ada: dict[str, str], body: str
) -> None:
    headers = ada | {"Content-Type": "application/json"}
    answered = await client.post("/api/v1/things", data=body, headers=headers)
    document = await problem_of(answered, 422, "invalid-request")
    assert set(document["errors"][0]) == {"field", "reason", "message"}
    assert system.calls == []


async def test_an_unknown_field_is_refused_and_its_value_not_repeated(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    body = {"confirm": True, "is_admin": "hunter2"}
    answered = await client.post("/api/v1/things", json=body, headers=ada)
    document = await problem_of(answered, 422, "invalid-request")
    assert [each["field"] for each in document["errors"]] == ["is_admin"]
    assert "hunter2" not in await answered.text()
    assert system.calls == []


async def test_no_more_faults_are_told_than_anybody_reads(
    client: Client, ada: dict[str, str]
) -> None:
    body = {f"f{number}": 1 for number in range(90)}
    answered = await client.post("/api/v1/things", json=body, headers=ada)
    document = await problem_of(answered, 422, "invalid-request")
    assert len(document["errors"]) == MostErrors


async def test_however_many_faults_another_service_names(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    fault = {"field": "x", "reason": "unfit", "message": "unfit"}
    system.fails.append(InvalidRequest(errors=[fault] * 1000))
    document = await problem_of(await make(client, ada), 422, "invalid-request")
    assert len(document["errors"]) == MostErrors


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "This takes another kind of value."),
        ("de", "Hier gehört eine andere Art von Wert hin."),
    ],
)
async def test_a_fault_is_told_in_words_of_the_readers_language(
    client: Client, ada: dict[str, str], language: str, message: str
) -> None:
    headers = ada | {"Accept-Language": language}
    answered = await client.post("/api/v1/things", json={"confirm": "yes"}, headers=headers)
    document = await problem_of(answered, 422, "invalid-request")
    assert document["errors"] == [{"field": "confirm", "reason": "wrong-type", "message": message}]


async def test_a_fault_that_has_no_words_yet_has_general_ones(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    fault = {"field": "x", "reason": "from-the-future", "message": "String should match '^x$'"}
    system.fails.append(InvalidRequest(errors=[fault]))
    document = await problem_of(await make(client, ada), 422, "invalid-request")
    assert document["errors"] == [fault | {"message": "This cannot be used."}]


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "k"}])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_compressed_as_it_says_is_malformed(
    client: Client, ada: dict[str, str], key: dict[str, str], encoding: str
) -> None:
    headers = ada | key | {"Content-Type": "application/json", "Content-Encoding": encoding}
    answered = await client.post("/api/v1/things", data=b'{"confirm": true}', headers=headers)
    await problem_of(answered, 400, "malformed-body")


async def test_a_receipt_is_for_a_session_whatever_token_comes_with_it(
    client: Client, ada: dict[str, str]
) -> None:
    for token in ({}, {"Receipt-Token": ""}, {"Receipt-Token": "an old one"}):
        answered = await client.get("/api/v1/receipts/1", headers=ada | token)
        assert await answered.json() == "ada"


async def test_without_a_session_a_receipt_is_for_who_shows_a_token(client: Client) -> None:
    for shown in ({}, {"Authorization": "Bearer of.an.ended-session-that-was"}):
        token = {"Receipt-Token": "a token"}
        answered = await client.get("/api/v1/receipts/1", headers=shown | token)
        assert await answered.json() is None
        answered = await client.get("/api/v1/receipts/1", headers=shown | {"Receipt-Token": ""})
        await problem_of(answered, 401, "session-required")


async def test_what_is_no_use_of_a_session_does_not_renew_it(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    await client.get("/api/v1/events", headers=ada)
    await client.get("/api/v1/receipts/1", headers=ada)
    assert [asked.renew for asked in system.sessions.asked] == [False, True]


async def test_the_log_names_the_route_and_not_the_flow(client: Client) -> None:
    with structlog.testing.capture_logs() as written:
        await problem_of(await client.post("/api/v1/flows/hunter2"), 503, "service-unavailable")
    assert "hunter2" not in str(written)
    assert [each["route"] for each in written] == ["/api/v1/flows/{flow}"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_media_type_is_refused(
    client: Client, ada: dict[str, str], content_type: str
) -> None:
    headers = ada | {"Content-Type": content_type}
    answered = await client.post("/api/v1/things", data=b'{"confirm": true}', headers=headers)
    await problem_of(answered, 415, "unsupported-media-type")


async def test_a_media_type_may_name_its_charset(client: Client, ada: dict[str, str]) -> None:
    headers = ada | {"Content-Type": "application/json; charset=utf-8"}
    answered = await client.post("/api/v1/things", data=b'{"confirm": true}', headers=headers)
    assert answered.status == 202


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_body_that_is_too_large_is_refused(
    client: Client, ada: dict[str, str], key: str | None
) -> None:
    headers = ada | {"Content-Type": "application/json"}
    headers |= {"Idempotency-Key": key} if key else {}
    answered = await client.post("/api/v1/things", data=b" " * 2000, headers=headers)
    await problem_of(answered, 413, "payload-too-large")


async def test_another_method_is_refused_with_those_there_are(client: Client) -> None:
    answered = await client.put("/api/v1/things")
    await problem_of(answered, 405, "method-not-allowed")
    assert answered.headers["Allow"] == "GET, POST"


async def test_nothing_is_at_an_unknown_address(client: Client) -> None:
    await problem_of(await client.get("/api/v1/nothing"), 404, "not-found")


async def test_who_is_not_signed_in_is_told_before_the_body_is_read(
    system: System, client: Client
) -> None:
    answered = await client.post("/api/v1/things", data=b"nonsense")
    await problem_of(answered, 401, "session-required")
    assert answered.headers["WWW-Authenticate"] == 'Bearer error="session-required"'


async def test_who_is_no_admin_is_refused(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    eve = {"Authorization": f"Bearer {token_of(system.sessions.begin('eve'))}"}
    await problem_of(await client.post("/api/v1/rule", headers=eve), 403, "not-allowed-by-policy")
    assert system.calls == []
    assert (await client.post("/api/v1/rule", headers=ada)).status == 202
    assert system.calls[0].admin.sub == "ada"


async def test_a_mistake_of_ours_tells_nothing_about_itself(
    system: System, client: Client, ada: dict[str, str]
) -> None:
    system.fails.append(ValueError("the password is hunter2"))
    answered = await make(client, ada)
    await problem_of(answered, 500, "internal-error")
    assert "hunter2" not in await answered.text()


async def test_a_problem_is_told_in_the_readers_language(client: Client) -> None:
    german = await client.get("/api/v1/nothing", headers={"Accept-Language": "de"})
    english = await client.get("/api/v1/nothing", headers={"Accept-Language": "en"})
    assert (await german.json(content_type=None))["title"] != (
        await english.json(content_type=None)
    )["title"]


async def test_the_api_answers_browsers_with_problems_and_pages_with_pages(
    client: Client,
) -> None:
    html = {"Accept": "text/html"}
    await problem_of(await client.get("/api/v1/nothing", headers=html), 404, "not-found")
    page = await client.get("/nothing", headers=html)
    assert (page.status, page.content_type) == (404, "text/html")


async def test_every_answer_is_guarded(client: Client, ada: dict[str, str]) -> None:
    ids = set()
    for answered in (
        await make(client, ada),
        await client.get("/api/v1/nothing"),
        await client.put("/api/v1/things"),
        await client.get("/nothing", headers={"Accept": "text/html"}),
    ):
        headers = answered.headers
        ids.add(headers["X-Request-Id"])
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert len(ids) == 4
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_a_clients_own_request_id_is_not_believed(client: Client) -> None:
    answered = await client.get("/api/v1/nothing", headers={"X-Request-Id": "forged"})
    assert answered.headers["X-Request-Id"] != "forged"
