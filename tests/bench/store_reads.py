"""What it costs to read an epoch so that it cannot be an old one, beside a plain read."""

import time
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.read_concern import ReadConcern

from tests.bench.figures import Figure, Section, percentile
from tests.bench.ground import Ground

Epochs = AsyncCollection[dict[str, Any]]


async def measure(ground: Ground) -> Section:
    """Read one epoch after the other, on a store that is otherwise idle."""
    sub = ground.accounts[0].sub
    plain: list[list[float]] = []
    linearizable: list[list[float]] = []
    async with AsyncMongoClient[dict[str, Any]](ground.stack.mongo_url) as client:
        epochs = client["epochs"]["epochs"]
        strict = epochs.with_options(read_concern=ReadConcern("linearizable"))
        for _ in range(ground.scale.repeats):
            plain.append(await _read(epochs, sub, ground.scale.store_reads_per_repeat))
            linearizable.append(await _read(strict, sub, ground.scale.store_reads_per_repeat))
    return Section(
        "Linearizable reads",
        "One at a time, from a client of MongoDB; beside each the plain read of the same "
        "document. A linearizable read waits until the store has written its journal.",
        tuple(
            Figure(
                f"linearizable read of an epoch, p{percent}",
                "ms",
                tuple(percentile(times, percent) for times in linearizable),
                tuple(percentile(times, percent) for times in plain),
            )
            for percent in (50, 99)
        ),
    )


async def _read(epochs: Epochs, sub: str, count: int) -> list[float]:
    return [await _one(epochs, sub) for _ in range(count)]


async def _one(epochs: Epochs, sub: str) -> float:
    begun = time.perf_counter()
    await epochs.find_one({"_id": sub}, {"epoch": 1})
    return (time.perf_counter() - begun) * 1000
