"""A password and the code of an authenticator app in one request: the same rules as in two."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from services.credentials.methods import SecurityInfo
from services.credentials.model import Counted, Guesses
from services.gateway.model import ActionRequired, Challenged, SignedIn
from services.gateway.sign_in import Outcome
from shared.contracts.methods import AuthenticatorSetup
from shared.contracts.refusals import Refusal
from tests.contract.http.gateway import NEW, OLD, WHERE, Gateway, key, refused
from tests.contract.http.test_roles import api, application
from tests.contract.http.test_security_info import Kim
from tests.contract.http.test_sent_codes import Kim as WithTexts
from tests.contract.http.trusting import allow, trusting
from tests.memory.guesses import MemoryGuesses
from tests.unit.gateway.system import problem_of

WRONG = SecretStr("000000")


async def begin(kim: Kim, code: SecretStr, password: str = OLD, **more: Any) -> Outcome:
    return await kim.gateway.begin("kim", password, code=code, **more)


def rows(kim: Kim) -> list[str]:
    """Return what every attempt came to, oldest first."""
    kept = kim.gateway.services.memory.sessions.activity.rows.values()
    return [each.attempt.outcome for each in kept]


async def test_both_at_once_open_a_session_of_the_second_level(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    outcome = await begin(kim, kim.code(phone))
    assert isinstance(outcome, SignedIn)
    session = outcome.session
    assert (session.aal, session.amr, session.factor) == (2, ("pwd", "otp"), phone.id)


async def test_what_is_counted_of_codes_is_known_before_one_comes_after_the_password(
    kim: Kim, phone: AuthenticatorSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    counted = MemoryGuesses.counted

    async def noted(store: MemoryGuesses, guesses: Sequence[Guesses]) -> list[Counted]:
        read.extend(each.key for each in guesses)
        return await counted(store, guesses)

    challenged = await kim.gateway.begin("kim")
    assert isinstance(challenged, Challenged)
    monkeypatch.setattr(MemoryGuesses, "counted", noted)
    signed_in = await kim.gateway.sign_in.answer(key(challenged), kim.code(phone), WHERE)
    assert isinstance(signed_in, SignedIn)
    # The address was counted with the password, and the codes were read beside it.
    assert read == []


@pytest.mark.asvs("6.5.1")
async def test_of_twenty_at_once_with_one_code_one_signs_in(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    code, sessions = kim.code(phone), len(kim.gateway.services.memory.sessions.kept)
    outcomes = await asyncio.gather(*(begin(kim, code) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(each, SignedIn) for each in outcomes) == 1
    assert {each.type for each in outcomes if isinstance(each, Refusal)} == {"code-used"}
    assert len(kim.gateway.services.memory.sessions.kept) == sessions + 1
    # Nor does it answer a challenge any more.
    assert (await refused(kim.answer(await kim.challenged(), code))).type == "code-used"


async def test_a_wrong_code_is_refused_and_noted_and_says_nothing_to_the_client_but_that(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    refusal = await refused(begin(kim, WRONG))
    assert (refusal.type, refusal.status) == ("code-refused", 403)
    assert set(refusal.body()) == {"type", "status"}
    assert rows(kim)[-1] == "second-factor-failed"
    assert isinstance(await begin(kim, kim.code(phone)), SignedIn)


async def test_with_a_wrong_password_the_code_is_not_looked_at(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    code = kim.code(phone)
    for tried in (code, WRONG):
        assert (await refused(begin(kim, tried, "wrong"))).type == "sign-in-refused"
    assert rows(kim)[-2:] == ["wrong-password"] * 2
    assert isinstance(await begin(kim, code), SignedIn)


async def test_ten_wrong_codes_are_looked_at_and_no_more_in_whichever_way(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    for number in range(5):
        assert (await refused(begin(kim, SecretStr(f"00000{number}")))).type == "code-refused"
        waiting, other = await kim.challenged(), SecretStr(f"00001{number}")
        assert (await refused(kim.answer(waiting, other))).type == "code-refused"
    refusal = await refused(begin(kim, kim.code(phone)))
    assert (refusal.type, refusal.retry_after) == ("sign-in-throttled", 60)
    assert rows(kim)[-1] == "second-factor-throttled"


async def test_who_is_asked_for_nothing_needs_no_code(kim: Kim) -> None:
    outcome = await begin(kim, WRONG)
    assert isinstance(outcome, SignedIn)
    assert (outcome.session.aal, outcome.session.amr) == (1, ("pwd",))


async def test_who_has_no_authenticator_is_challenged_on_what_they_have(gateway: Gateway) -> None:
    await gateway.add("kim")
    await WithTexts(gateway).adds(await gateway.caller("kim"))
    outcome = await gateway.begin("kim", code=WRONG)
    assert isinstance(outcome, Challenged)
    assert outcome.asked.kind == "sms"


async def test_a_method_that_goes_while_the_password_is_verified_answers_nothing(
    kim: Kim, phone: AuthenticatorSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = kim.gateway.services.memory.methods
    read = methods.security_info

    async def and_then_it_is_gone(sub: str) -> SecurityInfo:
        info = await read(sub)
        if info.methods and sub in methods.by_sub:
            left = replace(info, methods=(), default=None, version=info.version + 1)
            methods.by_sub[sub] = left
        return info

    sessions = len(kim.gateway.services.memory.sessions.kept)
    monkeypatch.setattr(methods, "security_info", and_then_it_is_gone)
    assert not isinstance(await begin(kim, kim.code(phone)), SignedIn)
    assert len(kim.gateway.services.memory.sessions.kept) == sessions


async def test_on_a_trusted_device_the_code_is_left_unused(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    await allow(kim.gateway)
    trusted = await trusting(kim, phone)
    code = kim.code(phone)
    for device_key in (trusted.device_key, None):
        assert isinstance(await begin(kim, code, key=device_key), SignedIn)


async def test_what_else_must_happen_comes_after_both(
    gateway: Gateway, kim: Kim, phone: AuthenticatorSetup
) -> None:
    passwords = gateway.services.memory.credentials.passwords
    (sub,) = [each.sub for each in passwords.values() if each.user_id.startswith("kim")]
    passwords[sub] = replace(passwords[sub], temporary=True)
    waiting = await begin(kim, kim.code(phone))
    assert isinstance(waiting, ActionRequired)
    done = await gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(NEW), WHERE)
    assert isinstance(done, SignedIn)
    assert (done.session.aal, done.session.factor) == (2, phone.id)


async def test_the_api_takes_both_and_refuses_what_is_no_code(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    app = application(kim.gateway, api(kim.gateway).operations())
    known = {"user_id": "kim@halden.example", "password": OLD}
    async with TestClient(TestServer(app)) as client:
        for code in ("", "0" * 65, 123456, None, ["000000"]):
            answer = await client.post("/api/v1/sign-in", json={**known, "code": code})
            assert answer.status == (200 if code is None else 422)
        refusal = await client.post("/api/v1/sign-in", json={**known, "code": "000000"})
        await problem_of(refusal, 403, "code-refused")
        right = {**known, "code": kim.code(phone).get_secret_value()}
        answer = await client.post("/api/v1/sign-in", json=right)
        assert (await answer.json())["state"] == "complete"
