"""Trusted devices through the gateway: who is not asked again, and everything that ends it."""

import asyncio

import pytest
from pydantic import SecretStr

from services.gateway.errors import StepUpRequired
from services.gateway.model import ActionRequired, Challenged, SignedIn
from tests.contract.http.gateway import NEW, OLD, WHERE, key, refused
from tests.contract.http.test_security_info import Kim
from tests.contract.http.trusting import DAY, Trusting, allow, trusting


@pytest.fixture
async def trusted(kim: Kim) -> Trusting:
    await allow(kim.gateway)
    return await trusting(kim, await kim.authenticator(await kim.gateway.caller("kim")))


async def test_a_trusted_device_is_not_asked_and_its_session_says_so(trusted: Trusting) -> None:
    gateway = trusted.gateway
    signed_in = await gateway.begin("kim", key=trusted.device_key)
    assert isinstance(signed_in, SignedIn)
    session = signed_in.session
    assert (session.aal, session.amr, session.factor) == (1, ("pwd",), None)
    caller = await gateway.acceptance.accept(signed_in.token, WHERE)
    with pytest.raises(StepUpRequired):
        await gateway.security_info.methods(caller)


async def test_the_key_without_the_password_opens_nothing(trusted: Trusting) -> None:
    wrong = trusted.gateway.begin("kim", "not the password", trusted.device_key)
    assert (await refused(wrong)).type == "sign-in-refused"


async def test_without_its_key_the_password_is_asked_for_more(trusted: Trusting) -> None:
    for device_key in (None, "made up"):
        assert isinstance(await trusted.gateway.begin("kim", key=device_key), Challenged)


async def test_trust_is_not_somebody_elses_on_the_same_browser(trusted: Trusting) -> None:
    gateway = trusted.gateway
    await gateway.add("lou")
    lou = await gateway.begin("lou", key=trusted.device_key)
    assert isinstance(lou, SignedIn)
    caller = await gateway.acceptance.accept(lou.token, WHERE)
    await Kim(gateway).authenticator(caller)
    assert isinstance(await gateway.begin("lou", key=trusted.device_key), Challenged)
    await gateway.trust.forget(caller)
    assert not await trusted.is_asked()


async def test_only_who_asks_for_it_is_not_asked_again(kim: Kim) -> None:
    await allow(kim.gateway)
    setup = await kim.authenticator(await kim.gateway.caller("kim"))
    waiting = await kim.challenged()
    assert waiting.trust_days == 30
    signed_in = await kim.answer(waiting, kim.code(setup))
    assert isinstance(signed_in, SignedIn)
    assert isinstance(await kim.gateway.begin("kim", key=signed_in.device.key), Challenged)


async def test_a_recovery_code_has_no_device_trusted(trusted: Trusting) -> None:
    kim, sign_in = trusted.kim, trusted.gateway.sign_in
    made = await kim.gateway.security_info.make_recovery_codes(await trusted.caller())
    waiting = await sign_in.choose_method(key(await kim.challenged()), made.id)
    assert waiting.trust_days == 0
    signed_in = await sign_in.answer(key(waiting), made.codes[0], WHERE, trust_device=True)
    assert isinstance(signed_in, SignedIn)
    assert isinstance(await kim.gateway.begin("kim", key=signed_in.device.key), Challenged)


async def test_trust_ends_after_its_days(trusted: Trusting) -> None:
    trusted.kim.pass_time(30 * DAY - 61)
    assert not await trusted.is_asked()
    trusted.kim.pass_time(1)
    assert await trusted.is_asked()


async def test_a_shorter_policy_holds_for_trust_from_before(trusted: Trusting) -> None:
    trusted.kim.pass_time(7 * DAY)
    await allow(trusted.gateway, 8)
    assert not await trusted.is_asked()
    await allow(trusted.gateway, 7)
    assert await trusted.is_asked()
    # A longer one lengthens nothing that was given for less.
    again = await trusting(trusted.kim, trusted.setup, trusted.device_key)
    await allow(trusted.gateway, 90)
    trusted.kim.pass_time(7 * DAY)
    assert await again.is_asked()


async def test_where_policy_allows_none_trust_is_neither_given_nor_held_nor_comes_back(
    trusted: Trusting,
) -> None:
    kim = trusted.kim
    await allow(trusted.gateway, 0)
    waiting = await kim.challenged(device_key=trusted.device_key)
    assert waiting.trust_days == 0
    again = await trusting(kim, trusted.setup, trusted.device_key)
    assert await again.is_asked()
    await allow(trusted.gateway)
    assert await again.is_asked()
    assert await trusted.is_asked()
    assert not await (await trusting(kim, trusted.setup, trusted.device_key)).is_asked()


async def test_what_policy_says_when_the_answer_comes_is_what_holds(kim: Kim) -> None:
    await allow(kim.gateway)
    setup = await kim.authenticator(await kim.gateway.caller("kim"))
    waiting = await kim.challenged()
    await allow(kim.gateway, 0)
    answered = kim.gateway.sign_in.answer(key(waiting), kim.code(setup), WHERE, trust_device=True)
    signed_in = await answered
    assert isinstance(signed_in, SignedIn)
    await allow(kim.gateway)
    assert isinstance(await kim.gateway.begin("kim", key=signed_in.device.key), Challenged)


async def test_a_password_change_ends_it_without_any_event(trusted: Trusting) -> None:
    caller = await trusted.caller()
    await trusted.gateway.account.change_password(caller, old=SecretStr(OLD), new=SecretStr(NEW))
    assert await trusted.is_asked(NEW)
    assert not await trusted.gateway.trust.is_any(caller)


async def test_signing_out_everywhere_ends_it_without_any_event(trusted: Trusting) -> None:
    await trusted.gateway.account.sign_out_everywhere(await trusted.caller(), confirmed=True)
    assert await trusted.is_asked()


async def test_with_the_factor_it_was_given_with_it_is_gone(trusted: Trusting) -> None:
    caller = await trusted.caller()
    await trusted.kim.authenticator(caller, "Tablet")
    assert not await trusted.is_asked()
    await trusted.gateway.security_info.remove(caller, trusted.setup.id)
    assert await trusted.is_asked()


async def test_a_replaced_factor_is_gone_too(trusted: Trusting) -> None:
    info, caller = trusted.gateway.security_info, await trusted.caller()
    setup = await info.enroll_authenticator(caller, label="New", instead_of=trusted.setup.id)
    await info.prove(caller, setup.id, trusted.kim.code(setup))
    assert await trusted.is_asked()


async def test_a_factor_that_is_gone_ends_it_while_nobody_has_told_the_sessions(
    trusted: Trusting,
) -> None:
    memory, caller = trusted.gateway.services.memory, await trusted.caller()
    await trusted.kim.authenticator(caller, "Tablet")
    info = memory.methods.by_sub[caller.sub]
    await memory.methods.put(info.without(trusted.setup.id), None)
    assert await trusted.is_asked()


async def test_trust_is_nothing_to_register_with(trusted: Trusting) -> None:
    caller = await trusted.caller()
    await trusted.gateway.policies.require_security_info(await trusted.gateway.admin(), caller.sub)
    outcome = await trusted.gateway.begin("kim", key=trusted.device_key)
    assert isinstance(outcome, ActionRequired)
    assert outcome.action == "register-security-info"


async def test_all_devices_ask_again_when_that_is_answered(trusted: Trusting) -> None:
    gateway = trusted.gateway
    other = await trusting(trusted.kim, trusted.setup)
    caller = await gateway.caller("kim", device_key=trusted.device_key)
    assert await gateway.trust.is_any(caller)
    await asyncio.gather(*(gateway.trust.forget(caller) for _ in range(2)))
    assert not await gateway.trust.is_any(caller)
    assert await trusted.is_asked()
    assert await other.is_asked()
    await trusted.kim.again(caller)
