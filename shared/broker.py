"""RabbitMQ as every service uses it: one topic exchange, a quorum queue per event and consumer.

A message that cannot be read is rejected and parked. A handler that fails is tried again
after 1, 3 and then 9 seconds until its attempts are used up, then parked. While a service's own
store is away, the handler waits for it and keeps its message. Where the broker takes no copy to
wait, the message goes back into its queue. A canary that travels each queue
tells a queue that delivers from one that only looks healthy.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aio_pika
from faststream import AckPolicy
from faststream.rabbit import (
    Channel,
    ExchangeType,
    QueueType,
    RabbitBroker,
    RabbitExchange,
    RabbitQueue,
)
from faststream.rabbit.message import RabbitMessage
from faststream.rabbit.schemas.queue import QuorumQueueArgs
from pydantic import ValidationError

from shared.contracts.events import Event, name_of
from shared.telemetry import CANARY_AGE, EVENTS_HANDLED, continue_trace, log

EXCHANGE = RabbitExchange("account.events", type=ExchangeType.TOPIC, durable=True)
PARKING = RabbitExchange("account.parking", type=ExchangeType.DIRECT, durable=True)
RetrySeconds = (1, 3, 9)
Attempts = 12
PublishSeconds = 3.0
CanarySeconds = 10.0
StalledSeconds = 45.0

_CONNECT_SECONDS = 5.0
_DELIVERY_LIMIT = 20
_PREFETCH = 32
_LONGEST_BACKOFF = 2.0
_LET_GO_SECONDS = 1.0

E = TypeVar("E", bound=Event)
Handler = Callable[[E], Awaitable[None]]


def _quorum(name: str, arguments: QuorumQueueArgs, *, routing_key: str = "") -> RabbitQueue:
    return RabbitQueue(
        name,
        queue_type=QueueType.QUORUM,
        durable=True,
        routing_key=routing_key,
        arguments=arguments,
    )


def _parked_queue(service: str) -> RabbitQueue:
    return _quorum(parked_queue(service), {}, routing_key=service)


def parked_queue(service: str) -> str:
    """Return the name of the queue where what a service gave up on stays."""
    return f"{service}.parked"


def _retry_exchange(seconds: int) -> RabbitExchange:
    return RabbitExchange(_retry_name(seconds), type=ExchangeType.FANOUT, durable=True)


def _retry_name(seconds: int) -> str:
    return f"account.retry-after.{seconds}s"


def _retry_queue(seconds: int) -> RabbitQueue:
    # A message keeps its routing key, the name of the queue it came from, so the
    # default exchange brings it back there when its time has run out.
    return _quorum(
        _retry_name(seconds),
        {
            "x-message-ttl": seconds * 1000,
            "x-dead-letter-exchange": "",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


@dataclass
class Bus:
    """One service's connection to the broker: what it publishes and what it consumes."""

    url: str
    service: str
    # Tells an outage of the service's own store, which is waited for, from a failure.
    is_outage: Callable[[BaseException], bool]
    broker: RabbitBroker = field(init=False)
    connected: bool = field(init=False, default=False)
    _queues: list[RabbitQueue] = field(default_factory=list)
    _canary_seen: dict[str, float] = field(default_factory=dict)
    # The library publishes on the channel that declared an exchange first, which may be this one.
    _consumers: Channel = field(
        default_factory=lambda: Channel(prefetch_count=_PREFETCH, on_return_raises=True)
    )

    def __post_init__(self) -> None:
        """Build the broker client; nothing is connected yet."""
        separator = "&" if "?" in self.url else "?"
        self.broker = RabbitBroker(
            f"{self.url}{separator}heartbeat=5",
            timeout=_CONNECT_SECONDS,
            reconnect_interval=0.5,
            default_channel=Channel(on_return_raises=True),
            ack_policy=AckPolicy.MANUAL,
            decoder=_undecoded,
            apply_types=False,
            logger=None,
        )

    def consume(self, event: type[E], handler: Handler[E]) -> None:
        """Handle every such event, whichever replica gets it, from a durable queue."""
        name = name_of(event)
        queue = _quorum(
            f"{self.service}.{name}",
            {
                "x-dead-letter-exchange": PARKING.name,
                "x-dead-letter-routing-key": self.service,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
                "x-delivery-limit": _DELIVERY_LIMIT,
            },
            routing_key=name,
        )
        self._queues.append(queue)
        receive = _Consumer(self, queue.name, event, handler).receive
        self.broker.subscriber(queue, EXCHANGE, channel=self._consumers)(receive)

    def listen(self, event: type[E], handler: Handler[E], *, replica: str) -> None:
        """Hear such events while connected; what happens in between is not made up for."""
        queue = RabbitQueue(
            f"{self.service}.{replica}.{name_of(event)}",
            exclusive=True,
            auto_delete=True,
            routing_key=name_of(event),
        )

        async def receive(message: RabbitMessage) -> None:
            await message.ack()
            try:
                heard = event.model_validate_json(message.body)
            except ValidationError:
                log.error("event-unreadable", queue=queue.name, message_id=message.message_id)
            else:
                await handler(heard)

        self.broker.subscriber(queue, EXCHANGE, channel=self._consumers)(receive)

    async def install(self) -> None:
        """Declare the whole topology. Safe to run twice, and while the services run."""
        await self.broker.connect()
        await self.broker.declare_exchange(EXCHANGE)
        parking = await self.broker.declare_exchange(PARKING)
        parked = await self.broker.declare_queue(_parked_queue(self.service))
        await parked.bind(parking, routing_key=self.service)
        for seconds in RetrySeconds:
            exchange = await self.broker.declare_exchange(_retry_exchange(seconds))
            await (await self.broker.declare_queue(_retry_queue(seconds))).bind(exchange)
        events = await self.broker.declare_exchange(EXCHANGE)
        for queue in self._queues:
            declared = await self.broker.declare_queue(queue)
            await declared.bind(events, routing_key=queue.routing_key)
        await self.broker.stop()

    async def run(self) -> None:
        """Connect and consume until cancelled; a broker that is away is tried again and again."""
        while not self.connected:
            await self._connect()
        await self._send_canaries()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS * 2):
                await self.broker.start()
        except (aio_pika.exceptions.AMQPError, OSError, TimeoutError) as error:
            log.warning("broker-unreachable", error=repr(error))
            await self.broker.stop()
            await asyncio.sleep(1)
        else:
            self.connected = True
            self._canary_seen = dict.fromkeys((q.name for q in self._queues), time.monotonic())

    async def drain(self) -> None:
        """Take no new message and finish those begun; what they tell can still be published."""
        await asyncio.gather(*(each.stop() for each in self.broker.subscribers))

    async def stop(self) -> None:
        """Drain and disconnect."""
        await self.broker.stop()
        self.connected = False

    async def publish(self, body: bytes, *, name: str, event_id: str, mandatory: bool) -> None:
        """Publish an event and return once the broker has confirmed it."""
        if not self.connected:
            raise ConnectionError("The broker has not been reached yet.")
        async with asyncio.timeout(PublishSeconds):
            await self.broker.publish(
                body,
                exchange=EXCHANGE,
                routing_key=name,
                mandatory=mandatory,
                persist=True,
                message_id=event_id,
                content_type="application/json",
                message_type=name,
            )

    def missing(self) -> list[str]:
        """Name what does not work: the broker itself, or queues that deliver nothing."""
        if not self.connected or not self._is_open():
            return ["rabbitmq"]
        return [f"rabbitmq queue {name}" for name in self.stalled()]

    def stalled(self) -> list[str]:
        """Return the queues that no canary has travelled lately, and export their ages."""
        now = time.monotonic()
        ages = {name: now - seen for name, seen in self._canary_seen.items()}
        for name, age in ages.items():
            CANARY_AGE.labels(name).set(age)
        return [name for name, age in ages.items() if age > StalledSeconds]

    def canary_arrived(self, queue: str) -> None:
        """Take note that the queue delivers."""
        self._canary_seen[queue] = time.monotonic()

    async def patiently(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do the work, waiting for the service's own store as long as it is away."""
        backoff = 0.05
        while True:
            try:
                await work()
            except Exception as error:
                if not self.is_outage(error):
                    raise
                log.warning("store-awaited", error=type(error).__name__)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _LONGEST_BACKOFF)
            else:
                return

    async def retry_later(self, message: RabbitMessage, queue: str, attempt: int) -> None:
        """Put a copy where it waits before it comes back, then let go of the original."""
        seconds = RetrySeconds[min(attempt, len(RetrySeconds)) - 1]
        async with asyncio.timeout(PublishSeconds):
            await self.broker.publish(
                message.body,
                exchange=_retry_exchange(seconds),
                routing_key=queue,
                mandatory=True,
                persist=True,
                message_id=message.message_id,
                headers={"x-attempt": attempt + 1},
                content_type="application/json",
                message_type=message.raw_message.type,
            )
        await message.ack()

    def _is_open(self) -> bool:
        connection = self.broker._connection  # noqa: SLF001 - its ping dials anew
        return connection is not None and connection.connected.is_set()

    async def _send_canaries(self) -> None:
        while True:
            for queue in self._queues:
                try:
                    async with asyncio.timeout(PublishSeconds):
                        await self.broker.publish(
                            b"canary",
                            queue=queue.name,
                            expiration=StalledSeconds,
                            headers={"x-canary": self.service},
                        )
                except (
                    aio_pika.exceptions.AMQPError,
                    OSError,
                    TimeoutError,
                    RuntimeError,
                ) as error:
                    log.warning("canary-unsent", queue=queue.name, error=type(error).__name__)
            for name in self.stalled():
                log.critical("queue-stalled", queue=name)
            await asyncio.sleep(CanarySeconds)


async def _undecoded(message: RabbitMessage) -> RabbitMessage:
    return message


@dataclass(frozen=True)
class _Consumer:
    """Turns messages of one queue into events, and decides what becomes of each."""

    bus: Bus
    queue: str
    event: type[Any]
    handler: Callable[[Any], Awaitable[None]]

    async def receive(self, message: RabbitMessage) -> None:
        try:
            await self._receive(message)
        except Exception as error:
            # Not even a copy could be put aside. Unless the channel is gone, which gives the
            # message back by itself, nobody would get it again before that happens. The broker
            # counts how often it was let go, and parks it in the end.
            log.exception("event-let-go", queue=self.queue, error=repr(error))
            await asyncio.sleep(_LET_GO_SECONDS)
            await message.nack(requeue=True)

    async def _receive(self, message: RabbitMessage) -> None:
        if "x-canary" in message.headers:
            self.bus.canary_arrived(self.queue)
            await message.ack()
            return
        try:
            event = self.event.model_validate_json(message.body)
        except ValidationError:
            log.error("event-unreadable", queue=self.queue, message_id=message.message_id)
            await self._finish(message.reject(requeue=False), "unreadable")
            return
        continue_trace(event.traceparent)
        try:
            await self.bus.patiently(lambda: self.handler(event))
        except Exception as error:
            # Whatever went wrong, the message must not be lost: it waits or is parked.
            log.exception("event-failed", queue=self.queue, event_id=event.id, error=repr(error))
            await self._try_again(message)
        else:
            await self._finish(message.ack(), "done")

    async def _try_again(self, message: RabbitMessage) -> None:
        attempt = int(message.headers.get("x-attempt", 1))
        if attempt >= Attempts:
            await self._finish(message.reject(requeue=False), "parked")
        else:
            await self._finish(self.bus.retry_later(message, self.queue, attempt), "retried")

    async def _finish(self, last: Awaitable[object], outcome: str) -> None:
        await last
        EVENTS_HANDLED.labels(self.queue, outcome).inc()
