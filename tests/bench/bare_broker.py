"""The bare reference of an event: one message through a quorum queue, confirmed and consumed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

_PATIENCE = 10.0


@dataclass(frozen=True)
class RoundTrips:
    """A queue and what it delivers."""

    channel: AbstractChannel
    queue: str
    arrived: "asyncio.Queue[AbstractIncomingMessage]"

    async def measure(self, count: int) -> list[float]:
        """Send messages one after the other, and return the time of each in milliseconds.

        It ends when the broker has confirmed the message and the consumer has it.
        """
        return [await self._one() for _ in range(count)]

    async def _one(self) -> float:
        begun = time.perf_counter()
        message = aio_pika.Message(b"x" * 400, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        async with asyncio.timeout(_PATIENCE):
            arrived, _ = await asyncio.gather(
                self.arrived.get(),
                self.channel.default_exchange.publish(message, routing_key=self.queue),
            )
        took = (time.perf_counter() - begun) * 1000
        await arrived.ack()
        return took


@asynccontextmanager
async def round_trips(url: str) -> AsyncIterator[RoundTrips]:
    """Declare a queue for the while, and consume it."""
    connection = await aio_pika.connect(url)
    async with connection:
        publishing, consuming = await connection.channel(), await connection.channel()
        name = f"bench.{uuid4().hex}"
        queue = await consuming.declare_queue(
            name, durable=True, arguments={"x-queue-type": "quorum"}
        )
        arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        consumer = await queue.consume(arrived.put)
        yield RoundTrips(publishing, name, arrived)
        await queue.cancel(consumer)
        await queue.delete(if_unused=False, if_empty=False)
