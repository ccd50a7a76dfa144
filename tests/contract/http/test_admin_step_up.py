"""Admin calls take a second factor of the last ten minutes, shown at the sign-in or for them."""

import pytest
from pydantic import SecretStr
from pyotp import TOTP

from services.gateway.model import Caller
from services.gateway.step_up import RecentMinutes
from shared.contracts.refusals import Refusal
from shared.contracts.sessions import Purpose
from tests.contract.http.gateway import OLD, WHERE, Gateway, refused

LONG = RecentMinutes * 60 + 1


@pytest.fixture
async def ada(gateway: Gateway) -> Caller:
    await gateway.add("ada", roles=("admin",))
    return await gateway.caller("ada")


async def with_factor(gateway: Gateway, caller: Caller) -> tuple[Caller, TOTP]:
    begun = await gateway.security_info.enroll_authenticator(caller, label="Phone")
    totp = TOTP(begun.secret.get_secret_value())
    code = SecretStr(totp.at(gateway.services.memory.clock.now()))
    await gateway.security_info.prove(caller, begun.id, code)
    return await again(gateway, caller), totp


async def again(gateway: Gateway, caller: Caller) -> Caller:
    return await gateway.acceptance.accept(caller.token, WHERE)


async def shown(gateway: Gateway, caller: Caller, totp: TOTP, purpose: Purpose) -> Caller:
    (method,) = await gateway.step_ups.usable(caller)
    code = SecretStr(totp.at(gateway.services.memory.clock.now()))
    await gateway.step_ups.by_method(caller, method.id, code, purpose)
    return await again(gateway, caller)


async def turned_away(gateway: Gateway, caller: Caller) -> Refusal:
    refusal = await refused(gateway.administration.acting_admin(caller))
    assert (refusal.type, refusal.status) == ("step-up-required", 403)
    assert refusal.extra["needs"] == "mfa"
    return refusal


async def test_an_admin_without_a_factor_registers_one_first(gateway: Gateway, ada: Caller) -> None:
    assert (await turned_away(gateway, ada)).extra["methods"] == []
    ada, _ = await with_factor(gateway, ada)
    assert (await gateway.administration.acting_admin(ada)).sub == ada.sub


async def test_a_factor_is_good_for_ten_minutes(gateway: Gateway, ada: Caller) -> None:
    ada, totp = await with_factor(gateway, ada)
    clock = gateway.services.memory.clock
    clock.advance(LONG - 2)
    await gateway.administration.acting_admin(await again(gateway, ada))
    clock.advance(2)
    refusal = await turned_away(gateway, await again(gateway, ada))
    assert [each["kind"] for each in refusal.extra["methods"]] == ["authenticator"]
    ada = await shown(gateway, ada, totp, "administration")
    assert (await gateway.administration.acting_admin(ada)).sub == ada.sub
    clock.advance(LONG)
    await turned_away(gateway, await again(gateway, ada))


async def test_what_was_shown_for_something_else_is_not_good_for_it(
    gateway: Gateway, ada: Caller
) -> None:
    ada, totp = await with_factor(gateway, ada)
    gateway.services.memory.clock.advance(LONG)
    purposes: tuple[Purpose, ...] = ("security-info", "password")
    for purpose in purposes:
        gateway.services.memory.clock.advance(30)
        await turned_away(gateway, await shown(gateway, ada, totp, purpose))


async def test_a_password_is_not_enough_for_it(gateway: Gateway, ada: Caller) -> None:
    ada, _ = await with_factor(gateway, ada)
    gateway.services.memory.clock.advance(LONG)
    by_password = gateway.step_ups.by_password(ada, SecretStr(OLD), "administration")
    refusal = await refused(by_password)
    assert (refusal.type, refusal.extra["needs"]) == ("step-up-required", "mfa")
    await turned_away(gateway, await again(gateway, ada))
    await gateway.step_ups.by_password(ada, SecretStr(OLD), "security-info")
    await turned_away(gateway, await again(gateway, ada))


async def test_who_is_no_admin_is_not_asked_for_a_factor(gateway: Gateway) -> None:
    await gateway.add("robin")
    robin = await gateway.caller("robin")
    refusal = await refused(gateway.administration.acting_admin(robin))
    assert refusal.type == "not-allowed-by-policy"
