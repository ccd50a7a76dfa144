"""The small pieces of the bus and the outbox that need no broker."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from shared.broker import Attempts, Bus, _Consumer
from shared.contracts.events import CredentialChange
from shared.outbox import Outbox
from shared.telemetry import EVENTS_HANDLED

EVENT = {
    "id": "e1",
    "name": "credential-change",
    "version": 1,
    "subject": "ada",
    "occurred_at": "2026-03-01T12:00:00Z",
    "initiating_entity": "user",
    "payload": {
        "credential_type": "password",
        "change_type": "update",
        "cause": "password-changed",
        "epoch": 2,
        "receipt": "r1",
    },
}
BODY = CredentialChange.model_validate(EVENT).model_dump_json().encode()


class StoreAwayError(Exception):
    pass


def bus() -> Bus:
    return Bus("amqp://127.0.0.1:1/", "tested", lambda error: isinstance(error, StoreAwayError))


@dataclass
class Message:
    """A message, and what became of it."""

    body: bytes = BODY
    headers: dict[str, Any] = field(default_factory=dict)
    message_id: str = "e1"
    fate: list[str] = field(default_factory=list)

    async def ack(self) -> None:
        self.fate.append("acknowledged")

    async def nack(self, *, requeue: bool = True) -> None:
        self.fate.append("requeued" if requeue else "dropped")

    async def reject(self, *, requeue: bool = False) -> None:
        self.fate.append("requeued" if requeue else "parked")


async def received(
    message: Message, handler: Callable[[Any], Any], on: Bus | None = None
) -> list[str]:
    consumer = _Consumer(on or bus(), "tested.credential-change", CredentialChange, handler)
    await consumer.receive(cast("Any", message))
    return message.fate


async def handled(event: CredentialChange) -> None:
    assert event.payload.receipt == "r1"


async def failing(event: CredentialChange) -> None:
    raise ZeroDivisionError


async def test_what_was_handled_is_acknowledged() -> None:
    assert await received(Message(), handled) == ["acknowledged"]


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"{}", b"\xff", b"null", BODY.replace(b'"version":1', b'"version":9')],
)
async def test_what_cannot_be_read_is_parked(body: bytes) -> None:
    assert await received(Message(body), failing) == ["parked"]


async def test_a_canary_is_taken_note_of_and_never_handled() -> None:
    tested = bus()
    fate = await received(Message(b"canary", {"x-canary": "tested"}), failing, tested)
    assert fate == ["acknowledged"]
    assert tested._canary_seen.keys() == {"tested.credential-change"}


async def test_what_fails_waits_and_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []

    async def retry_later(self: Bus, message: Any, queue: str, attempt: int) -> None:
        waited.append(attempt)

    monkeypatch.setattr(Bus, "retry_later", retry_later)
    for attempt in (None, 2, Attempts - 1):
        headers = {} if attempt is None else {"x-attempt": attempt}
        assert await received(Message(headers=headers), failing) == []
    assert waited == [1, 2, Attempts - 1]


async def test_what_cannot_even_be_put_aside_goes_back_into_its_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def no_room(self: Bus, message: Any, queue: str, attempt: int) -> None:
        raise TimeoutError

    monkeypatch.setattr(Bus, "retry_later", no_room)
    monkeypatch.setattr("shared.broker._LET_GO_SECONDS", 0)
    retried = EVENTS_HANDLED.labels("tested.credential-change", "retried")._value
    before = retried.get()
    assert await received(Message(), failing) == ["requeued"]
    assert retried.get() == before


async def test_what_fails_for_the_last_time_is_parked() -> None:
    assert await received(Message(headers={"x-attempt": Attempts}), failing) == ["parked"]


async def test_a_store_that_is_away_is_waited_for() -> None:
    tries = 0

    async def twice_away(event: CredentialChange) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StoreAwayError

    assert await received(Message(), twice_away) == ["acknowledged"]
    assert tries == 3


async def test_a_handler_that_is_cancelled_keeps_its_message() -> None:
    begun = asyncio.Event()

    async def hanging(event: CredentialChange) -> None:
        begun.set()
        await asyncio.sleep(60)

    message = Message()
    running = asyncio.create_task(received(message, hanging))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert message.fate == []


async def test_nothing_is_published_before_the_broker_was_reached() -> None:
    with pytest.raises(ConnectionError):
        await bus().publish(b"", name="credential-change", event_id="e1", mandatory=True)


def test_a_bus_that_is_not_connected_says_so() -> None:
    assert bus().missing() == ["rabbitmq"]


def test_a_queue_that_no_canary_travelled_lately_is_stalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("shared.broker.time.monotonic", lambda: now)
    tested = bus()
    tested.canary_arrived("tested.a")
    now += 30
    tested.canary_arrived("tested.b")
    assert tested.stalled() == []
    now += 16
    assert tested.stalled() == ["tested.a"]


class Publisher:
    """Publishes nothing, in the way it was told to."""

    def __init__(self, error: BaseException | None = None) -> None:
        """Take the error that every publish ends in."""
        self.error = error

    async def publish(self, body: bytes, *, name: str, event_id: str, mandatory: bool) -> None:
        """Fail, or hang where there is no error."""
        if self.error is not None:
            raise self.error
        await asyncio.sleep(60)


def outbox(publisher: Publisher) -> Outbox:
    return Outbox(cast("Any", None), publisher, "tested")


ROW = {"_id": "e1", "name": "credential-change", "body": b""}


@pytest.mark.parametrize(
    "error", [ConnectionError(), TimeoutError(), asyncio.CancelledError(), RuntimeError("closed")]
)
async def test_a_publish_that_fails_in_whatever_way_is_not_confirmed(error: BaseException) -> None:
    assert await outbox(Publisher(error))._publish_one(ROW) is False


async def test_a_relay_that_is_cancelled_ends() -> None:
    running = asyncio.create_task(outbox(Publisher())._publish_one(ROW))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
