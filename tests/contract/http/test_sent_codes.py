"""Codes that are sent, through the gateway: where they are asked for, and when none can be sent."""

from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from services.gateway.model import Caller, Challenged, SignedIn
from services.gateway.sign_in import Outcome
from shared.contracts.methods import Method, SentKind
from tests.contract.http.gateway import OLD, WHERE, Gateway, key, refused
from tests.memory.credentials import MemoryCarrier

NUMBER, MAIL = "+494215550147", "kim@mail.example"


@dataclass
class Kim:
    """Somebody with a phone, in front of the gateway."""

    gateway: Gateway

    @property
    def carrier(self) -> MemoryCarrier:
        return self.gateway.services.memory.carrier

    def code(self, to: str = NUMBER) -> SecretStr:
        return SecretStr(self.carrier.code(to))

    async def caller(self) -> Caller:
        return await self.gateway.caller("kim")

    async def again(self, caller: Caller) -> Caller:
        return await self.gateway.acceptance.accept(caller.token, WHERE)

    async def adds(self, caller: Caller, to: str = NUMBER, kind: SentKind = "sms") -> Method:
        setup = await self.gateway.security_info.enroll_sent(caller, kind, to, "en")
        return await self.gateway.security_info.prove(caller, setup.id, self.code(to))

    async def challenged(self) -> Challenged:
        outcome = await self.gateway.begin("kim", OLD)
        assert isinstance(outcome, Challenged)
        return outcome

    async def answer(self, waiting: Challenged, code: SecretStr) -> Outcome:
        return await self.gateway.sign_in.answer(key(waiting), code, WHERE)


@pytest.fixture
async def kim(gateway: Gateway) -> Kim:
    await gateway.add("kim")
    return Kim(gateway)


@pytest.mark.parametrize(("kind", "amr"), [("sms", "sms"), ("voice", "tel")])
async def test_a_code_is_sent_at_sign_in_and_taken(kim: Kim, kind: SentKind, amr: str) -> None:
    method = await kim.adds(await kim.caller(), kind=kind)
    waiting = await kim.challenged()
    assert (waiting.asked.id, waiting.asked.hint, waiting.sent) == (method.id, "+49 … 47", True)
    assert (await refused(kim.answer(waiting, SecretStr("00000000")))).type == "code-refused"
    done = await kim.answer(waiting, kim.code())
    assert isinstance(done, SignedIn)
    assert (done.session.aal, done.session.amr) == (2, ("pwd", amr))


async def test_a_new_code_in_the_same_sign_in_ends_the_one_before(kim: Kim) -> None:
    method = await kim.adds(await kim.caller())
    waiting, older = await kim.challenged(), kim.code()
    again = await kim.gateway.sign_in.choose_method(key(waiting), method.id)
    assert again.sent is True
    assert (await refused(kim.answer(waiting, older))).type == "code-refused"
    assert isinstance(await kim.answer(waiting, kim.code()), SignedIn)


async def test_looking_at_the_challenge_sends_nothing(kim: Kim) -> None:
    await kim.adds(await kim.caller())
    waiting = await kim.challenged()
    sent = len(kim.carrier.messages)
    for _ in range(3):
        await kim.gateway.sign_in.challenge(key(waiting))
    assert len(kim.carrier.messages) == sent


async def test_the_code_of_one_sign_in_answers_no_other(kim: Kim) -> None:
    await kim.adds(await kim.caller())
    first, code = await kim.challenged(), kim.code()
    second = await kim.challenged()
    assert (await refused(kim.answer(second, code))).type == "code-refused"
    assert isinstance(await kim.answer(first, code), SignedIn)


async def test_a_wrong_password_sends_nothing(kim: Kim) -> None:
    await kim.adds(await kim.caller())
    sent = len(kim.carrier.messages)
    assert (await refused(kim.gateway.begin("kim", "not it"))).type == "sign-in-refused"
    assert len(kim.carrier.messages) == sent


async def test_a_sign_in_whose_code_cannot_be_sent_takes_another_method(kim: Kim) -> None:
    caller = await kim.caller()
    method = await kim.adds(caller)
    made = await kim.gateway.security_info.make_recovery_codes(await kim.again(caller))
    kim.carrier.away = True
    waiting = await kim.challenged()
    assert (waiting.asked.id, waiting.sent) == (method.id, False)
    again = kim.gateway.sign_in.choose_method(key(waiting), method.id)
    assert (await refused(again)).type == "code-not-sent"
    looked_at = await kim.gateway.sign_in.challenge(key(waiting))
    assert looked_at.sent is False
    other = await kim.gateway.sign_in.choose_method(key(waiting), made.id)
    assert other.sent is None
    assert isinstance(await kim.answer(waiting, made.codes[0]), SignedIn)


async def test_a_sign_in_beyond_the_limit_says_so_and_the_newest_code_still_works(
    kim: Kim,
) -> None:
    method = await kim.adds(await kim.caller())
    waiting = await kim.challenged()
    for _ in range(4):
        await kim.gateway.sign_in.choose_method(key(waiting), method.id)
    code = kim.code()
    refusal = await refused(kim.gateway.sign_in.choose_method(key(waiting), method.id))
    assert (refusal.type, refusal.status) == ("too-many-codes", 429)
    assert refusal.retry_after is not None
    assert 0 < refusal.retry_after <= 3600
    assert (await kim.challenged()).sent is False
    assert isinstance(await kim.answer(waiting, code), SignedIn)


async def test_mail_is_never_asked_for_at_sign_in(kim: Kim) -> None:
    caller = await kim.caller()
    mail = await kim.adds(caller, MAIL, "email")
    assert (mail.use, mail.default) == (("reset",), False)
    assert isinstance(await kim.gateway.begin("kim", OLD), SignedIn)
    # It is no factor, so the session rests on none.
    assert (await kim.again(caller)).session.aal == 1
    await kim.adds(caller)
    waiting = await kim.challenged()
    assert [each.kind for each in waiting.methods] == ["sms"]
    choosing = kim.gateway.sign_in.choose_method(key(waiting), mail.id)
    assert (await refused(choosing)).type == "not-found"
    sending = kim.gateway.step_ups.begin(await kim.again(caller), mail.id, "en")
    assert (await refused(sending)).type == "not-found"


async def test_a_step_up_is_answered_with_a_code_sent_for_this_session(kim: Kim) -> None:
    before, other, caller = await kim.caller(), await kim.caller(), await kim.caller()
    method = await kim.adds(caller)
    await kim.gateway.step_ups.begin(before, method.id, "en")
    code = kim.code()
    elsewhere = kim.gateway.step_ups.by_method(other, method.id, code, "security-info")
    assert (await refused(elsewhere)).type == "code-refused"
    stepped_up = await kim.gateway.step_ups.by_method(before, method.id, code, "security-info")
    assert (stepped_up.aal, stepped_up.factor) == (2, method.id)


async def test_a_session_from_before_adds_nothing(kim: Kim) -> None:
    before = await kim.caller()
    await kim.adds(await kim.caller())
    info = kim.gateway.security_info
    for asked in (
        info.enroll_sent(before, "email", MAIL, "en"),
        info.send_again(before, "any", "en"),
    ):
        assert (await refused(asked)).extra["needs"] == "mfa"


async def test_nobody_sends_by_anothers_number(kim: Kim) -> None:
    method = await kim.adds(await kim.caller())
    await kim.gateway.add("eve")
    eve = await kim.gateway.caller("eve")
    sending = kim.gateway.step_ups.begin(eve, method.id, "en")
    assert (await refused(sending)).type == "not-found"
    again = kim.gateway.security_info.send_again(eve, method.id, "en")
    assert (await refused(again)).type == "setup-ended"


async def test_what_can_be_added_is_told(kim: Kim) -> None:
    listed = await kim.gateway.security_info.listed(await kim.caller())
    assert listed.sendable == ("email", "sms", "voice")


async def test_another_number_takes_the_place_of_one_once_its_code_was_shown(kim: Kim) -> None:
    caller, other = await kim.caller(), "+494215550199"
    old = await kim.adds(caller)
    info = kim.gateway.security_info
    await info.rename(await kim.again(caller), old.id, "Work")
    resting = await kim.answer(await kim.challenged(), kim.code())
    assert isinstance(resting, SignedIn)
    begun = await info.enroll_sent(await kim.again(caller), "sms", other, "en", instead_of=old.id)
    assert (await kim.challenged()).asked.id == old.id, "Not before it is proved."
    await info.prove(await kim.again(caller), begun.id, kim.code(other))
    (new,) = await info.methods(await kim.again(caller))
    assert (new.label, new.default, new.hint) == ("Work", True, "+49 … 99")
    assert (await kim.challenged()).asked.id == new.id
    ended = await refused(kim.gateway.acceptance.accept(resting.token, WHERE))
    assert ended.extra == {"cause": "method-replaced"}


@pytest.mark.parametrize(("kind", "to", "why"), [
    ("voice", "+494215550199", "not-found"),
    ("email", MAIL, "not-found"),
    ("sms", NUMBER, "method-exists"),
])  # fmt: skip
async def test_a_number_is_replaced_by_another_one_of_its_kind_alone(
    kim: Kim, kind: SentKind, to: str, why: str
) -> None:
    caller = await kim.caller()
    old = await kim.adds(caller)
    sent = len(kim.carrier.messages)
    replacing = kim.gateway.security_info.enroll_sent(
        await kim.again(caller), kind, to, "en", instead_of=old.id
    )
    assert (await refused(replacing)).type == why
    assert len(kim.carrier.messages) == sent
    (kept,) = await kim.gateway.security_info.methods(await kim.again(caller))
    assert kept.id == old.id
