"""App passwords through the gateway: who makes them, what ends them, and what they never open."""

import pytest
from pydantic import SecretStr

from services.gateway.errors import StepUpRequired
from services.gateway.model import Caller, SignedIn
from shared.contracts.app_passwords import AppPassword, AppPasswordAccepted, CheckAppPassword
from shared.contracts.methods import Kind
from tests.contract.http.gateway import NEW, OLD, WHERE, Gateway, key, refused
from tests.contract.http.test_security_info import Kim

WITH_THEM: frozenset[Kind] = frozenset({"authenticator", "recovery-codes", "app-password"})


async def allow(gateway: Gateway, allowed: frozenset[Kind] = WITH_THEM) -> None:
    admin = await gateway.admin()
    await gateway.policies.put_methods(
        admin, allowed=allowed, second_factor="if-registered", trust_days=0
    )


@pytest.fixture
async def kim(gateway: Gateway) -> Kim:
    await allow(gateway)
    return await Kim.added(gateway)


async def make(kim: Kim, caller: Caller, label: str = "Mail") -> AppPassword:
    return await kim.gateway.security_info.make_app_password(caller, label)


async def check(kim: Kim, made: AppPassword) -> AppPasswordAccepted:
    asked = CheckAppPassword(user_id="kim@halden.example", app_password=made.password)
    return await kim.gateway.security_info.check_app_password(asked)


async def is_over(kim: Kim, made: AppPassword) -> bool:
    return (await refused(check(kim, made))).type == "app-password-refused"


async def test_it_is_listed_as_good_for_nothing_else_and_checked(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    made = await make(kim, caller)
    accepted = await check(kim, made)
    assert (accepted.sub, accepted.method_id, accepted.label) == (caller.sub, made.id, "Mail")
    listed = await kim.gateway.security_info.listed(caller)
    (method,) = listed.items
    assert (method.kind, method.use, method.default, method.label) == (
        "app-password", (), False, "Mail",
    )  # fmt: skip
    assert (method.last_used_at, method.allowed) == (kim.gateway.services.memory.clock.now(), True)
    assert listed.app_passwords


async def test_it_never_opens_the_portal(kim: Kim) -> None:
    security, sign_in = kim.gateway.security_info, kim.gateway.sign_in
    caller = await kim.gateway.caller("kim")
    made = await make(kim, caller)
    password = made.password.get_secret_value()
    assert (await refused(kim.gateway.begin("kim", password))).type == "sign-in-refused"
    # It asks for nothing besides the password either.
    assert isinstance(await kim.gateway.begin("kim"), SignedIn)
    step_ups = kim.gateway.step_ups
    for asked in (
        step_ups.by_password(caller, made.password, "security-info"),
        step_ups.by_method(caller, made.id, made.password, "security-info"),
        step_ups.begin(caller, made.id, "en"),
        security.prove(caller, made.id, made.password),
        security.send_again(caller, made.id, "en"),
        security.choose_default(caller, made.id),
        kim.gateway.account.change_password(caller, old=made.password, new=SecretStr(NEW)),
    ):
        refusal = await refused(asked)
        assert refusal.type in {"wrong-password", "not-found", "setup-ended", "not-a-default"}
    await kim.authenticator(caller)
    waiting = await kim.challenged()
    assert [each.kind for each in waiting.methods] == ["authenticator"]
    chosen = sign_in.choose_method(key(waiting), made.id)
    assert (await refused(chosen)).type == "not-found"
    assert (await refused(kim.answer(waiting, made.password))).type == "code-refused"
    await check(kim, made)


@pytest.mark.asvs("7.4.3")
async def test_what_ends_everything_ends_it_at_once(kim: Kim) -> None:
    account, password = kim.gateway.account, OLD
    for ends in ("password", "everywhere"):
        caller = await kim.gateway.caller("kim", password)
        made = await make(kim, caller)
        await check(kim, made)
        if ends == "password":
            await account.change_password(caller, old=SecretStr(OLD), new=SecretStr(NEW))
            password = NEW
        else:
            await account.sign_out_everywhere(caller, confirmed=True)
        assert await is_over(kim, made)
        after = await kim.gateway.caller("kim", password)
        assert await kim.gateway.security_info.methods(after) == ()
        # What was accepted just before, and is sent late, makes nothing that works.
        assert await is_over(kim, await make(kim, caller))


async def test_it_ends_when_it_is_removed_or_an_admin_takes_all_away(kim: Kim) -> None:
    security = kim.gateway.security_info
    caller = await kim.gateway.caller("kim")
    made, other = await make(kim, caller), await make(kim, caller, "Calendar")
    assert (await security.rename(caller, other.id, "Diary")).label == "Diary"
    assert await security.remove(caller, made.id) is None
    assert await is_over(kim, made)
    assert (await check(kim, other)).label == "Diary"
    await kim.again(caller)
    await kim.gateway.policies.require_security_info(await kim.gateway.admin(), caller.sub)
    assert await is_over(kim, other)


async def test_one_that_is_not_allowed_any_more_is_refused_listed_and_removed(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    made = await make(kim, caller)
    await allow(kim.gateway, WITH_THEM - {"app-password"})
    assert await is_over(kim, made)
    assert (await refused(make(kim, caller))).type == "not-allowed-by-policy"
    listed = await kim.gateway.security_info.listed(caller)
    assert ([each.allowed for each in listed.items], listed.app_passwords) == ([False], False)
    await kim.gateway.security_info.remove(caller, made.id)


async def test_guesses_at_one_door_lock_nobody_out_at_the_other(kim: Kim) -> None:
    made = await make(kim, await kim.gateway.caller("kim"))
    for number in range(12):
        asked = CheckAppPassword(
            user_id="kim@halden.example",
            app_password=SecretStr(f"guess {number}"),
            address=WHERE.address,
        )
        refusal = await refused(kim.gateway.security_info.check_app_password(asked))
        assert refusal.type == "app-password-refused"
    assert isinstance(await kim.gateway.begin("kim"), SignedIn)
    for number in range(12):
        refusal = await refused(kim.gateway.begin("kim", f"guess {number}"))
    assert refusal.type == "sign-in-throttled"
    await check(kim, made)


async def test_making_one_asks_again_who_it_is(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    await kim.authenticator(caller)
    with pytest.raises(StepUpRequired):
        await make(kim, caller)
    kim.pass_time(600)
    with pytest.raises(StepUpRequired):
        await make(kim, await kim.again(caller))
