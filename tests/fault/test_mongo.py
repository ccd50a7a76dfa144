"""MongoDB is what everything is proven by: without it nothing is, and nothing is half done."""

import asyncio
from time import monotonic

import pytest

from shared.cache import LeaseSeconds
from tests.fault.oracle import Oracle, Watch
from tests.fault.ordeal import FAULTS, Ordeal, When
from tests.fault.portal import ACCEPTED, Portal

CASES: list[tuple[str, When]] = [
    ("mongo steps down", "during"),
    ("mongo away", "during"),
    ("sessions cut from mongo", "during"),
    ("sessions to mongo frozen", "after"),
]


@pytest.mark.parametrize(("fault", "when"), CASES)
async def test_an_acknowledged_change_outlives_the_store(
    portal: Portal, oracle: Oracle, fault: str, when: When
) -> None:
    verdict = await Ordeal(FAULTS[fault], when, seconds=3.0).run(portal, oracle)
    assert verdict.clean, verdict.wrongs


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
async def test_a_change_whose_store_is_killed_during_its_transaction_happens_wholly_or_not(
    portal: Portal, oracle: Oracle, point: str
) -> None:
    (user,) = await portal.people(1)
    async with portal.held("credentials", point, portal.change(user)) as changing:
        portal.stack.kill("mongo")
    change = await changing
    healed = await portal.whole()
    assert change.replies[0].status in {202, 503}
    assert len(await oracle.receipts_of(user)) == (
        1 if point == "after-commit" or change.answered else 0
    )
    verdict = await oracle.verdict([change], healed=healed)
    assert verdict.clean, verdict.wrongs


async def test_while_the_store_is_frozen_only_the_lease_is_believed_and_nobody_is_signed_out(
    portal: Portal, oracle: Oracle
) -> None:
    people = await portal.people(3)
    watch = Watch(portal, [token for user in people for token in user.tokens])
    async with watch.running(24):
        await asyncio.sleep(1)
        portal.stack.stop("mongo")
        frozen = monotonic()
        await asyncio.sleep(10)
        thawed = monotonic()
        portal.stack.cont("mongo")
        await portal.whole()
    unproven = [
        r for _, r in watch.seen if r.began > frozen + LeaseSeconds + 0.1 and r.ended < thawed
    ]
    assert len(unproven) > 10
    assert {reply.status for reply in unproven} == {503}
    assert {reply.status for _, reply in watch.seen} <= ACCEPTED | {503}
    for token in watch.tokens:
        assert (await portal.show(token)).status in ACCEPTED
