"""What a service is wired to, and in which order it is let go of."""

import asyncio
from dataclasses import dataclass, replace
from typing import cast

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import BaseModel, SecretStr

from shared.mongo import Client
from shared.wiring import Wiring


class Nowhere(BaseModel):
    """Settings that name servers where nothing listens."""

    mongo_url: SecretStr = SecretStr("mongodb://127.0.0.1:1")
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:1")
    rabbitmq_url: SecretStr = SecretStr("amqp://127.0.0.1:1")
    database_prefix: str = ""


@dataclass(frozen=True)
class Watched:
    """A client of the store that notes when it is closed."""

    client: Client
    ends: list[str]

    async def close(self) -> None:
        self.ends.append("store")
        await self.client.close()


async def test_the_store_is_closed_after_the_last_task_that_uses_it() -> None:
    wired, ends = Wiring.of("greeter", Nowhere()), list[str]()
    wiring = replace(wired, client=cast("Client", Watched(wired.client, ends)))

    async def task() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("task")

    service = wiring.service(web.Application(), tasks=[task])
    async with TestClient(TestServer(service.app)) as client:
        await client.get("/livez")
    assert ends == ["task", "store"]
