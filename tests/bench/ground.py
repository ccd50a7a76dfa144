"""What every benchmark stands on: the stack, its people and the load generator."""

import asyncio
from dataclasses import dataclass
from typing import Any

from pymongo import AsyncMongoClient

from tests.bench.load import Generator, Request
from tests.bench.people import Account, Clients
from tests.bench.scale import Scale
from tests.stack import Stack

_TOLD_LOOKS, _LOOK_SECONDS = 600, 0.5


@dataclass(frozen=True)
class Ground:
    """A running stack with people in it, and how much is to be measured.

    The changers have no sessions but those that their password changes are to end.
    """

    stack: Stack
    clients: Clients
    generator: Generator
    scale: Scale
    accounts: list[Account]
    changers: list[Account]

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.stack.url_of("gateway")

    async def everybody_told(self) -> None:
        """Wait for the mails about all that was set up, or they would be sent in measured time."""
        async with AsyncMongoClient[dict[str, Any]](self.stack.mongo_url) as client:
            notices = client["profile"]["notices"]
            for _ in range(_TOLD_LOOKS):
                if not await notices.count_documents({"pending": True}):
                    return
                await asyncio.sleep(_LOOK_SECONDS)
        raise TimeoutError

    async def reading(self, people: int) -> list[Request]:
        """Return signed-in reads of one's own profile, by that many people."""
        tokens = [await self.clients.tokens(each, 1) for each in self.accounts[:people]]
        return [Request("GET", "/api/v1/me", token) for (token,) in tokens]
