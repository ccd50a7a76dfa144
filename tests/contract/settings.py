"""Where the servers of a test run are, as the services are told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from shared.wiring import Wiring

STORES = ("profile", "credentials", "sessions")


@dataclass(frozen=True)
class Settings:
    """Where the servers are, and what the databases of this test run are called."""

    mongo_url: SecretStr
    redis_url: SecretStr
    rabbitmq_url: SecretStr
    database_prefix: str


@asynccontextmanager
async def wired(name: str, settings: Settings) -> AsyncIterator[Wiring]:
    """Give one service's wiring, and let go of it."""
    wiring = Wiring.of(name, settings)
    try:
        yield wiring
    finally:
        await wiring.cache.redis.aclose()
        await wiring.client.close()
