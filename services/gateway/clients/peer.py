"""One service over HTTP: contracts out, contracts or refusals back."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import aiohttp
import orjson
from pydantic import BaseModel, ValidationError

from shared.contracts.refusals import Refusal, Unavailable
from shared.telemetry import log, request_id, traceparent

A = TypeVar("A", bound=BaseModel)
Session = aiohttp.ClientSession

CallSeconds = 12.0
_KNOCKS = 12
_KNOCK_AGAIN_SECONDS = 0.1
_KEY_REFUSED = "service-key-required"


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
        content = body.model_dump_json().encode()
        for knock in range(_KNOCKS):
            try:
                return await self._post(path, content)
            except aiohttp.ClientConnectorError:
                # Nothing was sent, so nothing can happen twice.
                if knock == _KNOCKS - 1:
                    break
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                if not safe or knock == _KNOCKS - 1:
                    break
            except TimeoutError:
                break
            await asyncio.sleep(_KNOCK_AGAIN_SECONDS)
        log.warning("service-unreachable", path=path)
        raise Unavailable

    async def answers(self) -> bool:
        """Tell whether the service is alive."""
        try:
            async with self.session.get(f"{self.url}/livez") as response:
                return response.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _post(self, path: str, content: bytes) -> bytes:
        # No redirect is followed: the key and what people typed go to this service alone.
        async with self.session.post(
            self.url + path, data=content, headers=self._headers(), allow_redirects=False
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
    if refusal.type == _KEY_REFUSED:
        # It is this gateway that is not let in, and not the client who has to sign in.
        log.critical("service-key-refused", url=str(response.url))
        return Unavailable()
    return refusal


def connect() -> Session:
    """Return a session that keeps connections and never stores cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=CallSeconds, connect=2),
        auto_decompress=False,
    )
