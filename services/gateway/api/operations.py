"""One operation of the API: what it takes, who may call it, and what it answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from aiohttp import web
from pydantic import BaseModel

from services.gateway.errors import (
    ConfirmationRequired,
    SessionRequired,
    StepUpRequired,
    UnsupportedMediaType,
)
from services.gateway.model import Caller, FlowKey
from services.gateway.requests import (
    CSRF_HEADER,
    IF_MATCH,
    RECEIPT_HEADER,
    SESSION_COOKIE,
    Requests,
    bearer_token,
)
from services.gateway.store import AnswerStore, KeptAnswer
from shared.contracts.profile import Person
from shared.contracts.refusals import InvalidRequest, Refusal, Unavailable
from shared.contracts.sessions import Where
from shared.problems import at_fault
from shared.service import read_json

B = TypeVar("B", bound=BaseModel)
T = TypeVar("T")
Access = Literal["anyone", "session", "receipt", "admin", "server"]

STREAM = "text/event-stream"
AnswerSeconds = 25.0
"""How long a request with a key may take, so that its answer is kept before its claim ends."""
LargestKeptAnswer = 16 * 1024
_LONGEST_KEY = 255
_USUAL_PAGE = 50
_LARGEST_PAGE = 200
_LONGEST_LIMIT = 9
_KEPT_HEADERS = ("Content-Type", "ETag", "Receipt-Token", "Retry-After", "WWW-Authenticate")
_SERVER_ERROR = 500
_UNDECIDED_STATUSES = {web.HTTPUnauthorized.status_code, web.HTTPTooManyRequests.status_code}
_UNDECIDED = {InvalidRequest.type, ConfirmationRequired.type, StepUpRequired.type}


@dataclass(frozen=True)
class Call:
    """A request to an operation, read and checked."""

    request: web.Request
    where: Where
    language: str
    languages: tuple[str, ...]
    known_caller: Caller | None
    known_admin: Person | None
    known_body: BaseModel | None

    @property
    def caller(self) -> Caller:
        """The caller of an operation that takes a session."""
        return cast("Caller", self.known_caller)

    @property
    def admin(self) -> Person:
        """The caller's profile in an operation that takes an admin."""
        return cast("Person", self.known_admin)

    @property
    def client(self) -> str:
        """What ties a flow to who began it over the API, where there are no cookies."""
        return f"address {self.where.address} agent {self.where.user_agent}"

    @property
    def flow(self) -> FlowKey:
        """The flow in the path, for the client that began it."""
        return FlowKey(self.path("flow"), self.client)

    def body(self, kind: type[B]) -> B:
        """The body, of the kind that the operation declares."""
        if not isinstance(self.known_body, kind):
            raise TypeError(kind)
        return self.known_body

    def path(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]

    @property
    def limit(self) -> int:
        """How many items a page may have, 1 to 200."""
        text = self.query("limit")
        if text is None:
            return _USUAL_PAGE
        is_number = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_LIMIT
        if not is_number or not 1 <= int(text) <= _LARGEST_PAGE:
            raise InvalidRequest(errors=[at_fault("limit", "out-of-range")])
        return int(text)

    @property
    def after(self) -> str | None:
        """The cursor that the page begins after; an empty one is that of the first page."""
        return self.query("after") or None

    def query(self, name: str) -> str | None:
        """Return a parameter, or raise where it is given twice and so means nothing."""
        given = self.request.query.getall(name, [])
        if len(given) > 1:
            raise InvalidRequest(errors=[at_fault(name, "repeated")])
        return given[0] if given else None

    def choice(self, name: str, options: Sequence[T], usual: T) -> T:
        """Return which of these a parameter names, or the usual one where it says nothing."""
        given = self.query(name)
        if not given:
            return usual
        chosen = next((each for each in options if each == given), None)
        if chosen is None:
            raise InvalidRequest(errors=[at_fault(name, "not-a-choice")])
        return chosen


@dataclass(frozen=True)
class Answer:
    """What an operation answers: a model, or bytes that are JSON or something else already."""

    content: BaseModel | bytes | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def response(self) -> web.Response:
        """Return it as HTTP."""
        if self.content is None:
            return web.Response(status=self.status, headers=self.headers)
        body = self.content
        if isinstance(body, BaseModel):
            body = body.model_dump_json().encode()
        return web.Response(
            body=body, status=self.status, headers=self.headers, content_type=self.content_type
        )


Act = Callable[[Call], Awaitable[Answer | web.StreamResponse]]


@dataclass(frozen=True)
class Operation:
    """A row of the API's table, from which both its route and its description are made.

    `refusals` names, by status, what it refuses beyond what every operation of its kind does,
    several separated by `, `, as is `media_type`. `queries` are its parameters with their schemas.
    An operation that does not renew is no use of the session; one that does not repeat what it
    answered begins anew, since what it says is said once. What comes `before_terms` is there for
    who has to accept terms of use, too. `largest_body` is in bytes, where it is not the usual, and
    `largest_answer` is that of one which is repeated.
    """

    method: str
    path: str
    summary: str
    act: Act
    access: Access = "session"
    body: type[BaseModel] | None = None
    answers: Mapping[int, Any] = field(default_factory=dict)
    refusals: Mapping[int, str] = field(default_factory=dict)
    paged: bool = False
    renews: bool = True
    repeats: bool = True
    before_terms: bool = False
    largest_body: int | None = None
    largest_answer: int = LargestKeptAnswer
    headers: tuple[str, ...] = ()
    media_type: str = "application/json"
    queries: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Operations:
    """Serve operations: read, check, act, render; repeated requests get their first answer."""

    requests: Requests
    answers: AnswerStore
    render_refusal: Callable[[Exception, web.Request], web.Response]

    def route(self, operation: Operation) -> web.RouteDef:
        """Return the route of an operation."""

        async def handle(request: web.Request) -> web.StreamResponse:
            key = request.headers.get("Idempotency-Key")
            if operation.largest_body is not None:
                request = request.clone(client_max_size=operation.largest_body)
            if key is None or operation.method == "GET" or not operation.repeats:
                return await self._answer(operation, request)
            return await self._answer_once(operation, request, key)

        path = f"/api/v1{operation.path}"
        # HEAD is there where GET is (RFC 9110, 9.3.2), and answered by the same, but for streams:
        # nothing is said of one before it has ended.
        is_stream = operation.media_type == STREAM
        options = {"allow_head": not is_stream} if operation.method == "GET" else {}
        return web.RouteDef(operation.method, path, handle, options)

    async def _answer(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        return await _acted(operation, await self._call(operation, request))

    async def _call(self, operation: Operation, request: web.Request) -> Call:
        caller, admin = await self._authorize(operation, request)
        return Call(
            request=request,
            where=caller.where if caller else self.requests.where(request),
            language=self.requests.language(request),
            languages=self.requests.languages(request),
            known_caller=caller,
            known_admin=admin,
            known_body=await _parsed(operation, request),
        )

    async def _authorize(
        self, operation: Operation, request: web.Request
    ) -> tuple[Caller | None, Person | None]:
        if operation.access == "server":
            self.requests.check_server(request)
        if operation.access == "admin":
            return await self.requests.admin(request)
        if operation.access == "receipt":
            return await self._caller_if_any(request), None
        if operation.access == "session":
            caller = await self.requests.caller(
                request, renew=operation.renews, before_terms=operation.before_terms
            )
            return caller, None
        return None, None

    async def _caller_if_any(self, request: web.Request) -> Caller | None:
        """Return the caller, or None for who comes with a receipt's token instead."""
        try:
            return await self.requests.caller(request)
        except Refusal as refusal:
            is_unknown = refusal.status == SessionRequired.status
            if is_unknown and request.headers.get(RECEIPT_HEADER):
                return None
            raise

    async def _answer_once(
        self, operation: Operation, request: web.Request, key: str
    ) -> web.StreamResponse:
        """Answer the first request with this key, and repeat the answer to the same one.

        The key belongs to who shows the same credential, and the answer opens only with the same
        request. So it is looked up before the session is checked: a client that lost the answer
        to its password change gets its receipt, though the session is over by now.
        """
        if not key or not key.isascii() or len(key) > _LONGEST_KEY:
            raise InvalidRequest(errors=[at_fault("Idempotency-Key", "unfit")])
        scope, content = _scope(request), await _fingerprint(request)
        first = await self.answers.begin(scope, key, content)
        if first is not None:
            return web.Response(body=first.body, status=first.status, headers=first.headers)
        return await self._answer_first(operation, request, (scope, key, content))

    async def _answer_first(
        self, operation: Operation, request: web.Request, claim: tuple[bytes, str, bytes]
    ) -> web.StreamResponse:
        scope, key, content = claim
        response, is_decided = await self._decide(operation, request)
        kept = _to_be_kept(response, operation.largest_answer) if is_decided else None
        if kept is None:
            await self.answers.abandon(scope, key)
        else:
            await self.answers.finish(scope, key, content, kept)
        return response

    async def _decide(
        self, operation: Operation, request: web.Request
    ) -> tuple[web.StreamResponse, bool]:
        """Return the answer, and whether something was decided by it.

        A refusal before the operation began decides nothing, and those to people who are not
        signed in are not kept either: nobody may fill the store without being known.
        """
        call = None
        try:
            async with asyncio.timeout(AnswerSeconds):
                call = await self._call(operation, request)
                return await _acted(operation, call), True
        except TimeoutError:
            return self.render_refusal(Unavailable(), request), False
        except Exception as error:
            is_known = call is not None and call.known_caller is not None
            return self.render_refusal(error, request), is_known and _decides(error)


async def _acted(operation: Operation, call: Call) -> web.StreamResponse:
    answer = await operation.act(call)
    return answer.response() if isinstance(answer, Answer) else answer


async def _parsed(operation: Operation, request: web.Request) -> BaseModel | None:
    if operation.body is None:
        return None
    if request.content_type != "application/json":
        raise UnsupportedMediaType
    content = await request.read()
    read_json(content)
    return operation.body.model_validate_json(content)


def _decides(error: Exception) -> bool:
    """Tell a decision from what says nothing about the request: it may succeed when sent again."""
    if not isinstance(error, Refusal) or error.status >= _SERVER_ERROR:
        return False
    return error.status not in _UNDECIDED_STATUSES and error.type not in _UNDECIDED


def _to_be_kept(response: web.StreamResponse, largest: int) -> KeptAnswer | None:
    if not isinstance(response, web.Response):
        return None
    body = response.body if isinstance(response.body, bytes) else b""
    if len(body) > largest:
        return None
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return KeptAnswer(response.status, headers, body)


def _scope(request: web.Request) -> bytes:
    shown = bearer_token(request) or request.cookies.get(SESSION_COOKIE, "")
    return shown.encode("utf-8", "surrogateescape")


async def _fingerprint(request: web.Request) -> bytes:
    # The CSRF token is part of it, so that a cookie alone opens no answer.
    token = request.headers.get(CSRF_HEADER, "")
    head = f"{request.method} {request.path_qs} {request.content_type} {token}\n"
    # Who would replace another version asks for something else.
    head += "".join(f"{line}\n" for line in request.headers.getall(IF_MATCH, []))
    return head.encode("utf-8", "surrogateescape") + await request.read()
