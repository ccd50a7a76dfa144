"""What admins see of the events that could not be handled."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from services.gateway.administration import Administration
from shared.contracts.refusals import UnknownCursor
from shared.parking import ParkedMessage


def message(number: int | str) -> ParkedMessage:
    return ParkedMessage(f"m{number}", "profile.credential-change", "", "rejected", 1)


@dataclass
class Parked:
    messages: list[ParkedMessage]

    async def list(self) -> list[ParkedMessage]:
        return self.messages

    async def replay(self, message_id: str) -> None:
        raise NotImplementedError


def administration(*messages: ParkedMessage) -> Administration:
    nobody = cast("Any", None)
    return Administration(nobody, nobody, Parked([*messages]), nobody)


async def test_parked_events_come_in_pages() -> None:
    admins = administration(*map(message, range(5)))
    seen, after = [], None
    while True:
        page = await admins.parked(limit=2, after=after)
        assert 1 <= len(page.items) <= 2
        seen += [each.id for each in page.items]
        if page.next is None:
            break
        after = page.next
    assert seen == ["m0", "m1", "m2", "m3", "m4"]


async def test_an_event_that_was_parked_twice_does_not_turn_the_pages_in_a_circle() -> None:
    admins = administration(message(1), message(1), message(2))
    first = await admins.parked(limit=1)
    rest = await admins.parked(limit=1, after=first.next)
    assert ([each.id for each in rest.items], rest.next) == (["m2"], None)


@pytest.mark.parametrize("after", ["", "zzz"])
async def test_what_is_no_cursor_is_refused(after: str) -> None:
    with pytest.raises(UnknownCursor):
        await administration(message(1)).parked(after=after)
