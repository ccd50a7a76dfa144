"""Putting off what a sign-in asks to be registered: until when, and when not at all."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from services.gateway.model import ActionRequired, Caller, SignedIn
from services.gateway.sign_in import Outcome
from shared.contracts.refusals import Refusal
from tests.contract.http.gateway import NEW, OLD, WHERE, Gateway, key, refused
from tests.contract.http.test_policy import BOTH, prove, registered, registering
from tests.contract.http.test_security_info import Kim

DAY = 24 * 3600


@pytest.fixture
async def kim(gateway: Gateway) -> Kim:
    await demand(gateway, skip_days=14)
    return await Kim.added(gateway)


async def demand(gateway: Gateway, **changed: Any) -> None:
    policy: dict[str, Any] = {
        "allowed": BOTH,
        "second_factor": "required",
        "trust_days": 0,
    } | changed
    await gateway.policies.put_methods(await gateway.admin(), **policy)


async def put_off(kim: Kim, waiting: ActionRequired) -> Outcome:
    return await kim.gateway.registration.put_off(key(waiting), WHERE)


def sessions(kim: Kim) -> int:
    return len(kim.gateway.services.memory.sessions.kept)


async def test_it_can_be_put_off_until_the_period_is_over(kim: Kim) -> None:
    began = kim.gateway.services.memory.clock.now()
    waiting = await registering(kim)
    assert waiting.skip_until == began + timedelta(days=14)
    signed_in = await put_off(kim, waiting)
    assert isinstance(signed_in, SignedIn)
    session = signed_in.session
    assert (session.aal, session.amr, session.factor) == (1, ("pwd",), None)
    kim.pass_time(14 * DAY - 1)
    late = await registering(kim)
    assert late.skip_until == waiting.skip_until
    kim.pass_time(1)
    refusal = await refused(put_off(kim, late))
    assert (refusal.type, refusal.status) == ("cannot-be-put-off", 403)
    assert sessions(kim) == 1
    assert (await registering(kim)).skip_until is None
    # The same flow still takes what it waits for.
    setup = await kim.gateway.registration.begin(key(late), "Phone")
    assert isinstance(await prove(kim, late, setup), SignedIn)


async def test_without_days_to_skip_nothing_is_put_off(kim: Kim) -> None:
    await demand(kim.gateway)
    waiting = await registering(kim)
    assert waiting.skip_until is None
    assert (await refused(put_off(kim, waiting))).type == "cannot-be-put-off"
    # No period began, so that one begins when policy first allows it.
    kim.pass_time(30 * DAY)
    await demand(kim.gateway, skip_days=1)
    assert (await registering(kim)).skip_until is not None


async def test_sign_ins_at_once_have_one_period(kim: Kim) -> None:
    asked = await asyncio.gather(*(registering(kim) for _ in range(6)))
    assert len({each.skip_until for each in asked}) == 1
    outcomes = await asyncio.gather(*(put_off(kim, each) for each in asked))
    assert all(isinstance(each, SignedIn) for each in outcomes)


async def test_a_flow_is_put_off_once(kim: Kim) -> None:
    waiting = await registering(kim)
    outcomes = await asyncio.gather(
        *(put_off(kim, waiting) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(each, SignedIn) for each in outcomes) == 1
    assert {each.type for each in outcomes if isinstance(each, Refusal)} == {"flow-ended"}
    assert sessions(kim) == 1


async def test_fewer_days_hold_at_once_and_more_prolong_nothing(kim: Kim) -> None:
    first = (await registering(kim)).skip_until
    assert first is not None
    await demand(kim.gateway, skip_days=3)
    shorter = (await registering(kim)).skip_until
    assert shorter == first - timedelta(days=11)
    await demand(kim.gateway, skip_days=30)
    assert (await registering(kim)).skip_until == shorter
    waiting = await registering(kim)
    await demand(kim.gateway, skip_days=0)
    assert (await refused(put_off(kim, waiting))).type == "cannot-be-put-off"


async def test_a_clock_that_jumps_moves_no_end(kim: Kim) -> None:
    first = (await registering(kim)).skip_until
    kim.gateway.services.memory.clock.started -= timedelta(days=10)
    assert (await registering(kim)).skip_until == first
    kim.pass_time(30 * DAY)
    assert (await registering(kim)).skip_until is None


async def test_what_an_admin_asks_for_cannot_wait(kim: Kim) -> None:
    before = await registering(kim)
    caller = await kim.gateway.acceptance.accept(signed(await put_off(kim, before)), WHERE)
    late = await registering(kim)
    admin = await kim.gateway.admin()
    await kim.gateway.policies.require_security_info(admin, caller.sub)
    for waiting in (late, await registering(kim)):
        assert (await refused(put_off(kim, waiting))).type == "cannot-be-put-off"
    assert (await registering(kim)).skip_until is None
    kept = kim.gateway.services.memory.methods.by_sub[caller.sub]
    assert (kept.must_register, kept.asked_since) == (True, None)


def signed(outcome: Outcome) -> str:
    assert isinstance(outcome, SignedIn)
    return outcome.token


async def test_who_found_out_a_password_puts_no_factor_off(kim: Kim) -> None:
    """A flow from before there was a factor is not worth the password alone any more."""
    theirs = await registering(kim)
    _, setup = await registered(kim)
    before = sessions(kim)
    assert (await refused(put_off(kim, theirs))).type == "flow-ended"
    assert sessions(kim) == before
    assert (await kim.challenged()).asked.id == setup.id


async def test_a_challenge_and_a_temporary_password_are_not_put_off(kim: Kim) -> None:
    await kim.gateway.add("lou", temporary=True)
    own = await kim.gateway.begin("lou")
    assert isinstance(own, ActionRequired)
    assert (own.action, own.skip_until) == ("change-password", None)
    assert (await refused(put_off(kim, own))).type == "flow-out-of-order"
    await registered(kim)
    refusal = await refused(kim.gateway.registration.put_off(key(await kim.challenged()), WHERE))
    assert refusal.type == "flow-out-of-order"


async def test_the_period_begins_after_the_own_password(kim: Kim) -> None:
    await kim.gateway.add("lou", temporary=True)
    own = await kim.gateway.begin("lou")
    kim.pass_time(60)
    change = kim.gateway.sign_in.replace_temporary_password(key(own), SecretStr(NEW), WHERE)
    waiting = await change
    assert isinstance(waiting, ActionRequired)
    now = kim.gateway.services.memory.clock.now()
    assert waiting.skip_until == now + timedelta(days=14)
    assert isinstance(await put_off(kim, waiting), SignedIn)


async def test_nobody_else_and_nothing_overtaken_puts_it_off(kim: Kim) -> None:
    waiting = await registering(kim)
    stolen = kim.gateway.registration.put_off(key(waiting, "somebody else"), WHERE)
    assert (await refused(stolen)).type == "flow-ended"
    caller: Caller = await kim.gateway.acceptance.accept(signed(await put_off(kim, waiting)), WHERE)
    waiting = await registering(kim)
    await kim.gateway.account.change_password(caller, old=SecretStr(OLD), new=SecretStr(NEW))
    assert (await refused(put_off(kim, waiting))).type == "flow-ended"


async def test_what_is_not_asked_for_any_more_is_no_hindrance(kim: Kim) -> None:
    await demand(kim.gateway)
    waiting = await registering(kim)
    await demand(kim.gateway, second_factor="if-registered")
    assert isinstance(await put_off(kim, waiting), SignedIn)


async def test_a_factor_that_was_registered_ends_the_period(kim: Kim) -> None:
    await put_off(kim, await registering(kim))
    _, setup = await registered(kim)
    await demand(kim.gateway, second_factor="if-registered", skip_days=14)
    await kim.gateway.security_info.remove(await kim.signed_in(setup), setup.id)
    kim.pass_time(100 * DAY)
    await demand(kim.gateway, skip_days=14)
    assert (await registering(kim)).skip_until is not None
