"""What is told of a subject, and a way to bring it to the queues of a service."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from services.credentials.model import Password, account_disabled, password_changed
from services.sessions.model import signed_out_everywhere
from shared.broker import Bus
from shared.contracts.epochs import Raised
from shared.contracts.events import Cause, Event
from shared.telemetry import EVENTS_HANDLED
from tests.contract.brokers import Brokers, until

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = Password("ada", "ada@example.org", None, temporary=False, version=1, changed_at=AT)
Tells = Callable[[Raised], Event]


def changed(raised: Raised) -> Event:
    return password_changed(raised, at=AT)


def signed_out(raised: Raised) -> Event:
    return signed_out_everywhere(raised, "signed-out-everywhere", at=AT)


def disabled(raised: Raised) -> Event:
    shut = replace(ADA, version=raised.epoch)
    return account_disabled(raised, shut, "account-disabled", at=AT)


KINDS: dict[str, tuple[Tells, Cause]] = {
    "credential-change": (changed, "password-changed"),
    "signed-out-everywhere": (signed_out, "signed-out-everywhere"),
    "account-disabled": (disabled, "account-disabled"),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@dataclass
class Line:
    """One service's bus, and a way to bring events to its queues as the broker would."""

    brokers: Brokers
    bus: Bus

    async def bring(self, *events: Event) -> None:
        """Bring events one after the other, each only when the one before was handled."""
        for event in events:
            queue = f"{self.bus.service}.{event.name}"
            handled = self._handled(queue)
            await self.brokers.put(queue, event.model_dump_json().encode(), message_id=event.id)
            await until(lambda: self._handled(queue) == handled + 1)  # noqa: B023 - awaited at once

    async def bring_at_once(self, *events: Event) -> None:
        """Bring events together, and wait until all were handled."""
        queues = [f"{self.bus.service}.{event.name}" for event in events]
        expected = {queue: self._handled(queue) + queues.count(queue) for queue in queues}
        await asyncio.gather(
            *(
                self.brokers.put(queue, event.model_dump_json().encode(), message_id=event.id)
                for queue, event in zip(queues, events, strict=True)
            )
        )
        await until(lambda: all(self._handled(queue) == end for queue, end in expected.items()))

    def _handled(self, queue: str) -> float:
        return float(EVENTS_HANDLED.labels(queue, "done")._value.get())
