"""Changing a password that its owner does not know, with a second factor in its place."""

import asyncio

import pytest
from pydantic import SecretStr

from services.gateway.model import Caller, SignedIn
from shared.contracts.methods import AuthenticatorSetup
from shared.contracts.refusals import Refusal
from shared.contracts.sessions import Revoked
from tests.contract.http.gateway import NEW, OLD, refused
from tests.contract.http.test_security_info import Kim


async def change(kim: Kim, caller: Caller, new: str = NEW) -> Revoked:
    return await kim.gateway.account.change_password(caller, old=None, new=SecretStr(new))


async def assert_unchanged(kim: Kim) -> None:
    assert (await kim.challenged(OLD)).flow


@pytest.mark.asvs("7.5.1")
async def test_a_second_factor_shown_just_now_stands_in_for_the_old_password(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    caller = await kim.signed_in(phone)
    revoked = await change(kim, caller)
    assert revoked.epoch == caller.session.epoch + 1
    assert (await refused(kim.again(caller))).type == "session-revoked"
    assert (await refused(kim.gateway.begin("kim", OLD))).type == "sign-in-refused"
    assert isinstance(await kim.answer(await kim.challenged(NEW), kim.code(phone)), SignedIn), (
        "The factor is asked for as before."
    )


async def test_who_signed_in_with_the_password_alone_has_to_show_the_factor(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    caller = await kim.signed_in(phone)
    weak = Caller(caller.session.model_copy(update={"aal": 1}), caller.token, caller.where)
    refusal = await refused(change(kim, weak))
    assert (refusal.type, refusal.extra["needs"]) == ("step-up-required", "mfa")
    assert [each["id"] for each in refusal.extra["methods"]] == [phone.id]
    await assert_unchanged(kim)


async def test_who_has_no_factor_is_asked_for_the_old_password(kim: Kim) -> None:
    refusal = await refused(change(kim, await kim.gateway.caller("kim")))
    missing = {"field": "old_password", "reason": "missing", "message": "missing"}
    assert (refusal.type, refusal.errors) == ("invalid-request", (missing,))
    assert (await kim.gateway.caller("kim", OLD)).sub


async def test_a_factor_shown_long_ago_or_for_something_else_is_asked_for_again(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    caller = await kim.signed_in(phone)
    kim.pass_time(600)
    step_ups = kim.gateway.step_ups
    needed = {"needs": "reauthentication"}
    assert (await refused(change(kim, caller))).extra == needed
    await step_ups.by_method(caller, phone.id, kim.code(phone), "security-info")
    assert (await refused(change(kim, await kim.again(caller)))).extra == needed
    kim.pass_time(60)
    await step_ups.by_method(caller, phone.id, kim.code(phone), "password")
    assert (await change(kim, await kim.again(caller))).receipt


@pytest.mark.parametrize("new", ["short", OLD, f"{'x' * 300}"])
async def test_the_new_password_is_judged_as_ever(
    kim: Kim, phone: AuthenticatorSetup, new: str
) -> None:
    caller = await kim.signed_in(phone)
    assert (await refused(change(kim, caller, new))).type == "password-refused"
    await assert_unchanged(kim)


async def test_a_session_that_ended_on_the_way_changes_nothing(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    caller = await kim.signed_in(phone)
    await kim.gateway.account.sign_out_everywhere(caller, confirmed=True)
    assert (await refused(change(kim, caller))).type == "session-revoked"
    await assert_unchanged(kim)


async def test_of_many_at_once_one_changes_it(kim: Kim, phone: AuthenticatorSetup) -> None:
    caller = await kim.signed_in(phone)
    outcomes = await asyncio.gather(
        *(change(kim, caller, f"{NEW} {number}") for number in range(20)), return_exceptions=True
    )
    assert sum(isinstance(each, Revoked) for each in outcomes) == 1
    assert {each.type for each in outcomes if isinstance(each, Refusal)} <= {
        "session-revoked",
        "too-busy",
    }
