"""Redis may lose everything, stand still or be out of reach: nobody is let in by mistake."""

from time import monotonic

import pytest

from tests.fault.oracle import Oracle, Watch
from tests.fault.ordeal import FAULTS, Ordeal, When
from tests.fault.portal import Kind, Portal

CASES: list[tuple[str, When]] = [
    ("redis flushed", "during"),
    ("redis away", "before"),
    ("redis away", "during"),
    ("redis frozen", "during"),
    ("redis full", "before"),
    ("gateway cut from redis", "during"),
    ("gateway to redis frozen", "before"),
    ("credentials to redis slow", "before"),
    ("sessions cut from redis", "during"),
    ("sessions to redis frozen", "before"),
]


@pytest.mark.parametrize(("fault", "when"), CASES)
async def test_changes_are_taken_and_hold_without_redis(
    portal: Portal, oracle: Oracle, fault: str, when: When
) -> None:
    verdict = await Ordeal(FAULTS[fault], when, seconds=3.0).run(portal, oracle)
    assert verdict.clean, verdict.wrongs


@pytest.mark.parametrize("hurt", ["cut", "freeze"])
@pytest.mark.parametrize(
    ("writer", "kind"), [("credentials", "password"), ("sessions", "everywhere")]
)
async def test_a_writer_that_cannot_reach_redis_waits_the_lease_out(
    portal: Portal, oracle: Oracle, writer: str, kind: Kind, hurt: str
) -> None:
    people = await portal.people(4, sessions=2)
    link = portal.stack.link(writer, "redis")
    watch = Watch(portal, [token for user in people for token in user.tokens], pause=0.0)
    # Sessions fills the cache, so what is to be in it must be there before sessions is cut off.
    await portal.all(portal.show(token) for token in watch.tokens)
    async with watch.running(6):
        getattr(link, hurt)()
        changes = await portal.all(portal.change(user, kind) for user in people)
        # The gateways still reach Redis, so what they remember is all that could be stale.
        verdict = await oracle.verdict(changes, healed=monotonic(), watch=watch)
    assert verdict.clean, verdict.wrongs
    for change in changes:
        assert 2.0 <= change.replies[0].ended - change.replies[0].began <= 6.0
    link.heal()
