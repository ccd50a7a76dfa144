"""What every FlowStore and AnswerStore does, in memory and in Redis alike."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from deploy.local.ports import free
from services.gateway.errors import IdempotencyKeyReused, RequestInProgress
from services.gateway.model import Flow, FlowKey
from services.gateway.redis import RedisAnswers, RedisFlows
from services.gateway.sealing import Sealer
from services.gateway.store import AnswerStore, FlowStore, KeptAnswer
from shared import cache
from shared.contracts.refusals import Unavailable
from tests.memory.clock import StoppedClock
from tests.memory.gateway import MemoryAnswers, MemoryFlows

SEALER = Sealer(b"the secret of a test, long enough")
CLIENT, CLOCK = "the browser that began it", StoppedClock(datetime.now(UTC))
FLOW = Flow(
    sub="ada",
    epoch=3,
    must_change=True,
    device_key="a device's key",
    device_name=None,
    ends_at=CLOCK.now() + timedelta(seconds=600),
)
ANSWER = KeptAnswer(202, {"Content-Type": "application/json", "Receipt-Token": "t"}, b'{"a":\n1}')


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    # More patient than the gateway is: on a busy machine a slow answer is no outage.
    client = Redis.from_url(redis_url, socket_timeout=30)
    yield client
    await client.aclose()


@pytest.fixture
async def nowhere() -> AsyncIterator[Redis]:
    client = cache.connect(f"redis://127.0.0.1:{free(('redis',))['redis']}/0")
    yield client
    await client.aclose()


@pytest.fixture(params=["memory", "redis"])
def flows(request: pytest.FixtureRequest) -> FlowStore:
    if request.param == "memory":
        return MemoryFlows(clock=CLOCK)
    return RedisFlows(request.getfixturevalue("redis"), SEALER, CLOCK)


@pytest.fixture(params=["memory", "redis"])
def answers(request: pytest.FixtureRequest) -> AnswerStore:
    if request.param == "memory":
        return MemoryAnswers()
    return RedisAnswers(request.getfixturevalue("redis"), SEALER)


@pytest.fixture
def key() -> str:
    return uuid4().hex


async def test_a_flow_is_found_by_who_began_it_until_it_is_dropped(flows: FlowStore) -> None:
    key = FlowKey(await flows.keep(FLOW, CLIENT), CLIENT)
    assert await flows.find(key) == FLOW
    await flows.drop(key)
    assert await flows.find(key) is None


async def test_no_flow_is_found_by_another_id(flows: FlowStore) -> None:
    first, second = await flows.keep(FLOW, CLIENT), await flows.keep(FLOW, CLIENT)
    assert first != second
    assert await flows.find(FlowKey("no-such-flow", CLIENT)) is None
    await flows.drop(FlowKey("no-such-flow", CLIENT))
    assert await flows.find(FlowKey(first, CLIENT)) == FLOW


async def test_its_id_alone_opens_changes_or_ends_no_flow(flows: FlowStore) -> None:
    flow_id = await flows.keep(FLOW, CLIENT)
    stolen = FlowKey(flow_id, "another client")
    assert await flows.find(stolen) is None
    assert await flows.take(stolen) is None
    assert await flows.find(FlowKey(flow_id, CLIENT)) == FLOW


async def test_what_becomes_of_a_flow_is_kept_in_its_place(flows: FlowStore) -> None:
    key = FlowKey(await flows.keep(FLOW, CLIENT), CLIENT)
    changed = FLOW.model_copy(update={"epoch": 4})
    await flows.change(key, changed)
    assert await flows.find(key) == changed
    await flows.drop(key)
    await flows.change(key, FLOW)
    assert await flows.find(key) is None


async def test_of_fifty_who_take_a_flow_one_has_it(flows: FlowStore) -> None:
    key = FlowKey(await flows.keep(FLOW, CLIENT), CLIENT)
    taken = await asyncio.gather(*(flows.take(key) for _ in range(50)))
    assert sorted(each is not None for each in taken) == [False] * 49 + [True]
    assert await flows.find(key) is None


async def test_a_flow_is_over_when_it_ends_however_often_it_was_changed(redis: Redis) -> None:
    await redis.flushall()
    flows = RedisFlows(redis, SEALER, CLOCK)
    key = FlowKey(await flows.keep(FLOW, CLIENT), CLIENT)
    await flows.change(key, FLOW)
    (name,) = await redis.keys("*")
    assert 590 < await redis.ttl(name) <= 600


async def test_who_has_redis_reads_nothing_of_a_flow(redis: Redis) -> None:
    await redis.flushall()
    flow_id = await RedisFlows(redis, SEALER, CLOCK).keep(FLOW, CLIENT)
    (name,) = await redis.keys("*")
    kept = repr(await redis.get(name))
    assert flow_id not in repr(name)
    assert "ada" not in kept
    assert "device" not in kept


async def test_a_flow_that_was_altered_or_sealed_by_another_is_no_flow(redis: Redis) -> None:
    await redis.flushall()
    flows = RedisFlows(redis, SEALER, CLOCK)
    key = FlowKey(await flows.keep(FLOW, CLIENT), CLIENT)
    (name,) = await redis.keys("*")
    other = Sealer(b"another secret, just as long as it")
    assert await RedisFlows(redis, other, CLOCK).find(key) is None
    await redis.set(name, b"something else entirely, put there by hand")
    assert await flows.find(key) is None
    # One that a gateway of another version has written.
    old = SEALER.seal("flow", f"{key.id}\n{CLIENT}".encode(), b'{"sub": "ada", "epoch": 3}')
    await redis.set(name, old)
    assert await flows.find(key) is None


async def test_without_redis_no_flow_goes_on(nowhere: Redis) -> None:
    flows, key = RedisFlows(nowhere, SEALER, CLOCK), FlowKey("flow", CLIENT)
    for asked in (
        flows.keep(FLOW, CLIENT), flows.find(key), flows.change(key, FLOW), flows.take(key),
    ):  # fmt: skip
        with pytest.raises(Unavailable):
            await asked
    await flows.drop(key)


async def test_the_first_answer_is_given_again(answers: AnswerStore, key: str) -> None:
    assert await answers.begin(b"token", key, b"request") is None
    await answers.finish(b"token", key, b"request", ANSWER)
    for _ in range(3):
        assert await answers.begin(b"token", key, b"request") == ANSWER


async def test_an_answer_without_content_is_given_again(answers: AnswerStore, key: str) -> None:
    empty = KeptAnswer(204, {}, b"")
    await answers.begin(b"token", key, b"request")
    await answers.finish(b"token", key, b"request", empty)
    assert await answers.begin(b"token", key, b"request") == empty


async def test_another_request_under_the_same_key_is_refused(
    answers: AnswerStore, key: str
) -> None:
    await answers.begin(b"token", key, b"request")
    await answers.finish(b"token", key, b"request", ANSWER)
    with pytest.raises(IdempotencyKeyReused):
        await answers.begin(b"token", key, b"another request")
    assert await answers.begin(b"token", key, b"request") == ANSWER


async def test_a_request_that_is_being_answered_is_not_begun_again(
    answers: AnswerStore, key: str
) -> None:
    await answers.begin(b"token", key, b"request")
    with pytest.raises(RequestInProgress):
        await answers.begin(b"token", key, b"request")


async def test_of_the_same_request_many_times_at_once_one_is_begun(
    answers: AnswerStore, key: str
) -> None:
    begun = await asyncio.gather(
        *(answers.begin(b"token", key, b"request") for _ in range(8)), return_exceptions=True
    )
    assert sum(each is None for each in begun) == 1
    assert sum(isinstance(each, RequestInProgress) for each in begun) == 7


async def test_what_came_to_no_answer_may_be_tried_again(answers: AnswerStore, key: str) -> None:
    await answers.begin(b"token", key, b"request")
    await answers.abandon(b"token", key)
    assert await answers.begin(b"token", key, b"another request") is None


async def test_a_key_belongs_to_who_chose_it(answers: AnswerStore, key: str) -> None:
    await answers.begin(b"token", key, b"request")
    await answers.finish(b"token", key, b"request", ANSWER)
    assert await answers.begin(b"another token", key, b"request") is None


async def test_answers_are_kept_for_a_day_and_claims_for_moments(redis: Redis, key: str) -> None:
    await redis.flushall()
    answers = RedisAnswers(redis, SEALER)
    await answers.begin(b"token", key, b"request")
    (name,) = await redis.keys("*")
    assert 0 < await redis.ttl(name) <= 30
    await answers.finish(b"token", key, b"request", ANSWER)
    assert 23 * 3600 < await redis.ttl(name) <= 24 * 3600


async def test_who_has_redis_reads_nothing_of_an_answer(redis: Redis, key: str) -> None:
    await redis.flushall()
    answers = RedisAnswers(redis, SEALER)
    await answers.begin(b"token", key, b"request")
    await answers.finish(b"token", key, b"request", ANSWER)
    (name,) = await redis.keys("*")
    assert key not in repr(name)
    assert "Receipt-Token" not in repr(await redis.get(name))


async def test_without_redis_every_request_is_the_first(nowhere: Redis, key: str) -> None:
    answers = RedisAnswers(nowhere, SEALER)
    assert await answers.begin(b"token", key, b"request") is None
    await answers.finish(b"token", key, b"request", ANSWER)
    await answers.abandon(b"token", key)
    assert await answers.begin(b"token", key, b"request") is None
