"""What was given up on, listed and put back where it came from."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError

from shared.broker import Bus, PublishSeconds, parked_queue
from shared.contracts.refusals import NotFound, Unavailable
from shared.telemetry import PARKED, log

Consumers = ("profile", "credentials", "sessions")
"""The services that have a parking queue."""
CountSeconds = 10.0
"""How often it is looked whether something was parked or replayed."""
_MOST = 200


@dataclass(frozen=True)
class ParkedMessage:
    """A message nobody could handle: where it was, what it is called, and why."""

    id: str
    queue: str
    event: str
    reason: str
    size: int


@dataclass(frozen=True)
class Parking:
    """List and replay parked messages. They stay in their queue until they are replayed."""

    bus: Bus

    async def list(self) -> list[ParkedMessage]:
        """Return what is parked, oldest first per service, at most 200 of each."""
        async with self._channel() as channel:
            return [_described(each) async for each in _parked(channel)]

    async def replay(self, message_id: str) -> None:
        """Put a message back into the queue it came from; consumers that had it ignore it."""
        async with self._channel() as channel:
            async for message in _parked(channel):
                if _id(message) == message_id:
                    await _put_back(channel, message)
                    return
        raise NotFound

    async def watch(self) -> None:
        """Export how much is parked for this service, until cancelled; 200 stands for more."""
        waiting = 0
        while True:
            if self.bus.connected:
                try:
                    waiting = await self._count(waiting)
                except Unavailable:
                    log.warning("parked-uncounted", service=self.bus.service)
            await asyncio.sleep(CountSeconds)

    async def _count(self, waited: int) -> int:
        """Look at what waits when it is another number than before, and return the number."""
        name = parked_queue(self.bus.service)
        async with self._channel() as channel:
            queue = await channel.declare_queue(name, passive=True)
            waiting = queue.declaration_result.message_count or 0
            if waiting != waited:
                # Each look counts as a delivery, of which a broker may allow a few only.
                found = len([each async for each in _parked_in(queue)])
                PARKED.labels(self.bus.service).set(found)
                waiting = found if found < _MOST else waiting
        return waiting

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        # What is taken and not acknowledged goes back into its queue with the channel.
        try:
            async with asyncio.timeout(PublishSeconds * 2):
                connection = await self.bus.broker.connect()
                async with connection.channel(on_return_raises=True) as channel:
                    yield channel
        except (AMQPError, OSError, TimeoutError) as error:
            raise Unavailable from error


async def _parked(channel: AbstractChannel) -> AsyncIterator[AbstractIncomingMessage]:
    for service in Consumers:
        queue = await channel.declare_queue(parked_queue(service), passive=True)
        async for message in _parked_in(queue):
            yield message


async def _parked_in(queue: AbstractQueue) -> AsyncIterator[AbstractIncomingMessage]:
    found = 0
    while found < _MOST and (message := await queue.get(fail=False)) is not None:
        if "x-canary" in message.headers:
            await message.ack()
        else:
            found += 1
            yield message


async def _put_back(channel: AbstractChannel, message: AbstractIncomingMessage) -> None:
    copy = Message(
        message.body,
        message_id=message.message_id,
        type=message.type,
        content_type=message.content_type,
        delivery_mode=message.delivery_mode,
    )
    await channel.default_exchange.publish(copy, routing_key=_described(message).queue)
    await message.ack()


def _described(message: AbstractIncomingMessage) -> ParkedMessage:
    deaths: Any = message.headers.get("x-death") or [{}]
    return ParkedMessage(
        id=_id(message),
        queue=str(deaths[0].get("queue", "")),
        event=message.type or "",
        reason=str(deaths[0].get("reason", "")),
        size=len(message.body),
    )


def _id(message: AbstractIncomingMessage) -> str:
    # What comes from elsewhere may have no id, and the same event may be parked by two services.
    content = f"{message.routing_key} {message.message_id}\n".encode() + message.body
    return hashlib.sha256(content).hexdigest()[:32]
