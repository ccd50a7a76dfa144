"""Wrong passwords are counted to the end, whatever Redis has forgotten or has not been told."""

import asyncio
from collections.abc import Callable

import pytest

from services.credentials.model import ACCOUNT
from tests.fault.ordeal import flush
from tests.fault.portal import Portal, User, WoundableStack, fresh_password

Loss = Callable[[WoundableStack], None]


def restart(stack: WoundableStack) -> None:
    """Kill Redis, which comes back empty."""
    stack.kill("redis")
    stack.wait_ready("redis")


def lose(stack: WoundableStack) -> None:
    """Kill Redis for as long as the test lasts."""
    stack.kill("redis", for_good=True)


def freeze(stack: WoundableStack) -> None:
    """Let Redis keep what it knows and hear of nothing more."""
    stack.stop("redis")


LOSSES = (flush, restart, lose, freeze)


@pytest.mark.asvs("6.3.1")
@pytest.mark.parametrize("loss", LOSSES)
async def test_the_tenth_wrong_password_locks_whatever_became_of_redis_before_it(
    portal: Portal, loss: Loss
) -> None:
    (user,) = await portal.people(1, sessions=0)
    await _guess_wrong(portal, user, times=ACCOUNT.failures - 1)
    await asyncio.to_thread(loss, portal.stack)
    await _guess_wrong(portal, user, times=1)
    await _assert_locked(portal, user)
    await asyncio.to_thread(portal.stack.recover)
    await _assert_locked(portal, user)


@pytest.mark.asvs("6.3.1")
@pytest.mark.parametrize("loss", LOSSES)
async def test_a_locked_account_stays_locked_whatever_becomes_of_redis(
    portal: Portal, loss: Loss
) -> None:
    (user,) = await portal.people(1, sessions=0)
    await _guess_wrong(portal, user, times=ACCOUNT.failures)
    await _assert_locked(portal, user)
    await asyncio.to_thread(loss, portal.stack)
    await _assert_locked(portal, user)
    await asyncio.to_thread(portal.stack.recover)
    await _assert_locked(portal, user)


async def _guess_wrong(portal: Portal, user: User, *, times: int) -> None:
    for _ in range(times):
        assert (await portal.sign_in(user, fresh_password())).status == 401


async def _assert_locked(portal: Portal, user: User) -> None:
    reply = await portal.sign_in(user)
    assert reply.status == 429, reply
    assert reply.body["type"] == "/problems/sign-in-throttled"
    assert 0 < int(reply.headers["Retry-After"]) <= ACCOUNT.first_lock_seconds
