"""Second factors through the gateway: challenges, stepping up, and what ends with a factor."""

import asyncio
from dataclasses import dataclass

import pyotp
import pytest
from pydantic import SecretStr

from services.gateway.errors import FlowEnded, StepUpRequired
from services.gateway.model import ActionRequired, Caller, Challenged, FlowKey, SignedIn
from services.gateway.sign_in import Outcome
from shared.contracts.methods import AuthenticatorSetup
from shared.contracts.refusals import Refusal
from tests.contract.http.gateway import NEW, OLD, WHERE, Gateway, key, refused


@dataclass
class Kim:
    """Somebody with a phone, in front of the gateway."""

    gateway: Gateway

    @classmethod
    async def added(cls, gateway: Gateway, *, temporary: bool = False) -> "Kim":
        await gateway.add("kim", temporary=temporary)
        return cls(gateway)

    def pass_time(self, seconds: float) -> None:
        self.gateway.services.memory.clock.advance(seconds)

    def code(self, setup: AuthenticatorSetup) -> SecretStr:
        seconds = int(self.gateway.services.memory.clock.now().timestamp())
        return SecretStr(pyotp.TOTP(setup.secret.get_secret_value()).at(seconds))

    async def again(self, caller: Caller) -> Caller:
        """Return the caller as the gateway sees the next request."""
        return await self.gateway.acceptance.accept(caller.token, WHERE)

    async def authenticator(self, caller: Caller, label: str = "Phone") -> AuthenticatorSetup:
        """Set an authenticator up, and let its code run out."""
        setup = await self.gateway.security_info.enroll_authenticator(caller, label=label)
        await self.gateway.security_info.prove(caller, setup.id, self.code(setup))
        self.pass_time(60)
        return setup

    async def challenged(self, password: str = OLD, device_key: str | None = None) -> Challenged:
        outcome = await self.gateway.begin("kim", password, device_key)
        assert isinstance(outcome, Challenged)
        return outcome

    async def answer(self, waiting: Challenged, code: SecretStr) -> Outcome:
        return await self.gateway.sign_in.answer(key(waiting), code, WHERE)

    async def signed_in(self, setup: AuthenticatorSetup) -> Caller:
        outcome = await self.answer(await self.challenged(), self.code(setup))
        assert isinstance(outcome, SignedIn)
        self.pass_time(60)
        return await self.gateway.acceptance.accept(outcome.token, WHERE)


@pytest.mark.asvs("6.3.3", "6.3.4")
async def test_with_an_authenticator_the_password_alone_opens_nothing(kim: Kim) -> None:
    setup = await kim.authenticator(await kim.gateway.caller("kim"))
    sessions = len(kim.gateway.services.memory.sessions.kept)
    waiting = await kim.challenged()
    assert (waiting.asked.id, waiting.asked.kind, waiting.asked.label) == (
        setup.id, "authenticator", "Phone",
    )  # fmt: skip
    assert len(kim.gateway.services.memory.sessions.kept) == sessions
    wrong = SecretStr("000000")
    assert (await refused(kim.answer(waiting, wrong))).type == "code-refused"
    signed_in = await kim.answer(waiting, kim.code(setup))
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.session.aal, signed_in.session.amr) == (2, ("pwd", "otp"))


@pytest.mark.asvs("6.5.1")
async def test_a_challenge_is_answered_once(kim: Kim) -> None:
    setup = await kim.authenticator(await kim.gateway.caller("kim"))
    waiting, code = await kim.challenged(), kim.code(setup)
    outcomes = await asyncio.gather(
        *(kim.answer(waiting, code) for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(each, SignedIn) for each in outcomes) == 1
    types = {each.type for each in outcomes if isinstance(each, Refusal)}
    assert types <= {"code-used", "flow-ended"}
    kim.pass_time(60)
    assert (await refused(kim.answer(waiting, kim.code(setup)))).type == "flow-ended"


async def test_two_right_answers_at_once_make_one_session(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    await kim.authenticator(caller)
    made = await kim.gateway.security_info.make_recovery_codes(await kim.again(caller))
    waiting = await kim.challenged()
    waiting = await kim.gateway.sign_in.choose_method(key(waiting), made.id)
    outcomes = await asyncio.gather(
        *(kim.answer(waiting, code) for code in made.codes), return_exceptions=True
    )
    assert sum(isinstance(each, SignedIn) for each in outcomes) == 1


async def test_another_client_can_do_nothing_with_the_flow(kim: Kim) -> None:
    setup = await kim.authenticator(await kim.gateway.caller("kim"))
    waiting = await kim.challenged()
    stolen = FlowKey(waiting.flow, "somebody else")
    code = kim.code(setup)
    for asked in (
        kim.gateway.sign_in.challenge(stolen),
        kim.gateway.sign_in.choose_method(stolen, setup.id),
        kim.gateway.sign_in.answer(stolen, code, WHERE),
    ):
        with pytest.raises(FlowEnded):
            await asked
    assert isinstance(await kim.answer(waiting, code), SignedIn)


async def test_a_challenge_ends_after_ten_minutes(kim: Kim) -> None:
    setup = await kim.authenticator(await kim.gateway.caller("kim"))
    waiting = await kim.challenged()
    kim.pass_time(600)
    with pytest.raises(FlowEnded):
        await kim.answer(waiting, kim.code(setup))


async def test_a_password_change_ends_every_challenge(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    setup = await kim.authenticator(caller)
    waiting = await kim.challenged()
    await kim.gateway.account.change_password(caller, old=SecretStr(OLD), new=SecretStr(NEW))
    assert (await refused(kim.answer(waiting, kim.code(setup)))).type == "flow-ended"
    # The code was not used up by that.
    assert isinstance(await kim.answer(await kim.challenged(NEW), kim.code(setup)), SignedIn)


async def test_a_challenge_goes_on_with_what_must_happen_next(gateway: Gateway) -> None:
    kim = await Kim.added(gateway)
    setup = await kim.authenticator(await gateway.caller("kim"))
    passwords = gateway.services.memory.credentials.passwords
    (sub,) = [each.sub for each in passwords.values() if each.user_id.startswith("kim")]
    passwords[sub] = type(passwords[sub])(**{**vars(passwords[sub]), "temporary": True})
    waiting = await kim.challenged()
    early = gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(NEW), WHERE)
    assert (await refused(early)).type == "flow-out-of-order"
    after = await kim.answer(waiting, kim.code(setup))
    assert isinstance(after, ActionRequired)
    done = await gateway.sign_in.replace_temporary_password(key(after), SecretStr(NEW), WHERE)
    assert isinstance(done, SignedIn)
    assert (done.session.aal, done.session.factor) == (2, setup.id)


async def test_a_recovery_code_stands_in_for_the_authenticator(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    await kim.authenticator(caller)
    made = await kim.gateway.security_info.make_recovery_codes(await kim.again(caller))
    waiting = await kim.challenged()
    assert [each.kind for each in waiting.methods] == ["authenticator", "recovery-codes"]
    changed = await kim.gateway.sign_in.choose_method(key(waiting), made.id)
    assert changed.asked.id == made.id
    assert isinstance(await kim.answer(waiting, made.codes[3]), SignedIn)
    other = await kim.challenged()
    other = await kim.gateway.sign_in.choose_method(key(other), made.id)
    assert (await refused(kim.answer(other, made.codes[3]))).type == "code-refused"


async def test_a_challenge_is_only_on_methods_there_are(kim: Kim) -> None:
    await kim.authenticator(await kim.gateway.caller("kim"))
    choosing = kim.gateway.sign_in.choose_method(key(await kim.challenged()), "no-such-method")
    assert (await refused(choosing)).type == "not-found"


async def test_a_method_that_is_deleted_meanwhile_answers_nothing(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    first = await kim.authenticator(caller, "First")
    await kim.authenticator(await kim.again(caller), "Second")
    waiting = await kim.challenged()
    assert waiting.asked.id == first.id
    await kim.gateway.security_info.remove(await kim.again(caller), first.id)
    assert (await refused(kim.answer(waiting, kim.code(first)))).type == "not-found"


async def test_the_owners_device_signs_in_while_somebody_guesses(kim: Kim) -> None:
    setup = await kim.authenticator(await kim.gateway.caller("kim"))
    known = await kim.answer(await kim.challenged(), kim.code(setup))
    assert isinstance(known, SignedIn)
    kim.pass_time(60)
    for number in range(10):
        await refused(kim.answer(await kim.challenged(), SecretStr(f"{number:06}")))
    waiting = await kim.challenged()
    assert (await refused(kim.answer(waiting, kim.code(setup)))).type == "sign-in-throttled"
    own = await kim.challenged(device_key=known.device.key)
    assert isinstance(await kim.answer(own, kim.code(setup)), SignedIn)


async def test_proving_the_first_factor_makes_the_session_worth_it(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    assert await kim.gateway.security_info.methods(caller) == ()
    setup = await kim.authenticator(caller)
    with pytest.raises(StepUpRequired) as elsewhere:
        await kim.gateway.security_info.methods(caller)
    known = {"id": setup.id, "kind": "authenticator", "label": "Phone", "hint": None}
    assert elsewhere.value.extra == {"needs": "mfa", "methods": [known]}
    (method,) = await kim.gateway.security_info.methods(await kim.again(caller))
    assert method.id == setup.id


@pytest.mark.asvs("7.5.1", "8.2.1")
async def test_a_session_from_before_the_factor_steps_up_to_see_and_change_methods(
    kim: Kim,
) -> None:
    before, caller = await kim.gateway.caller("kim"), await kim.gateway.caller("kim")
    setup = await kim.authenticator(caller)
    for asked in (
        kim.gateway.security_info.methods(before),
        kim.gateway.security_info.enroll_authenticator(before, label="Mine"),
        kim.gateway.security_info.prove(before, setup.id, kim.code(setup)),
        kim.gateway.security_info.rename(before, setup.id, "Mine"),
        kim.gateway.security_info.remove(before, setup.id),
        kim.gateway.security_info.choose_default(before, setup.id),
        kim.gateway.security_info.make_recovery_codes(before),
    ):
        assert (await refused(asked)).extra["needs"] == "mfa"
    step_ups = kim.gateway.step_ups
    await step_ups.by_password(before, SecretStr(OLD), "security-info")
    again = await refused(kim.gateway.security_info.methods(await kim.again(before)))
    assert again.extra["needs"] == "mfa"
    stepped_up = await step_ups.by_method(before, setup.id, kim.code(setup), "security-info")
    assert stepped_up.aal == 2
    await kim.gateway.security_info.rename(await kim.again(before), setup.id, "Mine")


@pytest.mark.asvs("7.5.1")
async def test_changes_ask_for_a_re_authentication_of_the_last_ten_minutes(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    kim.pass_time(600)
    enrolling = kim.gateway.security_info.enroll_authenticator(caller, label="Phone")
    assert (await refused(enrolling)).extra == {"needs": "reauthentication"}
    shown = kim.gateway.step_ups.by_password(caller, SecretStr(NEW), "security-info")
    assert (await refused(shown)).type == "wrong-password"
    await kim.gateway.step_ups.by_password(caller, SecretStr(OLD), "security-info")
    other = await kim.gateway.caller("kim")
    setup = await kim.authenticator(await kim.again(caller))
    assert setup
    kim.pass_time(600)
    renaming = kim.gateway.security_info.rename(await kim.again(caller), setup.id, "Mine")
    assert (await refused(renaming)).extra == {"needs": "reauthentication"}
    assert other.session.sid != caller.session.sid


async def test_a_wrong_code_steps_nothing_up(kim: Kim) -> None:
    before = await kim.gateway.caller("kim")
    setup = await kim.authenticator(await kim.gateway.caller("kim"))
    shown = kim.gateway.step_ups.by_method(before, setup.id, SecretStr("000000"), "security-info")
    assert (await refused(shown)).type == "code-refused"
    assert (await kim.again(before)).session.aal == 1


@pytest.mark.asvs("7.4.3")
async def test_what_rests_on_a_removed_factor_is_refused_when_that_is_answered(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    await kim.authenticator(caller, "Kept")
    lost = await kim.authenticator(await kim.again(caller), "Lost")
    await kim.gateway.security_info.choose_default(await kim.again(caller), lost.id)
    resting = await kim.signed_in(lost)
    # The caller proved it last, so their own session rests on it too.
    default = await kim.gateway.security_info.remove(await kim.again(caller), lost.id)
    assert default is not None
    for each in (resting, caller):
        refusal = await refused(kim.again(each))
        assert (refusal.type, refusal.extra) == ("session-revoked", {"cause": "method-removed"})


@pytest.mark.asvs("8.2.2")
async def test_nobody_reaches_anothers_methods(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    setup = await kim.authenticator(caller)
    await kim.gateway.add("eve")
    eve = await kim.gateway.caller("eve")
    for asked in (
        kim.gateway.security_info.rename(eve, setup.id, "Mine"),
        kim.gateway.security_info.remove(eve, setup.id),
        kim.gateway.security_info.choose_default(eve, setup.id),
        kim.gateway.step_ups.by_method(eve, setup.id, kim.code(setup), "security-info"),
        kim.gateway.security_info.enroll_authenticator(eve, label="Mine", instead_of=setup.id),
    ):
        assert (await refused(asked)).type == "not-found"
    (method,) = await kim.gateway.security_info.methods(await kim.again(caller))
    assert method.label == "Phone"


async def test_who_sets_up_again_ends_everything_else_that_rested_on_the_old_one(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    old = await kim.authenticator(caller)
    elsewhere = await kim.signed_in(old)
    again = await kim.gateway.security_info.enroll_authenticator(
        await kim.again(caller), label="New phone", instead_of=old.id
    )
    await kim.gateway.security_info.prove(await kim.again(caller), again.id, kim.code(again))
    refusal = await refused(kim.again(elsewhere))
    assert refusal.extra == {"cause": "method-replaced"}
    assert (await kim.again(caller)).session.factor == again.id


async def test_sessions_on_a_recovery_code_end_with_the_codes(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    setup = await kim.authenticator(caller)
    resting = []
    for _ in range(2):
        made = await kim.gateway.security_info.make_recovery_codes(await kim.again(caller))
        waiting = await kim.challenged()
        await kim.gateway.sign_in.choose_method(key(waiting), made.id)
        done = await kim.answer(waiting, made.codes[0])
        assert isinstance(done, SignedIn)
        resting.append(await kim.gateway.acceptance.accept(done.token, WHERE))
    assert (await refused(kim.again(resting[0]))).extra == {"cause": "method-replaced"}
    await kim.gateway.security_info.remove(await kim.again(caller), setup.id)
    assert (await refused(kim.again(resting[1]))).extra == {"cause": "method-removed"}


async def test_nobody_is_locked_out_of_their_methods_by_codes_that_are_used_up(kim: Kim) -> None:
    caller = await kim.gateway.caller("kim")
    setup = await kim.authenticator(caller)
    made = await kim.gateway.security_info.make_recovery_codes(await kim.again(caller))
    for code in made.codes:
        waiting = await kim.challenged()
        await kim.gateway.sign_in.choose_method(key(waiting), made.id)
        await kim.answer(waiting, code)
    await kim.gateway.security_info.remove(await kim.again(caller), setup.id)
    after = await kim.gateway.caller("kim")
    assert await kim.gateway.security_info.methods(after) == ()
    await kim.authenticator(after)


async def test_stepping_up_with_a_method_that_goes_meanwhile_comes_to_nothing(kim: Kim) -> None:
    before = await kim.gateway.caller("kim")
    caller = await kim.gateway.caller("kim")
    setup = await kim.authenticator(caller)
    await kim.gateway.services.memory.sessions.note_gone(setup.id)
    shown = kim.gateway.step_ups.by_method(before, setup.id, kim.code(setup), "security-info")
    assert (await refused(shown)).status == 401
    assert (await refused(kim.again(before))).extra == {"cause": "method-removed"}
