"""What the tests of operations share."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.unit.gateway.sessions import token_of
from tests.unit.gateway.system import Client, System


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
