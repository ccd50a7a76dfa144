"""What the gateway hears, through RabbitMQ: twice or out of order, it does no harm."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from services.credentials.method import Method
from services.credentials.methods import Changed, SecurityInfo
from services.gateway.acceptance import Acceptance
from services.gateway.live import Changed as Told
from services.gateway.live import Ended, LiveSessions
from services.gateway.model import Caller
from services.gateway.subscribers import subscribe as gateway_hears
from services.sessions.model import sessions_revoked
from shared.broker import Bus
from shared.contracts.events import Event, SessionRevoked
from shared.contracts.sessions import Session, Where
from tests.contract.brokers import Brokers, until
from tests.contract.events.telling import AT
from tests.unit.gateway.sessions import Sessions, token_of

Hears = Callable[[Any], Coroutine[Any, Any, None]]


@dataclass
class GatewaySide:
    """One gateway's open pages behind its bus."""

    live: LiveSessions
    sessions: Sessions
    bus: Bus
    heard: list[Event]

    def follow(self, session: Session) -> asyncio.Task[list[Any]]:
        caller = Caller(session, token_of(session), Where(address="192.0.2.7"))

        async def collect() -> list[Any]:
            async with asyncio.timeout(30):
                return [said async for said in self.live.follow(caller)]

        return asyncio.create_task(collect())

    async def bring(self, *events: Event) -> None:
        expected = len(self.heard) + len(events)
        for event in events:
            body = event.model_dump_json().encode()
            await self.bus.publish(body, name=event.name, event_id=event.id, mandatory=False)
        await until(lambda: len(self.heard) >= expected)


@pytest.fixture
async def gateway_side(brokers: Brokers) -> AsyncIterator[GatewaySide]:
    sessions = Sessions()
    live = LiveSessions(Acceptance(sessions.cache, sessions))
    heard: list[Event] = []

    def noting(original: Hears) -> Hears:
        async def note(event: Event) -> None:
            await original(event)
            heard.append(event)

        return note

    live.revoked = noting(live.revoked)  # type: ignore[method-assign, assignment]
    live.changed = noting(live.changed)  # type: ignore[method-assign, assignment]
    bus = brokers.bus()
    gateway_hears(bus, live, replica=brokers.name())
    await brokers.run(bus)
    yield GatewaySide(live, sessions, bus, heard)
    live.close()


def over(*sessions: Session) -> SessionRevoked:
    sids = [each.sid for each in sessions]
    (told,) = sessions_revoked("ada", sids, "password-changed", receipt="r1", at=AT)
    return told


async def test_the_gateway_tells_a_page_once_what_it_hears_twice(
    gateway_side: GatewaySide,
) -> None:
    session = gateway_side.sessions.begin()
    page = gateway_side.follow(session)
    await asyncio.sleep(0)
    await gateway_side.bring(over(session), over(session))
    assert await page == [Ended(session.sid, "password-changed", "r1")]


async def test_the_gateway_tells_each_page_its_own_when_events_come_in_reverse(
    gateway_side: GatewaySide,
) -> None:
    first, second, bystander = (gateway_side.sessions.begin() for _ in range(3))
    pages = {each.sid: gateway_side.follow(each) for each in (first, second, bystander)}
    await asyncio.sleep(0)
    await gateway_side.bring(over(second), over(first), over(second))
    assert (await pages[first.sid])[-1].sid == first.sid
    assert (await pages[second.sid])[-1].sid == second.sid
    assert not pages[bystander.sid].done()
    gateway_side.live.close()
    await pages[bystander.sid]


def method_added(revision: int) -> Event:
    info = SecurityInfo("ada", version=revision - 1)
    event = Changed(info, Method("phone", "authenticator", "", AT), "create").event("ada", at=AT)
    assert event is not None
    return event


async def test_the_gateway_tells_a_page_of_a_change_once_and_of_none_after_a_later_one(
    gateway_side: GatewaySide,
) -> None:
    page = gateway_side.follow(gateway_side.sessions.begin())
    await asyncio.sleep(0)
    older, newer = method_added(1), method_added(2)
    await gateway_side.bring(newer, newer, older, newer)
    gateway_side.live.close()
    told = [said for said in await page if isinstance(said, Told)]
    assert told == [Told(AT, "method-added", 2)]
