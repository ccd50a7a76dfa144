"""One service over HTTP: contracts out, contracts or refusals back."""

import asyncio
import io
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import aiohttp
import orjson
from pydantic import BaseModel, ValidationError

from services.gateway.errors import AnswerLost
from shared.contracts.refusals import Refusal, Unavailable
from shared.problems import PRIVATE_HEADER
from shared.telemetry import log, request_id, traceparent

A = TypeVar("A", bound=BaseModel)
Session = aiohttp.ClientSession

CallSeconds = 12.0
"""How long a call that changes something may take, with everything that belongs to it."""
ReadSeconds = 5.0
"""How long a call that changes nothing may take; it can be repeated."""
_CONNECT_SECONDS = 2.0
_KNOCK_SECONDS = 1.1
_KNOCK_AGAIN_SECONDS = 0.1
_AT_ONE_GO = 64 * 1024
_KEY_REFUSED = "service-key-required"
_BROKEN = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)
_NOTHING_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


@dataclass(frozen=True)
class Peer:
    """Call a service. One that is restarting is knocked at for about a second."""

    session: Session
    url: str
    service_key: str

    async def ask(self, path: str, body: BaseModel, answer: type[A], *, safe: bool = False) -> A:
        """Send a contract and return the one that comes back, or raise the service's refusal.

        `safe` says that the call changes nothing, so it may be sent again when the connection
        broke before an answer came.
        """
        content = await self.ask_raw(path, body, safe=safe)
        try:
            # During an upgrade the service may be one version ahead and say more.
            return answer.model_validate_json(content, extra="ignore")
        except ValidationError as error:
            log.exception("answer-unreadable", path=path)
            raise Unavailable from error

    async def ask_raw(self, path: str, body: BaseModel, *, safe: bool = False) -> bytes:
        """Send a contract and return the JSON that comes back, unread."""
        # A service that is one version behind does not know the newest fields, so they travel
        # only where they say something.
        content = body.model_dump_json(exclude_defaults=True).encode()
        try:
            async with asyncio.timeout(ReadSeconds if safe else CallSeconds):
                return await self._knock(path, content, safe=safe)
        except (*_BROKEN, TimeoutError) as error:
            log.warning("service-unreachable", path=path, error=type(error).__name__)
            raise (Unavailable if isinstance(error, _NOTHING_SENT) else AnswerLost) from error

    async def answers(self) -> bool:
        """Tell whether the service is alive."""
        try:
            async with self.session.get(f"{self.url}/livez") as response:
                return response.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _knock(self, path: str, content: bytes, *, safe: bool) -> bytes:
        give_up_at = time.monotonic() + _KNOCK_SECONDS
        while True:
            try:
                return await self._post(path, content)
            except TimeoutError:
                # What does not even take a connection in time is not just starting.
                raise
            except _BROKEN as error:
                # Where nothing was sent, nothing can happen twice.
                if not safe and not isinstance(error, _NOTHING_SENT):
                    raise
                if time.monotonic() > give_up_at:
                    raise
            await asyncio.sleep(_KNOCK_AGAIN_SECONDS)

    async def _post(self, path: str, content: bytes) -> bytes:
        # No redirect is followed: the key and what people typed go to this service alone.
        # A large body is handed over as a file, piece by piece, so that nobody else waits for it.
        body = content if len(content) <= _AT_ONE_GO else io.BytesIO(content)
        async with self.session.post(
            self.url + path, data=body, headers=self._headers(), allow_redirects=False
        ) as response:
            read = await response.read()
            if response.status != HTTPStatus.OK:
                raise _refusal(response, read)
            return read

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "X-Service-Key": self.service_key}
        if trace := traceparent.get():
            headers["traceparent"] = trace
        if rid := request_id.get():
            headers["X-Request-Id"] = rid
        return headers


def _refusal(response: aiohttp.ClientResponse, body: bytes) -> Refusal:
    if response.content_type != "application/problem+json":
        return Refusal()
    retry_after = response.headers.get("Retry-After")
    refusal = Refusal.of(orjson.loads(body), retry_after=int(retry_after) if retry_after else None)
    refusal.private = orjson.loads(response.headers.get(PRIVATE_HEADER, "{}"))
    if refusal.type == _KEY_REFUSED:
        # It is this gateway that is not let in, and not the client who has to sign in.
        log.critical("service-key-refused", url=str(response.url))
        return Unavailable()
    if refusal.type == Unavailable.type:
        # Its store may have taken a change before it fell silent.
        return AnswerLost(retry_after=refusal.retry_after)
    return refusal


def connect() -> Session:
    """Return a session that keeps connections and never stores cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=CallSeconds, connect=_CONNECT_SECONDS),
        auto_decompress=False,
    )
