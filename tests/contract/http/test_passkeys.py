"""Passkeys through the gateway: as a second factor, to show again who one is, and alone."""

import asyncio
import json
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from services.gateway.model import (
    ActionRequired,
    Caller,
    Challenged,
    FlowKey,
    PasskeyAttempt,
    SignedIn,
)
from services.gateway.sign_in import Outcome
from shared.contracts.refusals import Refusal
from tests.contract.http.gateway import CLIENT, NEW, WHERE, Gateway, key, refused
from tests.contract.http.services import PORTAL
from tests.memory.authenticator import SoftAuthenticator


@dataclass
class Kim:
    """Somebody with a passkey, in front of the gateway."""

    gateway: Gateway
    passkey: SoftAuthenticator
    method_id: str = ""

    @classmethod
    async def added(cls, gateway: Gateway) -> "Kim":
        await gateway.add("kim")
        kim = cls(gateway, SoftAuthenticator(PORTAL))
        kim.method_id = await kim.adds(await gateway.caller("kim"), kim.passkey)
        return kim

    async def adds(self, caller: Caller, passkey: SoftAuthenticator) -> str:
        info = self.gateway.security_info
        setup = await info.enroll_passkey(caller, label="Laptop")
        await info.prove(caller, setup.id, SecretStr(passkey.create(setup.options)))
        return setup.id

    async def challenged(self) -> Challenged:
        outcome = await self.gateway.begin("kim")
        assert isinstance(outcome, Challenged)
        return outcome

    def signed(self, waiting: Challenged) -> SecretStr:
        assert waiting.options is not None
        return SecretStr(self.passkey.get(waiting.options))

    async def answer(self, waiting: Challenged, answer: SecretStr) -> Outcome:
        return await self.gateway.sign_in.answer(key(waiting), answer, WHERE)

    async def attempt(self, client: str = CLIENT, device_key: str | None = None) -> PasskeyAttempt:
        flow, options = await self.gateway.sign_in.passkey_options(CLIENT)
        answer = SecretStr(self.passkey.get(options))
        keys = (device_key,) if device_key is not None else ()
        return PasskeyAttempt(FlowKey(flow, client), answer, WHERE, keys)

    async def alone(self, device_key: str | None = None) -> Outcome:
        return await self.gateway.sign_in.with_passkey(await self.attempt(device_key=device_key))

    async def again(self, caller: Caller) -> Caller:
        return await self.gateway.acceptance.accept(caller.token, WHERE)

    async def caller(self) -> Caller:
        outcome = await self.alone()
        assert isinstance(outcome, SignedIn)
        return await self.gateway.acceptance.accept(outcome.token, WHERE)


@pytest.fixture
async def kim(gateway: Gateway) -> Kim:
    return await Kim.added(gateway)


async def test_a_passkey_is_a_second_factor_beside_the_password(kim: Kim) -> None:
    waiting = await kim.challenged()
    assert (waiting.asked.id, waiting.asked.kind) == (kim.method_id, "passkey")
    signed_in = await kim.answer(waiting, kim.signed(waiting))
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.session.aal, signed_in.session.amr) == (2, ("pwd", "pop"))


async def test_a_wrong_answer_is_followed_by_another_challenge(kim: Kim) -> None:
    waiting = await kim.challenged()
    signed = kim.signed(waiting)
    assert (await refused(kim.answer(waiting, SecretStr("{}")))).type == "passkey-refused"
    again = await kim.gateway.sign_in.challenge(key(waiting))
    assert again.options != waiting.options
    assert (await refused(kim.answer(again, signed))).type == "passkey-refused"
    assert isinstance(await kim.answer(again, kim.signed(again)), SignedIn)


async def test_a_passkey_signs_in_alone_as_two_factors_in_one(kim: Kim) -> None:
    signed_in = await kim.alone()
    assert isinstance(signed_in, SignedIn)
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.session.aal, signed_in.session.amr) == (2, ("pop",))
    caller = await kim.gateway.acceptance.accept(signed_in.token, WHERE)
    assert len(await kim.gateway.security_info.methods(caller)) == 1
    again = await kim.alone(device_key=signed_in.device.key)
    assert isinstance(again, SignedIn)
    assert again.device.id == signed_in.device.id


async def test_what_one_client_began_no_other_ends(kim: Kim) -> None:
    elsewhere = await kim.attempt(client="another browser")
    refusal = await refused(kim.gateway.sign_in.with_passkey(elsewhere))
    assert (refusal.type, refusal.status) == ("sign-in-refused", 401)


async def test_of_fifty_at_once_with_one_answer_one_gets_in(kim: Kim) -> None:
    kim.passkey.counts, kim.passkey.sign_count = False, 0
    attempt = await kim.attempt()
    outcomes = await asyncio.gather(
        *(kim.gateway.sign_in.with_passkey(attempt) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(each, SignedIn) for each in outcomes) == 1
    refusals = [each.type for each in outcomes if isinstance(each, Refusal)]
    assert refusals == ["sign-in-refused"] * 49


async def test_a_passkey_that_nobody_registered_is_refused_as_anything_else(kim: Kim) -> None:
    stranger = SoftAuthenticator(PORTAL, user_handle=kim.passkey.user_handle)
    kim.passkey = stranger
    refusal = await refused(kim.alone())
    assert (refusal.type, refusal.status) == ("sign-in-refused", 401)


async def test_a_copied_passkey_is_told_apart(kim: Kim) -> None:
    await kim.alone()
    kim.passkey.sign_count = 0
    assert (await refused(kim.alone())).type == "passkey-cloned"


async def test_whoever_raises_the_epoch_ends_a_sign_in_that_is_verified_already(kim: Kim) -> None:
    memory, sign_in = kim.gateway.services.memory, kim.gateway.sign_in
    sub = (await kim.caller()).sub
    establish = sign_in._establish

    async def raised_before(*args: object) -> SignedIn:
        memory.epochs.raise_(sub, "signed-out-everywhere")
        return await establish(*args)  # type: ignore[arg-type]

    object.__setattr__(sign_in, "_establish", raised_before)
    assert (await refused(kim.alone())).type == "sign-in-refused"


async def test_a_temporary_password_is_changed_first_all_the_same(gateway: Gateway) -> None:
    kim = await Kim.added(gateway)
    passwords = gateway.services.memory.credentials.passwords
    (sub,) = (each.sub for each in passwords.values() if each.user_id.startswith("kim"))
    object.__setattr__(passwords[sub], "temporary", True)
    waiting = await kim.alone()
    assert isinstance(waiting, ActionRequired)
    assert waiting.action == "change-password"
    signed_in = await gateway.sign_in.replace_temporary_password(
        key(waiting), SecretStr(NEW), WHERE
    )
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.session.aal, signed_in.session.amr) == (2, ("pop",))


async def test_a_session_steps_up_with_a_passkey(kim: Kim) -> None:
    caller = await kim.caller()
    begun = await kim.gateway.step_ups.begin(caller, kim.method_id, "en")
    answer = SecretStr(kim.passkey.get(begun.options or ""))
    shown = kim.gateway.step_ups.by_method(caller, kim.method_id, answer, "security-info")
    assert (await shown).aal == 2
    again = kim.gateway.step_ups.by_method(caller, kim.method_id, answer, "security-info")
    assert (await refused(again)).type == "passkey-refused"


async def test_what_one_session_began_no_other_answers(kim: Kim) -> None:
    one, other = await kim.caller(), await kim.caller()
    begun = await kim.gateway.step_ups.begin(one, kim.method_id, "en")
    answer = SecretStr(kim.passkey.get(begun.options or ""))
    shown = kim.gateway.step_ups.by_method(other, kim.method_id, answer, "security-info")
    assert (await refused(shown)).type == "passkey-refused"


async def test_removing_it_ends_the_sessions_that_rest_on_it(kim: Kim) -> None:
    one, other = await kim.caller(), await kim.caller()
    await kim.gateway.security_info.remove(one, kim.method_id)
    for ended in (one, other):
        refusal = await refused(kim.gateway.acceptance.accept(ended.token, WHERE))
        assert refusal.type == "session-revoked"
    assert isinstance(await kim.gateway.begin("kim"), SignedIn)


async def test_anothers_passkey_is_registered_once(kim: Kim) -> None:
    await kim.gateway.add("noor")
    noor = await kim.gateway.caller("noor")
    assert (await refused(kim.adds(noor, kim.passkey))).type == "passkey-taken"


async def test_a_passkey_is_set_up_again_on_the_same_authenticator(kim: Kim) -> None:
    caller, info = await kim.caller(), kim.gateway.security_info
    elsewhere = await kim.caller()
    await kim.adds(await kim.again(caller), SoftAuthenticator(PORTAL))
    again = await info.enroll_passkey(caller, label="Laptop", instead_of=kim.method_id)
    known = json.loads(again.options)["excludeCredentials"]
    assert len(known) == 1, "The one to be replaced is no reason not to make another."
    fresh = SoftAuthenticator(PORTAL)
    await info.prove(caller, again.id, SecretStr(fresh.create(again.options)))
    assert (await refused(kim.alone())).type == "sign-in-refused"
    ended = await refused(kim.again(elsewhere))
    assert ended.extra == {"cause": "method-replaced"}
    kim.passkey = fresh
    methods = await info.methods(await kim.caller())
    assert kim.method_id not in [each.id for each in methods]
    assert len(methods) == 2
