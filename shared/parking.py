"""What was given up on, listed and put back where it came from."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError

from shared.broker import Bus, PublishSeconds, parked_queue
from shared.contracts.refusals import NotFound, Unavailable

Consumers = ("profile", "credentials", "sessions")
"""The services that have a parking queue."""
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
