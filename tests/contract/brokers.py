"""Buses of services that only one test knows, on the broker of the test run."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel

from services.sessions.model import signed_out_everywhere
from shared.broker import Bus, Handler, parked_queue
from shared.contracts.epochs import Raised
from shared.contracts.events import Event, SignedOutEverywhere
from shared.service import end

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class StoreAwayError(Exception):
    """What a handler says whose store does not answer."""


@dataclass
class Heard:
    """A handler that remembers, and does first what it was told to."""

    events: list[Any] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    fails: int = 0
    error: type[Exception] = ZeroDivisionError

    async def __call__(self, event: Any) -> None:
        self.times.append(time.monotonic())
        if self.fails:
            self.fails -= 1
            raise self.error
        self.events.append(event)

    @property
    def ids(self) -> list[str]:
        return [event.id for event in self.events]


def event(receipt: str | None = None) -> SignedOutEverywhere:
    raised = Raised("ada", 2, receipt or uuid4().hex, "t")
    return signed_out_everywhere(raised, "signed-out-everywhere", at=AT)


@dataclass
class Brokers:
    """Buses of services that only this test knows."""

    url: str
    running: dict[str, tuple[Bus, asyncio.Task[None]]] = field(default_factory=dict)
    queues: list[str] = field(default_factory=list)

    def bus(self, service: str | None = None) -> Bus:
        return Bus(self.url, service or self.name(), lambda e: isinstance(e, StoreAwayError))

    def name(self) -> str:
        return f"t{uuid4().hex[:10]}"

    async def run(self, bus: Bus) -> Bus:
        await self.install(bus)
        task = asyncio.create_task(bus.run())
        self.running[uuid4().hex] = (bus, task)
        await until(lambda: bus.connected and not bus.missing())
        return bus

    async def install(self, bus: Bus) -> None:
        self.queues += [queue.name for queue in bus._queues] + [parked_queue(bus.service)]
        # A broker client is connected once, so the topology is declared by one of its own.
        installer = Bus(self.url, bus.service, bus.is_outage)
        installer._queues = bus._queues
        await installer.install()

    async def consuming(
        self,
        handler: Handler[Any],
        *,
        service: str | None = None,
        event: type[Event] = SignedOutEverywhere,
    ) -> Bus:
        bus = self.bus(service)
        bus.consume(event, handler)
        return await self.run(bus)

    async def stop(self, bus: Bus) -> None:
        for key, (running, task) in list(self.running.items()):
            if running is bus:
                del self.running[key]
                await bus.stop()
                await end(task)

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        async with await aio_pika.connect(self.url) as connection:
            yield await connection.channel()

    async def put(self, queue: str, body: bytes, **properties: Any) -> None:
        """Put a message into a queue, past any exchange of ours."""
        async with self.channel() as channel:
            message = aio_pika.Message(body, **properties)
            await channel.default_exchange.publish(message, routing_key=queue)

    async def ready(self, queue: str) -> int | None:
        """Return how many messages wait in a queue."""
        async with self.channel() as channel:
            return (await channel.get_queue(queue)).declaration_result.message_count

    async def parked(self, service: str, count: int = 1) -> list[bytes]:
        """Wait for parked messages and return them."""
        found: list[bytes] = []
        deadline = time.monotonic() + 15
        async with self.channel() as channel:
            queue = await channel.get_queue(parked_queue(service))
            while len(found) < count:
                assert time.monotonic() < deadline
                message = await queue.get(fail=False)
                if message is None:
                    await asyncio.sleep(0.05)
                else:
                    found.append(message.body)
        return found


async def until(done: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
