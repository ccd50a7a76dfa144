"""Asking at a sign-in for what somebody needs who forgets their password one day."""

from typing import Any

import pytest
from pydantic import SecretStr

from services.gateway.clients.profile import ProfileClient
from services.gateway.model import ActionRequired, Challenged, SignedIn
from services.gateway.sign_in import Outcome
from shared.contracts.refusals import Unavailable
from tests.contract.http import test_putting_off, test_reconfirming
from tests.contract.http.gateway import NEW, WHERE, Gateway, key, refused
from tests.contract.http.resetting import NUMBER, Kim
from tests.contract.http.services import PORTAL
from tests.contract.http.test_putting_off import DAY
from tests.memory.authenticator import SoftAuthenticator

ALL = test_reconfirming.ALL | {"sms", "security-questions"}


@pytest.fixture
async def kim(gateway: Gateway) -> Kim:
    await demand(gateway, skip_days=14)
    return Kim(gateway, await gateway.add("kim"))


async def demand(gateway: Gateway, **changed: Any) -> None:
    usual: dict[str, Any] = {"allowed": ALL, "second_factor": "if-registered"}
    await test_putting_off.demand(gateway, **usual | changed)


async def asked(kim: Kim, action: str = "register-for-reset") -> ActionRequired:
    waiting = await kim.gateway.begin("kim")
    assert isinstance(waiting, ActionRequired)
    assert waiting.action == action
    return waiting


async def put_off(kim: Kim, waiting: ActionRequired) -> Outcome:
    return await kim.gateway.registration.put_off(key(waiting), WHERE)


async def register(kim: Kim, waiting: ActionRequired) -> Outcome:
    return await kim.gateway.registration.register_for_reset(key(waiting), WHERE)


async def signs_in(kim: Kim) -> None:
    """Let Kim go on to a session in which methods are added."""
    signed_in = await register(kim, await asked(kim))
    assert isinstance(signed_in, SignedIn)
    kim.token = signed_in.token


async def with_code(kim: Kim) -> Outcome:
    waiting = await kim.gateway.begin("kim")
    assert isinstance(waiting, Challenged)
    return await kim.gateway.sign_in.answer(key(waiting), kim.shown(), WHERE)


async def is_complete(kim: Kim) -> bool:
    return isinstance(await kim.gateway.begin("kim"), SignedIn)


async def test_nobody_is_asked_as_long_as_nobody_can_reset_a_password(kim: Kim) -> None:
    assert await is_complete(kim)
    await kim.policy(enabled_for="nobody")
    assert await is_complete(kim)


async def test_it_is_asked_and_put_off_until_the_days_are_over(kim: Kim) -> None:
    await kim.policy()
    waiting = await asked(kim)
    assert waiting.skip_until is not None
    signed_in = await put_off(kim, waiting)
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.session.aal, signed_in.session.factor) == (1, None)
    kim.memory.clock.advance(14 * DAY)
    late = await asked(kim)
    assert late.skip_until is None
    refusal = await refused(put_off(kim, late))
    assert (refusal.type, refusal.status) == ("cannot-be-put-off", 403)
    # Nobody is kept out: the same flow leads to a session, and the next sign-in asks again.
    assert isinstance(await register(kim, late), SignedIn)
    await asked(kim)


async def test_who_registers_does_so_in_the_session_and_is_asked_no_more(kim: Kim) -> None:
    await kim.policy()
    await signs_in(kim)
    await kim.adds()
    assert await is_complete(kim)


async def test_what_is_wanted_twice_is_asked_for_until_there_are_two_kinds(kim: Kim) -> None:
    await kim.adds()
    await kim.policy()
    assert await is_complete(kim)
    await kim.policy(methods_required=2)
    await asked(kim)
    await kim.adds("other@mail.example")
    await asked(kim)
    await kim.adds(NUMBER, "sms")
    assert isinstance(await kim.gateway.begin("kim"), Challenged)


async def test_what_is_registered_gives_the_next_question_days_of_its_own(kim: Kim) -> None:
    await kim.policy(methods_required=2)
    await put_off(kim, await asked(kim))
    kim.memory.clock.advance(14 * DAY)
    assert (await asked(kim)).skip_until is None
    await signs_in(kim)
    await kim.adds()
    assert (await asked(kim)).skip_until is not None


async def test_its_days_are_not_those_of_a_second_factor(kim: Kim) -> None:
    await kim.policy()
    await asked(kim)
    kim.memory.clock.advance(14 * DAY)
    assert (await asked(kim)).skip_until is None
    await demand(kim.gateway, second_factor="required", skip_days=14)
    assert (await asked(kim, "register-security-info")).skip_until is not None


@pytest.mark.parametrize(("groups", "is_asked"), [((), False), (("pilots",), True)])
async def test_of_groups_their_members_alone_are_asked(
    gateway: Gateway, groups: tuple[str, ...], *, is_asked: bool
) -> None:
    kim = Kim(gateway, await gateway.add("kim", groups=groups))
    await kim.policy(enabled_for="groups", groups=("pilots",))
    assert await is_complete(kim) is not is_asked


async def test_an_admin_is_asked_for_a_second_kind(gateway: Gateway) -> None:
    await demand(gateway)
    kim = Kim(gateway, await gateway.add("kim", roles=("admin",)))
    await kim.adds()
    await kim.policy()
    await asked(kim)


@pytest.mark.parametrize(
    "policy",
    [
        {"methods": ("security-questions",)},
        {"methods": ("authenticator", "email"), "methods_required": 2},
        {"methods": ("sms", "voice", "authenticator"), "methods_required": 2},
    ],
)
async def test_who_could_not_register_enough_is_not_asked(kim: Kim, policy: dict[str, Any]) -> None:
    """Whatever an admin allows for resets, the policy for methods has to allow as well."""
    await demand(kim.gateway, allowed={"passkey", "recovery-codes", "email"})
    await kim.policy(**policy)
    assert await is_complete(kim)


async def test_recovery_codes_are_asked_of_who_can_make_them(kim: Kim) -> None:
    await demand(kim.gateway, allowed={"recovery-codes"})
    await kim.policy(methods=("recovery-codes",))
    assert await is_complete(kim)
    await demand(kim.gateway, allowed={"recovery-codes", "authenticator"})
    await asked(kim)


async def test_a_second_factor_is_shown_first(kim: Kim) -> None:
    """The password alone is told nothing where there is a factor."""
    await kim.adds_authenticator()
    await kim.policy()
    waiting = await with_code(kim)
    assert isinstance(waiting, ActionRequired)
    assert waiting.action == "register-for-reset"
    signed_in = await put_off(kim, waiting)
    assert isinstance(signed_in, SignedIn)
    assert signed_in.session.aal == 2


async def test_a_passkey_alone_is_two_factors_that_were_shown(kim: Kim) -> None:
    await test_reconfirming.adds_passkey(kim.gateway, authenticator := SoftAuthenticator(PORTAL))
    await kim.policy()
    waiting = await test_reconfirming.with_passkey(kim.gateway, authenticator)
    assert isinstance(waiting, ActionRequired)
    assert waiting.action == "register-for-reset"
    signed_in = await put_off(kim, waiting)
    assert isinstance(signed_in, SignedIn)
    assert signed_in.session.aal == 2


async def test_a_trusted_device_is_asked_nothing(kim: Kim) -> None:
    await demand(kim.gateway, trust_days=30)
    await kim.adds_authenticator()
    challenged = await kim.gateway.begin("kim")
    assert isinstance(challenged, Challenged)
    trusting = kim.gateway.sign_in.answer(key(challenged), kim.shown(), WHERE, trust_device=True)
    trusted = await trusting
    assert isinstance(trusted, SignedIn)
    await kim.policy()
    assert isinstance(await kim.gateway.begin("kim", key=trusted.device.key), SignedIn)
    assert isinstance(await with_code(kim), ActionRequired)


async def test_a_second_factor_is_registered_first(kim: Kim) -> None:
    await demand(kim.gateway, second_factor="required")
    await kim.policy()
    waiting = await asked(kim, "register-security-info")
    setup = await kim.gateway.registration.begin(key(waiting), "Phone")
    kim.seed = setup.secret.get_secret_value()
    after = await kim.gateway.registration.prove(key(waiting), setup.id, kim.shown(), WHERE)
    assert isinstance(after, ActionRequired)
    assert after.action == "register-for-reset"
    assert isinstance(await register(kim, after), SignedIn)


async def test_an_own_password_comes_first(gateway: Gateway) -> None:
    kim = Kim(gateway, await gateway.add("kim", temporary=True))
    await kim.policy()
    waiting = await asked(kim, "change-password")
    after = await gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(NEW), WHERE)
    assert isinstance(after, ActionRequired)
    assert after.action == "register-for-reset"


@pytest.mark.parametrize("answer", [put_off, register])
async def test_a_password_that_was_found_out_goes_on_beside_no_factor(
    kim: Kim, answer: Any
) -> None:
    await kim.caller()
    await kim.policy()
    theirs = await asked(kim)
    await kim.adds_authenticator()
    assert (await refused(answer(kim, theirs))).type == "flow-ended"


async def test_a_factor_that_is_required_by_now_is_not_got_around(kim: Kim) -> None:
    await kim.policy()
    waiting = await asked(kim)
    await demand(kim.gateway, second_factor="required", skip_days=14)
    assert (await refused(register(kim, waiting))).type == "flow-ended"


async def test_each_question_takes_its_own_answer_from_its_own_client(kim: Kim) -> None:
    await kim.policy()
    waiting, registration = await asked(kim), kim.gateway.registration
    for wrong in (
        registration.confirm(key(waiting), WHERE),
        registration.begin(key(waiting), "Phone"),
    ):
        assert (await refused(wrong)).type == "flow-out-of-order"
    stolen = registration.register_for_reset(key(waiting, "somebody else"), WHERE)
    assert (await refused(stolen)).type == "flow-ended"
    assert isinstance(await register(kim, waiting), SignedIn)
    assert (await refused(register(kim, waiting))).type == "flow-ended"
    await demand(kim.gateway, second_factor="required")
    factor = await asked(kim, "register-security-info")
    assert (await refused(register(kim, factor))).type == "flow-out-of-order"


async def test_what_is_not_asked_for_any_more_is_no_hindrance(kim: Kim) -> None:
    await demand(kim.gateway)
    await kim.policy()
    waiting = await asked(kim)
    assert waiting.skip_until is None
    await kim.policy(enabled_for="nobody")
    assert isinstance(await put_off(kim, waiting), SignedIn)


async def test_nobody_is_kept_out_where_the_record_cannot_be_read(
    kim: Kim, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_asked: object) -> None:
        raise Unavailable

    await kim.policy()
    with monkeypatch.context() as patched:
        patched.setattr(ProfileClient, "user", away)
        assert await is_complete(kim)
    await asked(kim)


async def test_nothing_is_looked_up_for_who_has_all_there_is_to_have(
    kim: Kim, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden(*_asked: object) -> None:
        raise AssertionError

    await kim.adds()
    await kim.policy(methods=("email",))
    with monkeypatch.context() as patched:
        patched.setattr(ProfileClient, "user", forbidden)
        assert await is_complete(kim)
    await kim.policy()
    await kim.adds_authenticator()
    await kim.adds(NUMBER, "sms")
    monkeypatch.setattr(ProfileClient, "user", forbidden)
    assert isinstance(await with_code(kim), SignedIn)


async def test_the_password_alone_is_asked_for_nothing_beside_a_factor_that_nobody_asks_for(
    kim: Kim,
) -> None:
    await kim.adds_authenticator()
    await demand(kim.gateway, second_factor="off")
    await kim.policy()
    assert await is_complete(kim)


async def test_who_has_too_little_by_now_registers_more_and_confirms_nothing(kim: Kim) -> None:
    await kim.adds()
    await kim.policy(methods_required=2)
    kim.memory.clock.advance(200 * DAY)
    await asked(kim)


async def test_half_a_year_later_it_is_confirmed_by_who_has_no_factor(kim: Kim) -> None:
    await kim.adds()
    await kim.policy(reconfirm_days=180)
    kim.memory.clock.advance(180 * DAY - 60)
    assert await is_complete(kim)
    kim.memory.clock.advance(60)
    waiting = await asked(kim, "confirm-security-info")
    assert [(each.kind, each.hint) for each in waiting.methods] == [("email", "k…@mail.example")]
    assert waiting.skip_until is not None
    assert isinstance(await put_off(kim, waiting), SignedIn)
    waiting = await asked(kim, "confirm-security-info")
    assert isinstance(await kim.gateway.registration.confirm(key(waiting), WHERE), SignedIn)
    assert await is_complete(kim)
    kim.memory.clock.advance(180 * DAY)
    await asked(kim, "confirm-security-info")
    await kim.policy(reconfirm_days=0)
    assert await is_complete(kim)


@pytest.mark.parametrize(("methods", "resets"), [(30, 90), (90, 30)])
async def test_one_question_where_both_policies_ask_and_the_earlier_one_asks(
    kim: Kim, methods: int, resets: int
) -> None:
    await kim.adds()
    await kim.adds_authenticator()
    await demand(kim.gateway, reconfirm_days=methods)
    await kim.policy(reconfirm_days=resets)
    kim.memory.clock.advance(29 * DAY)
    assert isinstance(await with_code(kim), SignedIn)
    kim.memory.clock.advance(DAY)
    waiting = await with_code(kim)
    assert isinstance(waiting, ActionRequired)
    assert {each.kind for each in waiting.methods} == {"authenticator", "email"}
    kim.memory.clock.advance(90 * DAY)
    waiting = await with_code(kim)
    assert isinstance(waiting, ActionRequired)
    assert isinstance(await kim.gateway.registration.confirm(key(waiting), WHERE), SignedIn)
    assert isinstance(await with_code(kim), SignedIn)


async def test_the_password_alone_confirms_nothing_where_there_is_a_factor_by_now(
    kim: Kim,
) -> None:
    await kim.adds()
    await kim.policy()
    kim.memory.clock.advance(180 * DAY)
    waiting = await asked(kim, "confirm-security-info")
    signed_in = await put_off(kim, await asked(kim, "confirm-security-info"))
    assert isinstance(signed_in, SignedIn)
    kim.token = signed_in.token
    await kim.adds_authenticator()
    assert (await refused(kim.gateway.registration.confirm(key(waiting), WHERE))).type == (
        "flow-ended"
    )


async def test_methods_say_what_a_reset_still_takes(kim: Kim) -> None:
    await demand(kim.gateway, allowed={"email", "sms", "authenticator", "security-questions"})
    await kim.policy(
        methods=("email", "sms", "security-questions"), enabled_for="groups", groups=("sales",)
    )
    assert await for_reset(kim) == (False, False, 1, ("email", "sms", "security-questions"))
    await kim.policy(methods=("email", "sms", "security-questions"))
    assert await for_reset(kim) == (True, False, 1, ("email", "sms", "security-questions"))
    await kim.adds()
    assert await for_reset(kim) == (True, True, 0, ("email", "sms", "security-questions"))
    await kim.policy(methods=("email", "authenticator"), methods_required=2)
    assert await for_reset(kim) == (True, False, 1, ("authenticator", "email"))


async def test_where_nobody_may_reset_nobody_is_asked_about_it(
    kim: Kim, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unasked(*_: object) -> None:
        pytest.fail("asked")

    caller, info = await kim.caller(), kim.gateway.security_info
    await kim.policy(enabled_for="nobody")
    monkeypatch.setattr(type(info.profile), "user", unasked)
    monkeypatch.setattr(type(info.credentials), "registered_for_reset", unasked)
    assert await info.for_reset(caller, await info.listed(caller)) is None


async def for_reset(kim: Kim) -> tuple[bool, bool, int, tuple[str, ...]]:
    caller, info = await kim.caller(), kim.gateway.security_info
    said = await info.for_reset(caller, await info.listed(caller))
    assert said is not None
    return said.enabled, said.registered, said.needed, said.kinds
