"""Asking at a sign-in whether one's methods are still right."""

from typing import Any

import pytest
from pydantic import SecretStr

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.model import ActionRequired, Caller, FlowKey, PasskeyAttempt, SignedIn
from services.gateway.sign_in import Outcome
from shared.contracts.methods import AuthenticatorSetup
from shared.contracts.refusals import Busy, Refusal, Unavailable
from tests.contract.http import test_putting_off
from tests.contract.http.gateway import CLIENT, NEW, OLD, WHERE, Gateway, key, refused
from tests.contract.http.services import PORTAL
from tests.contract.http.test_policy import registering
from tests.contract.http.test_putting_off import DAY, put_off
from tests.contract.http.test_security_info import Kim
from tests.contract.http.trusting import trusting
from tests.memory.authenticator import SoftAuthenticator

ALL = frozenset({"authenticator", "recovery-codes", "passkey", "email"})


async def demand(gateway: Gateway, **changed: Any) -> None:
    usual = {"allowed": ALL, "second_factor": "if-registered"}
    await test_putting_off.demand(gateway, **usual | changed)


async def answer(kim: Kim, phone: AuthenticatorSetup, password: str = OLD) -> Outcome:
    kim.pass_time(60)
    return await kim.answer(await kim.challenged(password), kim.code(phone))


async def adds_passkey(gateway: Gateway, authenticator: SoftAuthenticator) -> None:
    caller: Caller = await gateway.caller("kim")
    phone = await gateway.security_info.enroll_passkey(caller, label="Key")
    made = SecretStr(authenticator.create(phone.options))
    await gateway.security_info.prove(caller, phone.id, made)


async def with_passkey(gateway: Gateway, authenticator: SoftAuthenticator) -> Outcome:
    """Sign in with a passkey alone."""
    flow, options = await gateway.sign_in.passkey_options(CLIENT)
    said = SecretStr(authenticator.get(options))
    attempt = PasskeyAttempt(key=FlowKey(flow, CLIENT), answer=said, where=WHERE)
    return await gateway.sign_in.with_passkey(attempt)


async def asked(kim: Kim, phone: AuthenticatorSetup) -> ActionRequired:
    waiting = await answer(kim, phone)
    assert isinstance(waiting, ActionRequired)
    assert waiting.action == "confirm-security-info"
    return waiting


async def confirm(kim: Kim, waiting: ActionRequired) -> Outcome:
    return await kim.gateway.registration.confirm(key(waiting), WHERE)


async def test_after_half_a_year_the_methods_are_confirmed(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    assert isinstance(await answer(kim, phone), SignedIn)
    kim.pass_time(180 * DAY)
    waiting = await asked(kim, phone)
    assert [(each.id, each.kind, each.label) for each in waiting.methods] == [
        (phone.id, "authenticator", "Phone")
    ]
    signed_in = await confirm(kim, waiting)
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.session.aal, signed_in.session.factor) == (2, phone.id)
    kim.pass_time(179 * DAY)
    assert isinstance(await answer(kim, phone), SignedIn)
    kim.pass_time(DAY)
    await asked(kim, phone)


async def test_it_is_asked_again_until_it_is_answered(kim: Kim, phone: AuthenticatorSetup) -> None:
    kim.pass_time(180 * DAY)
    waiting = await asked(kim, phone)
    assert waiting.skip_until is None
    refusal = await refused(put_off(kim, waiting))
    assert (refusal.type, refusal.status) == ("cannot-be-put-off", 403)
    await asked(kim, phone)
    assert isinstance(await confirm(kim, waiting), SignedIn)
    assert isinstance(await answer(kim, phone), SignedIn)


async def test_it_can_be_put_off_for_a_while(kim: Kim, phone: AuthenticatorSetup) -> None:
    await demand(kim.gateway, skip_days=2)
    kim.pass_time(180 * DAY)
    waiting = await asked(kim, phone)
    assert waiting.skip_until is not None
    signed_in = await put_off(kim, waiting)
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.session.aal, signed_in.session.factor) == (2, phone.id)
    kim.pass_time(2 * DAY)
    over = await asked(kim, phone)
    assert over.skip_until is None
    assert (await refused(put_off(kim, over))).type == "cannot-be-put-off"
    await confirm(kim, over)
    # The next time has a period of its own.
    kim.pass_time(180 * DAY)
    assert (await asked(kim, phone)).skip_until is not None


@pytest.mark.parametrize("hindrance", [Unavailable(), Busy()])
async def test_a_right_code_is_not_lost_where_nothing_can_be_asked_after_it(
    kim: Kim, phone: AuthenticatorSetup, monkeypatch: pytest.MonkeyPatch, hindrance: Refusal
) -> None:
    async def requirements(*_asked: object) -> None:
        raise hindrance

    kim.pass_time(180 * DAY)
    with monkeypatch.context() as away:
        away.setattr(CredentialsClient, "requirements", requirements)
        assert isinstance(await answer(kim, phone), SignedIn)
    await asked(kim, phone)


async def test_what_policy_does_not_ask_any_more_is_no_hindrance(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    kim.pass_time(180 * DAY)
    waiting = await asked(kim, phone)
    await demand(kim.gateway, reconfirm_days=0)
    assert isinstance(await put_off(kim, waiting), SignedIn)


async def test_policy_says_after_how_many_days_and_none_means_never(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    await demand(kim.gateway, reconfirm_days=0)
    kim.pass_time(4000 * DAY)
    assert isinstance(await answer(kim, phone), SignedIn)
    await demand(kim.gateway, reconfirm_days=3650)
    await asked(kim, phone)


async def test_a_method_set_up_anew_is_known_to_be_right(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    kim.pass_time(179 * DAY)
    caller = await kim.signed_in(phone)
    again = await kim.gateway.security_info.enroll_authenticator(
        caller, label="Phone", instead_of=phone.id
    )
    await kim.gateway.security_info.prove(caller, again.id, kim.code(again))
    kim.pass_time(DAY)
    assert isinstance(await answer(kim, again), SignedIn)


async def test_an_address_for_the_reset_is_shown_and_confirms_nothing(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    kim.pass_time(179 * DAY)
    caller = await kim.signed_in(phone)
    info = kim.gateway.security_info
    sent = await info.enroll_sent(caller, "email", "kim@elsewhere.example", "en")
    code = kim.gateway.services.memory.carrier.code("kim@elsewhere.example")
    await info.prove(caller, sent.id, SecretStr(code))
    kim.pass_time(DAY)
    waiting = await asked(kim, phone)
    assert [(each.kind, each.hint) for each in waiting.methods] == [
        ("authenticator", None),
        ("email", "k…@elsewhere.example"),
    ]


async def test_a_trusted_device_is_not_asked(kim: Kim, phone: AuthenticatorSetup) -> None:
    await demand(kim.gateway, trust_days=30, reconfirm_days=3)
    device = await trusting(kim, phone)
    kim.pass_time(3 * DAY)
    assert not await device.is_asked()
    await asked(kim, phone)


async def test_a_passkey_alone_is_not_asked(kim: Kim) -> None:
    await adds_passkey(kim.gateway, authenticator := SoftAuthenticator(PORTAL))
    kim.pass_time(365 * DAY)
    assert isinstance(await with_passkey(kim.gateway, authenticator), SignedIn)


async def test_stepping_up_begins_no_period(kim: Kim, phone: AuthenticatorSetup) -> None:
    await demand(kim.gateway, skip_days=1, reconfirm_days=1)
    kim.pass_time(DAY - 600)
    caller = await kim.signed_in(phone)
    kim.pass_time(900)
    shown = kim.gateway.step_ups.by_method(caller, phone.id, kim.code(phone), "security-info")
    assert (await shown).aal == 2
    assert kim.gateway.services.memory.methods.by_sub[caller.sub].asked_since is None


async def test_the_own_password_comes_first(gateway: Gateway) -> None:
    kim = await Kim.added(gateway)
    phone = await kim.authenticator(await gateway.caller("kim"))
    kim.pass_time(180 * DAY)
    passwords = gateway.services.memory.credentials.passwords
    (sub,) = [each.sub for each in passwords.values() if each.user_id.startswith("kim")]
    passwords[sub] = type(passwords[sub])(**{**vars(passwords[sub]), "temporary": True})
    first = await answer(kim, phone)
    assert isinstance(first, ActionRequired)
    assert (first.action, first.methods) == ("change-password", ())
    assert (await refused(confirm(kim, first))).type == "flow-out-of-order"
    second = await gateway.sign_in.replace_temporary_password(key(first), SecretStr(NEW), WHERE)
    assert isinstance(second, ActionRequired)
    assert second.action == "confirm-security-info"
    assert isinstance(await confirm(kim, second), SignedIn)


async def test_a_factor_that_is_to_be_registered_is_not_confirmed(kim: Kim) -> None:
    await demand(kim.gateway, second_factor="required")
    waiting = await registering(kim)
    assert (await refused(confirm(kim, waiting))).type == "flow-out-of-order"


async def test_whoever_confirms_still_has_what_they_have_shown(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    kim.pass_time(180 * DAY)
    waiting = await asked(kim, phone)
    owner = await kim.gateway.acceptance.accept(await confirmed_token(kim, phone), WHERE)
    await kim.gateway.policies.require_security_info(await kim.gateway.admin(), owner.sub)
    assert (await refused(confirm(kim, waiting))).type == "flow-ended"
    assert kim.gateway.services.memory.methods.by_sub[owner.sub].confirmed_at is None


async def confirmed_token(kim: Kim, phone: AuthenticatorSetup) -> str:
    signed_in = await confirm(kim, await asked(kim, phone))
    assert isinstance(signed_in, SignedIn)
    return signed_in.token


async def test_confirming_ends_with_the_epoch_and_the_client(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    kim.pass_time(180 * DAY)
    waiting = await asked(kim, phone)
    stolen = kim.gateway.registration.confirm(key(waiting, "somebody else"), WHERE)
    assert (await refused(stolen)).type == "flow-ended"
    owner = await kim.gateway.acceptance.accept(await confirmed_token(kim, phone), WHERE)
    await kim.gateway.account.change_password(owner, old=SecretStr(OLD), new=SecretStr(NEW))
    assert (await refused(confirm(kim, waiting))).type == "flow-ended"
