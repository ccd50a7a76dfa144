"""When revocations are complete, as a client of MongoDB sees it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.asynchronous.collection import AsyncCollection

_PATIENCE = 30.0
_COMPLETED = {"$match": {"updateDescription.updatedFields.completed_at": {"$exists": True}}}


def _future() -> "asyncio.Future[float]":
    return asyncio.get_running_loop().create_future()


@dataclass
class Completions:
    """Receipts that were completed, each with when that was seen."""

    revocations: AsyncCollection[dict[str, Any]]
    _seen: defaultdict[str, "asyncio.Future[float]"] = field(
        default_factory=lambda: defaultdict(_future)
    )

    async def of(self, receipt: str) -> tuple[float, int]:
        """Return, once the receipt is complete, when it was (`perf_counter`), and its sessions."""
        async with asyncio.timeout(_PATIENCE):
            seen_at = await self._seen[receipt]
            found = await self.revocations.find_one({"_id": receipt})
        return seen_at, len(found["sessions"]) if found else 0

    async def follow(self, changes: AsyncChangeStream[dict[str, Any]]) -> None:
        """Take note of every completion until cancelled."""
        async for change in changes:
            self._seen[change["documentKey"]["_id"]].set_result(time.perf_counter())


@asynccontextmanager
async def completions(mongo_url: str) -> AsyncIterator[Completions]:
    """Follow the revocations by a change stream: it wakes with the commit and polls nothing."""
    async with AsyncMongoClient[dict[str, Any]](mongo_url) as client:
        revocations = client["epochs"]["revocations"]
        seen = Completions(revocations)
        async with await revocations.watch([_COMPLETED]) as changes:
            following = asyncio.create_task(seen.follow(changes))
            try:
                yield seen
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
