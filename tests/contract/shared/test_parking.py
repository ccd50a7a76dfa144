"""What was given up on, on RabbitMQ: listed, counted, and put back where it came from."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from shared.broker import Bus, parked_queue
from shared.contracts.refusals import NotFound
from shared.parking import Parking
from shared.service import end
from shared.telemetry import PARKED
from shared.wiring import Wiring
from tests.contract.brokers import Brokers, Heard, event, until


@pytest.fixture
def parking_of(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Bus], Parking]:
    def made(bus: Bus) -> Parking:
        monkeypatch.setattr("shared.parking.Consumers", (bus.service,))
        return Parking(bus)

    return made


async def eventually(read: Callable[[], Awaitable[list[Any]]], count: int) -> list[Any]:
    deadline = time.monotonic() + 15
    while len(found := await read()) != count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return found


async def test_what_is_parked_is_listed_and_stays(
    brokers: Brokers, parking_of: Callable[[Bus], Parking]
) -> None:
    bus = await brokers.consuming(Heard())
    queue = f"{bus.service}.signed-out-everywhere"
    await brokers.put(queue, b"nonsense", message_id="m1", type="signed-out-everywhere")
    parking = parking_of(bus)
    (first,) = await eventually(parking.list, 1)
    assert (first.queue, first.event) == (queue, "signed-out-everywhere")
    assert first.size == len(b"nonsense")
    assert await eventually(parking.list, 1) == [first]


async def test_what_is_replayed_is_handled_and_no_longer_parked(
    brokers: Brokers, parking_of: Callable[[Bus], Parking], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.broker.Attempts", 1)
    heard = Heard(fails=1)
    bus = await brokers.consuming(heard)
    told = event()
    await brokers.put(
        f"{bus.service}.signed-out-everywhere", told.model_dump_json().encode(), message_id=told.id
    )
    parking = parking_of(bus)
    (parked,) = await eventually(parking.list, 1)
    await parking.replay(parked.id)
    await until(lambda: heard.ids == [told.id])
    assert await eventually(parking.list, 0) == []


async def test_canaries_that_were_parked_hide_nothing(
    brokers: Brokers, parking_of: Callable[[Bus], Parking], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.parking._MOST", 2)
    bus = await brokers.consuming(Heard())
    for number in range(3):
        await brokers.put(f"{bus.service}.parked", b"canary", headers={"x-canary": f"{number}"})
    await brokers.put(f"{bus.service}.signed-out-everywhere", b"nonsense", message_id="m1")
    await eventually(parking_of(bus).list, 1)


async def test_what_is_not_parked_cannot_be_replayed(
    brokers: Brokers, parking_of: Callable[[Bus], Parking]
) -> None:
    bus = await brokers.consuming(Heard())
    with pytest.raises(NotFound):
        await parking_of(bus).replay("no-such-message")


def counted(bus: Bus) -> float:
    return float(PARKED.labels(bus.service)._value.get())


@asynccontextmanager
async def watched(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Count every twentieth of a second."""
    monkeypatch.setattr("shared.parking.CountSeconds", 0.05)
    task = asyncio.create_task(Parking(bus).watch())
    yield
    await end(task)


async def test_what_is_parked_is_counted_and_canaries_are_not(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = await brokers.consuming(Heard())
    queue = f"{bus.service}.signed-out-everywhere"
    async with watched(bus, monkeypatch):
        await brokers.put(parked_queue(bus.service), b"canary", headers={"x-canary": "1"})
        for number in range(2):
            await brokers.put(queue, b"nonsense", message_id=f"m{number}")
        await until(lambda: counted(bus) == 2)
        async with brokers.channel() as channel:
            await (await channel.get_queue(parked_queue(bus.service))).purge()
        await until(lambda: counted(bus) == 0)


async def test_what_stays_parked_is_not_taken_out_again_and_again(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = await brokers.consuming(Heard())
    await brokers.put(f"{bus.service}.signed-out-everywhere", b"nonsense", message_id="m1")
    async with watched(bus, monkeypatch):
        await until(lambda: counted(bus) == 1)
        await asyncio.sleep(0.5)
    async with brokers.channel() as channel:
        message = await (await channel.get_queue(parked_queue(bus.service))).get(timeout=5)
        assert message is not None
        assert message.headers.get("x-delivery-count") == 1
    assert counted(bus) == 1


async def test_counting_waits_for_the_broker_and_for_the_queue(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = brokers.bus()
    async with watched(bus, monkeypatch):
        await asyncio.sleep(0.2)
        assert bus.broker._connection is None
        bus.consume(type(event()), Heard())
        running = asyncio.create_task(bus.run())
        await until(lambda: bus.connected)
        await asyncio.sleep(0.2)
        await brokers.install(bus)
        await brokers.put(f"{bus.service}.signed-out-everywhere", b"nonsense", message_id="m1")
        await until(lambda: counted(bus) == 1)
        await bus.stop()
        await end(running)


async def test_every_service_with_a_store_counts_what_it_gave_up_on(profile: Wiring) -> None:
    service = profile.service(web.Application())
    assert "Parking.watch" in [task.__qualname__ for task in service.tasks]
