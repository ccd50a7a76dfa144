"""What a browser is told that a page may do."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import hdrs
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from services.gateway.app import build_service
from services.gateway.config import GatewayConfig
from tests.unit.gateway.system import Client

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
"""Nothing inline, nothing evaluated, nothing from elsewhere: to allow more takes a decision."""


@pytest.fixture
async def gateway() -> AsyncIterator[Client]:
    # The gateway itself, with nothing behind it: these pages ask nobody.
    config = GatewayConfig(
        service_key=SecretStr("sixteen characters"),
        redis_url=SecretStr("redis://localhost:1"),
        rabbitmq_url=SecretStr("amqp://localhost:1"),
        secret=SecretStr("the secret of a test, long enough"),
        public_url="https://portal.example",
    )
    async with TestClient(TestServer(build_service(config).app)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status"),
    [("/sign-in", 200), ("/sign-in?lang=de", 200), ("/api/v1/docs", 200), ("/nothing", 404)],
)
async def test_a_page_runs_and_fetches_nothing_but_our_own_and_is_in_no_frame(
    gateway: Client, path: str, status: int
) -> None:
    page = await gateway.get(path, headers={"Accept": "text/html"})
    assert (page.status, page.content_type) == (status, "text/html")
    (policy,) = page.headers.getall(hdrs.CONTENT_SECURITY_POLICY)
    directives = [directive.split(maxsplit=1) for directive in policy.split(";")]
    # Of a directive that is there twice, browsers heed the first and ignore the other.
    assert len(directives) == len(POLICY)
    assert dict(directives) == POLICY
