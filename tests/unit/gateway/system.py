"""One operation in an application of its own, and what it was called with."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient
from pydantic import BaseModel, SecretStr

from services.gateway.acceptance import Acceptance
from services.gateway.administration import Administration
from services.gateway.api.bodies import ConfirmBody
from services.gateway.api.operations import (
    Answer,
    Call,
    Operation,
    Operations,
)
from services.gateway.errors import NotAllowedByPolicy
from services.gateway.headers import guarded, identified
from services.gateway.model import Caller
from services.gateway.rendering import Problems, middleware
from services.gateway.requests import Requests
from services.gateway.sealing import Sealer
from shared.contracts.profile import Organization, Person
from shared.contracts.refusals import Unavailable
from shared.texts import Catalogues
from tests.memory.gateway import MemoryAnswers
from tests.unit.gateway.sessions import Sessions

Client = TestClient[web.Request, web.Application]
Act = Callable[[Call], Awaitable[Answer | web.StreamResponse]]


class Told(BaseModel):
    """What the operation of these tests answers."""

    times: int


@dataclass(frozen=True)
class Admins(Administration):
    """Whoever is called ada is an admin who showed a factor a moment ago."""

    async def acting_admin(self, caller: Caller) -> Person:
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
            Admins(None, None, None, None),  # type: ignore[arg-type]
            Sealer(b"the secret of a test, long enough"),
            catalogues,
            (),
            {"mail": SecretStr("what the mail server shows")},
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

    async def sort(self, call: Call) -> Answer:
        return Answer(call.choice("by", ("name", "age"), "name").encode())

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
            Operation("POST", "/asked", "Ask", self.act, "server", repeats=False),
            Operation("GET", "/things", "List", self.list, "anyone", paged=True),
            Operation("GET", "/pages", "Page", self.page, "anyone", paged=True),
            Operation("GET", "/sorts", "Sort", self.sort, "anyone"),
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
