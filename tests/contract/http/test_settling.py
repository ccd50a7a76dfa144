"""A code counts once even where the store loses its use: nobody has a token before it is kept."""

import asyncio
from collections.abc import Callable, Coroutine
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from services.gateway.clients.sessions import SessionsClient
from services.gateway.model import ActionRequired, Challenged, SignedIn
from services.gateway.sign_in import Outcome
from shared.contracts.body import Contract
from shared.contracts.methods import AuthenticatorSetup
from shared.contracts.refusals import Busy, Refusal
from tests.contract.http.gateway import NEW, WHERE, key, refused
from tests.contract.http.test_security_info import Kim
from tests.contract.http.trusting import allow
from tests.memory.credentials import MemoryMethods

SignsIn = Callable[[Kim, SecretStr], Coroutine[Any, Any, Outcome]]


async def _at_once(kim: Kim, code: SecretStr) -> Outcome:
    return await kim.gateway.begin("kim", code=code)


async def _in_two_steps(kim: Kim, code: SecretStr) -> Outcome:
    return await kim.answer(await kim.challenged(), code)


@pytest.fixture(params=[_at_once, _in_two_steps])
def signs_in(request: pytest.FixtureRequest) -> SignsIn:
    way: SignsIn = request.param
    return way


def open_sessions(kim: Kim) -> int:
    return sum(each.ended_by is None for each in kim.gateway.services.memory.sessions.kept.values())


def loses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store forget each use before anybody asks whether it is kept, as a failover does."""

    async def put_use(store: MemoryMethods, changed: object, use: str) -> None:
        """Change nothing."""

    monkeypatch.setattr(MemoryMethods, "put_use", put_use)


def refuses(monkeypatch: pytest.MonkeyPatch, call: str, refusal: type[Refusal]) -> None:
    """Let the sessions service refuse what it is asked."""

    async def refuse(client: SessionsClient, asked: Contract) -> None:
        raise refusal

    monkeypatch.setattr(SessionsClient, call, refuse)


async def test_nobody_has_a_token_before_the_use_of_the_code_is_kept(
    kim: Kim, phone: AuthenticatorSetup, signs_in: SignsIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, may_answer, is_kept = asyncio.Event(), asyncio.Event(), MemoryMethods.is_kept

    async def slowly(store: MemoryMethods, sub: str, use: str) -> bool:
        asked.set()
        await may_answer.wait()
        return await is_kept(store, sub, use)

    monkeypatch.setattr(MemoryMethods, "is_kept", slowly)
    signing_in = asyncio.create_task(signs_in(kim, kim.code(phone)))
    async with asyncio.timeout(5):
        await asked.wait()
    _, waiting = await asyncio.wait({signing_in}, timeout=0.3)
    assert waiting
    may_answer.set()
    assert isinstance(await signing_in, SignedIn)


async def test_a_use_that_is_lost_signs_nobody_in_and_leaves_no_session(
    kim: Kim, phone: AuthenticatorSetup, signs_in: SignsIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, code = open_sessions(kim), kim.code(phone)
    with monkeypatch.context() as patched:
        loses(patched)
        refusal = await refused(signs_in(kim, code))
    assert (refusal.type, refusal.status, refusal.retry_after) == ("service-unavailable", 503, 2)
    assert open_sessions(kim) == before
    # It has signed in nobody, so it counts now; and once.
    assert isinstance(await signs_in(kim, code), SignedIn)
    assert (await refused(signs_in(kim, code))).type == "code-used"


async def test_what_cannot_be_told_signs_nobody_in_and_leaves_no_session(
    kim: Kim, phone: AuthenticatorSetup, signs_in: SignsIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(store: MemoryMethods, sub: str, use: str) -> bool:
        raise Busy

    before, code = open_sessions(kim), kim.code(phone)
    with monkeypatch.context() as patched:
        patched.setattr(MemoryMethods, "is_kept", busy)
        assert (await refused(signs_in(kim, code))).status == 503
    assert open_sessions(kim) == before
    # It was used up all the same; the next one is not.
    assert (await refused(signs_in(kim, code))).type == "code-used"
    kim.pass_time(30)
    assert isinstance(await signs_in(kim, kim.code(phone)), SignedIn)


async def test_of_two_uses_whose_first_was_lost_the_kept_one_signs_in(
    kim: Kim, phone: AuthenticatorSetup, signs_in: SignsIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, code = kim.gateway.services.memory.methods, kim.code(phone)
    (sub,) = store.by_sub
    undone, is_kept = store.by_sub[sub], MemoryMethods.is_kept
    outcomes: list[Outcome] = []

    async def after_a_failover(store: MemoryMethods, sub: str, use: str) -> bool:
        monkeypatch.setattr(MemoryMethods, "is_kept", is_kept)
        # The member that took it is gone. Another one takes the same code before anybody asks.
        store.by_sub[sub] = undone
        store.uses.clear()
        outcomes.append(await signs_in(kim, code))
        return await is_kept(store, sub, use)

    monkeypatch.setattr(MemoryMethods, "is_kept", after_a_failover)
    before = open_sessions(kim)
    assert (await refused(signs_in(kim, code))).type == "service-unavailable"
    assert [type(each) for each in outcomes] == [SignedIn]
    assert open_sessions(kim) == before + 1


async def test_no_device_is_trusted_for_a_use_that_is_lost(
    kim: Kim, phone: AuthenticatorSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, signed_in = kim.gateway, await _at_once(kim, kim.code(phone))
    assert isinstance(signed_in, SignedIn)
    await allow(gateway)
    kim.pass_time(60)
    device_key = signed_in.device.key
    waiting, before = await kim.challenged(device_key=device_key), open_sessions(kim)
    with monkeypatch.context() as patched:
        loses(patched)
        trusting = gateway.sign_in.answer(key(waiting), kim.code(phone), WHERE, trust_device=True)
        assert (await refused(trusting)).type == "service-unavailable"
    assert open_sessions(kim) == before
    # The password alone signs in nobody there, as if the code had never been shown.
    assert isinstance(await gateway.begin("kim", key=device_key), Challenged)


async def test_a_session_that_cannot_be_taken_back_is_nobodys(
    kim: Kim, phone: AuthenticatorSetup, signs_in: SignsIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    loses(monkeypatch)
    refuses(monkeypatch, "end", Busy)
    assert (await refused(signs_in(kim, kim.code(phone)))).type == "service-unavailable"


async def test_why_there_is_no_session_is_said_first(
    kim: Kim, phone: AuthenticatorSetup, signs_in: SignsIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    loses(monkeypatch)
    refuses(monkeypatch, "establish", Refusal)
    assert (await refused(signs_in(kim, kim.code(phone)))).type == "internal-error"


async def test_what_waits_for_something_else_waits_only_once_the_use_is_kept(
    kim: Kim, phone: AuthenticatorSetup, signs_in: SignsIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords, code = kim.gateway.services.memory.credentials.passwords, kim.code(phone)
    for sub, each in passwords.items():
        passwords[sub] = replace(each, temporary=True)
    with monkeypatch.context() as patched:
        loses(patched)
        assert (await refused(signs_in(kim, code))).type == "service-unavailable"
    waiting = await signs_in(kim, code)
    assert isinstance(waiting, ActionRequired)
    # Another use comes in between, which is nothing to a flow whose own is kept.
    kim.pass_time(30)
    assert isinstance(await signs_in(kim, kim.code(phone)), ActionRequired)
    done = await kim.gateway.sign_in.replace_temporary_password(key(waiting), SecretStr(NEW), WHERE)
    assert isinstance(done, SignedIn)
    assert done.session.factor == phone.id


async def test_where_nothing_is_begun_meanwhile_the_use_is_waited_for_at_once(
    kim: Kim, phone: AuthenticatorSetup
) -> None:
    caller, store = await kim.signed_in(phone), kim.gateway.services.memory.methods
    uses = deepcopy(store.uses)
    assert uses
    code = kim.code(phone)
    await kim.gateway.step_ups.by_method(caller, phone.id, code, "security-info")
    assert store.uses == uses
