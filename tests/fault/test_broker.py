"""The broker only cleans up: changes hold without it, and its messages may be anything."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic

import aio_pika
import orjson
import pytest
from aio_pika.exceptions import ChannelNotFoundEntity, DeliveryError
from pymongo import DESCENDING

from shared.broker import EXCHANGE, Bus, StalledSeconds
from shared.contracts.events import CredentialChange
from tests.fault.oracle import Oracle
from tests.fault.ordeal import FAULTS, Ordeal, When
from tests.fault.portal import Change, Portal, becomes

QUEUE = "sessions.credential-change"
CASES: list[tuple[str, When]] = [
    ("rabbitmq away", "before"),
    ("rabbitmq away", "during"),
    ("rabbitmq away", "after"),
    ("rabbitmq frozen", "before"),
    ("credentials cut from rabbitmq", "during"),
    ("credentials to rabbitmq frozen", "during"),
]


@pytest.mark.parametrize(("fault", "when"), CASES)
async def test_every_change_is_taken_and_holds_without_the_broker(
    portal: Portal, oracle: Oracle, fault: str, when: When
) -> None:
    verdict = await Ordeal(FAULTS[fault], when, seconds=5.0).run(portal, oracle)
    assert verdict.clean, verdict.wrongs


async def test_services_that_start_without_the_broker_find_it_when_it_comes(
    portal: Portal, oracle: Oracle
) -> None:
    stack = portal.stack
    people = await portal.people(2)
    await asyncio.to_thread(stack.kill, "rabbitmq", for_good=True)
    for name in ("credentials", "sessions", "profile"):
        await asyncio.to_thread(stack.kill, name)
        await asyncio.to_thread(stack.wait_ready, name)
    changes = [await portal.change(user) for user in people]
    assert all(change.answered for change in changes)
    assert "rabbitmq" in (await portal.ready("sessions"))["missing"]
    stack.start("rabbitmq")
    verdict = await oracle.verdict(changes, healed=await portal.whole())
    assert verdict.clean, verdict.wrongs


async def test_a_queue_that_is_deleted_comes_back(portal: Portal, oracle: Oracle) -> None:
    people = await portal.people(3)
    await _delete(portal.stack.rabbitmq_url)
    changes = [await portal.change(user) for user in people]
    await _delivers_again(portal, oracle, changes)


async def test_events_may_come_twice_late_and_in_any_order(portal: Portal, oracle: Oracle) -> None:
    (user,) = await portal.people(1)
    first = await portal.change(user)
    await portal.sign_in(user)
    second = await portal.change(user, token=user.tokens[-1])
    verdict = await oracle.verdict([first, second], healed=monotonic())
    assert verdict.clean, verdict.wrongs
    stored = oracle.mongo["credentials"]["outbox"].find(
        {"_id": {"$in": [first.receipt, second.receipt]}}
    )
    bodies = [row["body"] async for row in stored.sort("created_at", DESCENDING)]
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    # One that the inbox does not know is as good as one that it has forgotten.
    forgotten = [
        orjson.dumps(orjson.loads(body) | {"id": f"again-{number}", "occurred_at": long_ago})
        for number, body in enumerate(bodies)
    ]
    handled = await _handled(portal)
    await _publish(portal, [*bodies, *forgotten] * 3)

    async def all_handled() -> bool:
        return (await _handled(portal) - handled).total() == 3 * 4 * 2

    assert await becomes(all_handled, seconds=20)
    for token in user.tokens[-2:]:
        assert (await portal.show(token)).status == 200
    verdict = await oracle.verdict([first, second], healed=monotonic())
    assert verdict.clean, verdict.wrongs


async def test_poison_is_parked_within_five_seconds_and_good_events_pass(
    portal: Portal, oracle: Oracle
) -> None:
    people = await portal.people(2)
    good = {"id": "x", "name": "credential-change", "version": 1, "subject": "nobody"}
    unknown_version = orjson.dumps(good | {"version": 2, "payload": {}})
    poison = [b"{", b"", b"\xff\xfe", orjson.dumps(good), unknown_version, b"9" * 10_000_000]
    await _publish(portal, poison)
    poisoned = monotonic()
    changes = [await portal.change(user) for user in people]

    async def all_parked() -> bool:
        return await oracle.parked() == Counter(profile=len(poison), sessions=len(poison))

    assert await becomes(all_parked, seconds=poisoned + 5 - monotonic()), await oracle.parked()
    async with await aio_pika.connect(portal.stack.rabbitmq_url) as connection:
        channel = await connection.channel()
        for service in ("profile", "sessions"):
            await (await channel.get_queue(f"{service}.parked")).purge()
    verdict = await oracle.verdict(changes, healed=monotonic())
    assert verdict.clean, verdict.wrongs


async def test_a_queue_without_a_leader_is_noticed_within_a_minute_and_nobody_stays_signed_in(
    portal: Portal, oracle: Oracle
) -> None:
    people = await portal.people(2)
    if not await _lose_the_leader(portal):
        pytest.skip("This broker elected a leader in each of six tries.")
    healed = await portal.whole()
    changes = [await portal.change(user) for user in people]
    assert all(change.answered for change in changes)
    subs = [user.sub for user in people]

    async def all_ended() -> bool:
        receipts = [each for user in people for each in await oracle.receipts_of(user)]
        return not await oracle.open_and_older(subs) and all(
            each["completed_at"] for each in receipts
        )

    async def is_noticed() -> bool:
        ages = await portal.metric("sessions", "canary_age_seconds")
        named = f"rabbitmq queue {QUEUE}" in (await portal.ready("sessions"))["missing"]
        return named and ages[f'{{queue="{QUEUE}"}}'] > StalledSeconds

    assert await becomes(all_ended, seconds=10)
    assert await becomes(is_noticed, seconds=healed + 60 - monotonic())
    await _delete(portal.stack.rabbitmq_url)
    await _delivers_again(portal, oracle, changes)


async def _delivers_again(portal: Portal, oracle: Oracle, changes: Sequence[Change]) -> None:
    """Check that a deleted queue comes back, and that nobody depends on what was in it."""
    verdict = await oracle.verdict(changes, healed=monotonic(), by_events=False)
    assert verdict.clean, verdict.wrongs

    async def is_consumed() -> bool:
        async with await aio_pika.connect(portal.stack.rabbitmq_url) as connection:
            try:
                queue = await (await connection.channel()).get_queue(QUEUE)
            except ChannelNotFoundEntity:
                return False
            return bool(queue.declaration_result.consumer_count)

    assert await becomes(is_consumed, seconds=30)
    handled = await _handled(portal)
    later = await portal.change((await portal.people(1))[0])
    verdict = await oracle.verdict([later], healed=monotonic())
    assert verdict.clean, verdict.wrongs
    # What waited in the outbox for the queue to come back may have come with it.
    assert (await _handled(portal) - handled).keys() == {"profile", "sessions"}


async def _lose_the_leader(portal: Portal) -> bool:
    """Install the queue anew a moment before the broker dies, until that leaves it leaderless."""
    stack = portal.stack
    for attempt in range(6):
        stack.stop("sessions")
        bus = Bus(stack.rabbitmq_url, "sessions", lambda _: False)
        bus.consume(CredentialChange, _ignore)
        await _delete(stack.rabbitmq_url)
        await bus.install()
        await asyncio.sleep(0.05 * attempt)
        await asyncio.to_thread(stack.kill, "rabbitmq")
        await asyncio.to_thread(stack.wait_ready, "rabbitmq")
        stack.cont("sessions")
        if not await _confirms(stack.rabbitmq_url):
            return True
    return False


async def _ignore(_: CredentialChange) -> None:
    raise AssertionError("It only installs.")


async def _confirms(url: str) -> bool:
    canary = aio_pika.Message(b"canary", headers={"x-canary": "test"})
    async with await aio_pika.connect(url) as connection:
        exchange = (await connection.channel()).default_exchange
        try:
            async with asyncio.timeout(5):
                await exchange.publish(canary, routing_key=QUEUE)
        except (TimeoutError, DeliveryError):
            return False
    return True


async def _delete(url: str) -> None:
    """Do what docs/operations.md tells the operator to do; the service declares the queue anew."""
    async with await aio_pika.connect(url) as connection:
        await (await connection.channel()).queue_delete(QUEUE)


async def _publish(portal: Portal, bodies: Sequence[bytes]) -> None:
    async with await aio_pika.connect(portal.stack.rabbitmq_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EXCHANGE.name)
        for body in bodies:
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await exchange.publish(message, routing_key="credential-change")


async def _handled(portal: Portal) -> Counter[str]:
    handled: Counter[str] = Counter()
    for service in ("profile", "sessions"):
        counted = await portal.metric(service, "events_handled_total")
        done = f'{{outcome="done",queue="{service}.credential-change"}}'
        handled[service] = int(counted.get(done, 0))
    return handled
