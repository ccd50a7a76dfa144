"""How much of a flood of attempts is kept."""

import pytest

from services.sessions.attempts import MostOfADay
from shared.contracts.activity import Attempt, AttemptOutcome, ListAttempts, NoteAttempt
from shared.contracts.sessions import Where
from tests.unit.sessions.system import System

FLOOD = MostOfADay + 50


async def flood(system: System, outcome: AttemptOutcome) -> list[Attempt]:
    """Refuse attempts from as many addresses; return what their user sees of it."""
    for number in range(FLOOD):
        where = Where(address=f"2001:db8::{number:x}", user_agent="Browser/1")
        await system.activity.note(
            NoteAttempt(sub="ada", outcome=outcome, where=where, device_id="d", familiar=True)
        )
    asked = ListAttempts(sub="ada", outcome=outcome, limit=200)
    return list((await system.activity.list(asked)).items)


@pytest.mark.parametrize("outcome", ["throttled", "wrong-password"])
async def test_beyond_some_rows_attempts_are_counted_by_the_hour(
    outcome: AttemptOutcome,
) -> None:
    system = System.built()
    found = await flood(system, outcome)
    assert len(found) == MostOfADay + 1
    assert sum(each.count for each in found) == FLOOD
    (rest,) = (each for each in found if each.address is None)
    assert (rest.count, rest.browser, rest.device_id) == (50, None, None)
    # The next day has rows of its own.
    system.clock.advance(24 * 3600)
    assert len(await flood(system, outcome)) == min(200, 2 * (MostOfADay + 1))


async def test_one_kind_of_attempt_leaves_room_for_another() -> None:
    system = System.built()
    await flood(system, "throttled")
    where = Where(address="192.0.2.7")
    await system.activity.note(NoteAttempt(sub="ada", outcome="wrong-password", where=where))
    newest = (await system.activity.list(ListAttempts(sub="ada"))).items[0]
    assert (newest.outcome, newest.address) == ("wrong-password", "192.0.2.7")
