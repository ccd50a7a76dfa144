"""`python -m tests.bench.without_activity`: the sessions service without its activity."""

import runpy

from services.sessions.attempts import NewAttempt
from services.sessions.mongo.activity import MongoActivityStore


async def _nothing(self: MongoActivityStore, id: str, attempt: NewAttempt) -> None:
    """Keep no row."""


MongoActivityStore.add_attempt = _nothing  # type: ignore[method-assign]
runpy.run_module("services.sessions", run_name="__main__")
