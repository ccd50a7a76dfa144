"""SIGTERM: what was begun is finished, and nothing that was acknowledged is lost."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from deploy.local.ports import is_taken
from tests.fault.oracle import Oracle
from tests.fault.ordeal import FAULTS, Ordeal
from tests.fault.portal import Portal, Reply, User, becomes


async def _change(portal: Portal, user: User) -> Reply:
    return (await portal.change(user, gateway="gateway")).replies[-1]


async def _sign_in(portal: Portal, user: User) -> Reply:
    return await portal.sign_in(user)


@pytest.mark.parametrize(
    ("service", "point", "begin", "status"),
    [
        ("gateway", "before-call", _change, 202),
        ("credentials", "before-commit", _change, 202),
        ("sessions", "after-store", _sign_in, 200),
    ],
)
async def test_a_request_under_way_is_answered_before_the_service_ends(
    portal: Portal,
    service: str,
    point: str,
    begin: Callable[[Portal, User], Coroutine[None, None, Reply]],
    status: int,
) -> None:
    (user,) = await portal.people(1, sessions=1)
    stack = portal.stack

    async with portal.held(service, point, begin(portal, user)) as begun:
        ending = asyncio.create_task(asyncio.to_thread(stack.term, service))
        assert await becomes(lambda: not is_taken(stack.ports[service]), seconds=10)
    assert (await begun).status == status
    assert await ending == 0
    stack.start(service)


@pytest.mark.parametrize("service", ["profile", "credentials", "sessions", "gateway"])
async def test_a_service_restarted_under_load_loses_nothing(
    portal: Portal, oracle: Oracle, service: str
) -> None:
    fault = FAULTS[f"{service} ended politely"]
    verdict = await Ordeal(fault, "during", seconds=0.5, people=6).run(portal, oracle)
    assert verdict.clean, verdict.wrongs
