"""The bus on RabbitMQ: what is told arrives, whatever a handler, a queue or a message is like."""

import asyncio
import time
from contextlib import suppress
from typing import Any
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.exceptions import DeliveryError, PublishError

from services.sessions.model import sessions_revoked
from shared.broker import EXCHANGE, Bus
from shared.contracts.events import CredentialChange, Event, SessionRevoked, SignedOutEverywhere
from tests.contract.brokers import AT, Brokers, Heard, StoreAwayError, event, until


async def tell(bus: Bus, told: Event, *, mandatory: bool = True) -> None:
    body = told.model_dump_json().encode()
    await bus.publish(body, name=told.name, event_id=told.id, mandatory=mandatory)


async def test_what_is_told_is_heard(brokers: Brokers) -> None:
    heard = Heard()
    bus = await brokers.consuming(heard)
    told = event()
    await tell(bus, told)
    await until(lambda: told in heard.events)


async def test_every_service_hears_and_of_its_replicas_one(brokers: Brokers) -> None:
    service, first, second, other = brokers.name(), Heard(), Heard(), Heard()
    bus = await brokers.consuming(first, service=service)
    await brokers.consuming(second, service=service)
    await brokers.consuming(other)
    told = [event() for _ in range(20)]
    for each in told:
        await tell(bus, each)
    ids = {each.id for each in told}
    await until(lambda: ids <= set(other.ids) and ids <= set(first.ids + second.ids))
    mine = [each for each in first.ids + second.ids if each in ids]
    assert len(mine) == 20


async def test_each_event_goes_to_its_own_queue(brokers: Brokers) -> None:
    changes, ends = Heard(), Heard()
    bus = brokers.bus()
    bus.consume(CredentialChange, changes)
    bus.consume(SignedOutEverywhere, ends)
    await brokers.run(bus)
    told = event()
    await tell(bus, told)
    await until(lambda: told.id in ends.ids)
    assert told.id not in changes.ids


async def test_what_was_told_while_nobody_listened_is_heard_later(brokers: Brokers) -> None:
    service, heard = brokers.name(), Heard()
    first = await brokers.consuming(Heard(), service=service)
    await brokers.stop(first)
    teller = await brokers.consuming(Heard())
    told = event()
    await tell(teller, told)
    await brokers.consuming(heard, service=service)
    await until(lambda: told.id in heard.ids)


async def test_a_handler_that_fails_is_tried_again_after_one_and_then_three_seconds(
    brokers: Brokers,
) -> None:
    heard = Heard(fails=2)
    service = brokers.name()
    bus = await brokers.consuming(heard, service=service)
    told = event()
    await brokers.put(f"{service}.{told.name}", told.model_dump_json().encode(), message_id=told.id)
    await until(lambda: heard.ids == [told.id])
    first, second, third = heard.times
    assert 1 <= second - first < 2.9
    assert 3 <= third - second < 8.9
    assert bus.missing() == []


async def test_a_handler_that_fails_holds_nobody_else_up(brokers: Brokers) -> None:
    heard, service = Heard(), brokers.name()

    async def picky(told: SignedOutEverywhere) -> None:
        if told.subject == "ada" and told.id == "bad":
            raise ZeroDivisionError
        await heard(told)

    await brokers.consuming(picky, service=service)
    queue = f"{service}.signed-out-everywhere"
    for told in (event("bad"), event("good")):
        await brokers.put(queue, told.model_dump_json().encode())
    await until(lambda: heard.ids == ["good"], seconds=5)


async def test_what_fails_every_time_is_parked(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.broker.Attempts", 2)
    heard, service = Heard(fails=99), brokers.name()
    await brokers.consuming(heard, service=service)
    body = event().model_dump_json().encode()
    await brokers.put(f"{service}.signed-out-everywhere", body)
    assert await brokers.parked(service) == [body]
    assert len(heard.times) == 2


async def test_what_cannot_be_read_is_parked_and_the_next_is_heard(brokers: Brokers) -> None:
    heard, service = Heard(), brokers.name()
    await brokers.consuming(heard, service=service)
    queue, good = f"{service}.signed-out-everywhere", event()
    unreadable = [b"", b"nonsense", b"{}", b"\xff\xfe", b"x" * 1_000_000]
    for body in (*unreadable, good.model_dump_json().encode()):
        await brokers.put(queue, body)
    assert sorted(await brokers.parked(service, len(unreadable))) == sorted(unreadable)
    await until(lambda: heard.ids == [good.id])


async def test_what_cannot_be_put_aside_comes_again(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, service = Heard(fails=1), brokers.name()
    await brokers.consuming(heard, service=service)
    monkeypatch.setattr("shared.broker._retry_name", lambda seconds: f"nowhere.{seconds}s")
    told = event()
    await brokers.put(f"{service}.{told.name}", told.model_dump_json().encode(), message_id=told.id)
    await until(lambda: heard.ids == [told.id])
    assert await brokers.ready(f"{service}.{told.name}") == 0


async def test_a_store_that_is_away_keeps_the_message_with_its_handler(brokers: Brokers) -> None:
    heard, service = Heard(fails=4, error=StoreAwayError), brokers.name()
    await brokers.consuming(heard, service=service)
    told = event()
    await brokers.put(f"{service}.signed-out-everywhere", told.model_dump_json().encode())
    await until(lambda: heard.ids == [told.id])
    assert heard.times[-1] - heard.times[0] < 3


@pytest.mark.parametrize("consumes", [False, True])
async def test_what_reaches_no_queue_is_not_confirmed(brokers: Brokers, consumes: bool) -> None:  # noqa: FBT001 - a case
    bus = await (brokers.consuming(Heard()) if consumes else brokers.run(brokers.bus()))
    with pytest.raises((PublishError, DeliveryError)):
        await bus.publish(b"{}", name="nobody-wants-this", event_id="e", mandatory=True)
    await bus.publish(b"{}", name="nobody-wants-this", event_id="e", mandatory=False)


async def test_a_canary_travels_every_queue(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.broker.CanarySeconds", 0.2)
    heard = Heard()
    bus = brokers.bus()
    bus.consume(CredentialChange, heard)
    bus.consume(SignedOutEverywhere, heard)
    await brokers.run(bus)
    began = dict(bus._canary_seen)
    await until(lambda: all(bus._canary_seen[queue] > at for queue, at in began.items()))
    assert bus.stalled() == []
    assert heard.times == []


async def test_a_queue_that_is_deleted_is_declared_again(brokers: Brokers) -> None:
    heard, service = Heard(), brokers.name()
    bus = await brokers.consuming(heard, service=service)
    queue = f"{service}.signed-out-everywhere"
    async with brokers.channel() as channel:
        await channel.queue_delete(queue)
    told = event()
    deadline = time.monotonic() + 20
    while told.id not in heard.ids:
        assert time.monotonic() < deadline
        with suppress(PublishError, DeliveryError, TimeoutError, RuntimeError):
            await tell(bus, told)
        await asyncio.sleep(0.1)


async def test_a_service_that_stops_finishes_what_it_began(brokers: Brokers) -> None:
    heard, service = Heard(), brokers.name()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(told: SignedOutEverywhere) -> None:
        begun.set()
        await go_on.wait()
        await heard(told)

    bus = await brokers.consuming(slow, service=service)
    told = event()
    await brokers.put(f"{service}.signed-out-everywhere", told.model_dump_json().encode())
    await begun.wait()
    stopping = asyncio.create_task(brokers.stop(bus))
    await asyncio.sleep(0.1)
    go_on.set()
    await stopping
    assert heard.ids == [told.id]
    async with brokers.channel() as channel:
        queue = await channel.get_queue(f"{service}.signed-out-everywhere")
        leftovers = []
        while (message := await queue.get(fail=False)) is not None:
            leftovers.append(message.body)
        assert told.model_dump_json().encode() not in leftovers


async def test_the_topology_is_declared_twice_without_harm(brokers: Brokers) -> None:
    bus = brokers.bus()
    bus.consume(SignedOutEverywhere, Heard())
    for _ in range(2):
        await brokers.install(bus)


async def test_every_replica_hears_a_live_hint_while_it_is_connected(brokers: Brokers) -> None:
    service, first, second = brokers.name(), Heard(), Heard()
    replicas = []
    for heard in (first, second):
        bus = brokers.bus(service)
        bus.listen(SessionRevoked, heard, replica=brokers.name())
        replicas.append(await brokers.run(bus))
    (told,) = sessions_revoked("ada", [uuid4().hex], "signed-out", receipt=None, at=AT)
    await tell(replicas[0], told, mandatory=False)
    await until(lambda: told.id in first.ids and told.id in second.ids)
    await brokers.stop(replicas[1])
    (later,) = sessions_revoked("ada", [uuid4().hex], "signed-out", receipt=None, at=AT)
    await tell(replicas[0], later, mandatory=False)
    await until(lambda: later.id in first.ids)
    assert later.id not in second.ids


async def test_a_live_hint_that_cannot_be_read_stops_nobody(brokers: Brokers) -> None:
    heard, bus = Heard(), brokers.bus()
    bus.listen(SessionRevoked, heard, replica=brokers.name())
    await brokers.run(bus)
    await bus.publish(b"nonsense", name="session-revoked", event_id="x", mandatory=False)
    (told,) = sessions_revoked("ada", [uuid4().hex], "signed-out", receipt=None, at=AT)
    await tell(bus, told, mandatory=False)
    await until(lambda: told.id in heard.ids)


async def test_a_message_is_persistent_and_named(brokers: Brokers) -> None:
    service = brokers.name()
    bus = brokers.bus(service)
    bus.consume(SignedOutEverywhere, Heard())
    await brokers.install(bus)
    teller = await brokers.run(brokers.bus())
    told = event()
    await tell(teller, told)
    async with brokers.channel() as channel:
        queue = await channel.get_queue(f"{service}.signed-out-everywhere")
        message = await queue.get(timeout=5)
        assert message is not None
        assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
        assert (message.message_id, message.type) == (told.id, told.name)
        assert (message.exchange, message.routing_key) == (EXCHANGE.name, told.name)


async def test_a_publish_to_a_frozen_broker_is_given_up_in_time(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = await brokers.run(brokers.bus())
    monkeypatch.setattr("shared.broker.PublishSeconds", 0.2)

    async def never(*_args: Any, **_named: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(bus.broker, "publish", never)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await tell(bus, event())
    assert time.monotonic() - began < 5
