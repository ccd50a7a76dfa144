"""What happens at the same moment as a change is on one side of it or the other."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from tests.fault.oracle import Oracle, Watch
from tests.fault.portal import GATEWAYS, Change, Kind, Portal, User, sid_of


async def test_of_two_changes_at_once_one_wins_and_the_other_is_refused(
    portal: Portal, oracle: Oracle
) -> None:
    people = await portal.people(6, sessions=2)
    for user in people:
        both = await asyncio.gather(*(portal.change(user, token=each) for each in user.tokens))
        statuses = sorted(change.replies[-1].status for change in both)
        assert statuses in ([202, 401], [202, 403], [202, 409])
        (won,) = [change for change in both if change.answered]
        user.password = won.new_password
        verdict = await oracle.verdict([won], healed=won.replies[-1].ended)
        assert verdict.clean, verdict.wrongs
        assert len(await oracle.receipts_of(user)) == 1


async def test_a_sign_in_with_the_old_password_never_outlives_the_change(
    portal: Portal, oracle: Oracle
) -> None:
    people = await portal.people(8, sessions=2)
    old = [user.password for user in people]

    async def sign_in(user: User, password: str) -> None:
        await asyncio.sleep(portal.rng.uniform(0, 1.2))
        reply = await portal.sign_in(user, password)
        assert reply.status in {200, 401, 503}, reply

    async def change(user: User) -> None:
        await asyncio.sleep(portal.rng.uniform(0, 0.6))
        changes.append(await portal.change(user))

    changes: list[Change] = []
    racing = [
        sign_in(user, password)
        for user, password in zip(people, old, strict=True)
        for _ in range(6)
    ]
    watch = Watch(portal, [token for user in people for token in user.tokens])
    async with watch.running(2):
        await asyncio.gather(*racing, *map(change, people))
    with_the_old = [list(user.tokens) for user in people]
    verdict = await oracle.verdict(changes, healed=monotonic(), watch=watch)
    assert verdict.clean, verdict.wrongs
    for tokens in with_the_old:
        for token in tokens:
            assert (await portal.show(token)).status == 401


@pytest.mark.parametrize(
    ("service", "point"),
    [
        ("credentials", "before-hash"),
        ("credentials", "after-verify"),
        ("sessions", "before-store"),
        ("sessions", "after-store"),
    ],
)
async def test_a_sign_in_that_a_change_overtakes_is_refused(
    portal: Portal, oracle: Oracle, service: str, point: str
) -> None:
    (user,) = await portal.people(1, sessions=1)
    async with portal.held(service, point, portal.sign_in(user)) as signing_in:
        change = await portal.change(user)
        assert change.answered
    assert (await signing_in).status == 401
    verdict = await oracle.verdict([change], healed=monotonic())
    assert verdict.clean, verdict.wrongs


@pytest.mark.parametrize("kind", ["password", "everywhere"])
@pytest.mark.parametrize("point", ["before-fill", "before-renewal"])
async def test_a_session_looked_up_or_renewed_during_a_change_is_over_after_it(
    portal: Portal, oracle: Oracle, point: str, kind: Kind
) -> None:
    (user,) = await portal.people(1, sessions=2)
    seen, token = oracle.mongo["sessions"]["sessions"], user.tokens[1]
    if point == "before-renewal":
        long_ago = {"$set": {"last_seen_at": datetime.now(UTC) - timedelta(minutes=5)}}
        await seen.update_one({"_id": sid_of(token)}, long_ago)
    async with portal.held("sessions", point, portal.show(token, probe=2)) as showing:
        change = await portal.change(user, kind)
        assert change.answered
    await showing
    for gateway in GATEWAYS:
        assert (await portal.show(token, gateway=gateway, probe=2)).status == 401
    verdict = await oracle.verdict([change], healed=monotonic())
    assert verdict.clean, verdict.wrongs
