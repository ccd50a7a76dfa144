"""Security questions through the gateway: who registers them, and what they are good for."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.gateway.model import SignedIn
from shared.contracts.methods import Kind
from shared.contracts.questions import QuestionAnswer
from tests.contract.http.gateway import Gateway, refused
from tests.contract.http.test_security_info import Kim

WITH_THEM: frozenset[Kind] = frozenset({"authenticator", "recovery-codes", "security-questions"})
ANSWERS = [
    QuestionAnswer(question=question, answer=SecretStr(answer))
    for question, answer in (
        ("first-dish", "Lentils"),
        ("hiding-place", "the attic"),
        ("What stood on the kitchen wall?", "a barometer"),
    )
]


async def allow(gateway: Gateway, allowed: frozenset[Kind] = WITH_THEM) -> None:
    await gateway.policies.put_methods(
        await gateway.admin(), allowed=allowed, second_factor="if-registered", trust_days=0
    )


@pytest.fixture
async def kim(gateway: Gateway) -> Kim:
    await allow(gateway)
    return await Kim.added(gateway)


async def test_they_are_listed_as_good_for_getting_back_in_alone(kim: Kim) -> None:
    security, caller = kim.gateway.security_info, await kim.gateway.caller("kim")
    registered = await security.set_questions(caller, ANSWERS)
    listed = await security.listed(caller)
    (method,) = listed.items
    assert (method.id, method.kind, method.use) == (
        registered.id, "security-questions", ("reset",),
    )  # fmt: skip
    assert (method.default, method.hint, method.label) == (False, None, "")
    assert listed.questions
    assert "Lentils" not in listed.model_dump_json()
    assert (await refused(security.choose_default(caller, method.id))).type == "not-a-default"
    # The next sign-in takes the password alone, and nothing is shown by them in a session.
    assert isinstance(await kim.gateway.begin("kim"), SignedIn)
    shown = kim.gateway.step_ups.by_method(caller, method.id, SecretStr("Lentils"), "password")
    assert (await refused(shown)).type == "not-found"


async def test_they_are_removed_like_any_method(kim: Kim) -> None:
    security, caller = kim.gateway.security_info, await kim.gateway.caller("kim")
    registered = await security.set_questions(caller, ANSWERS)
    await security.remove(caller, registered.id)
    assert (await security.listed(caller)).items == ()


async def test_they_are_registered_only_by_who_has_just_shown_who_they_are(kim: Kim) -> None:
    security, caller = kim.gateway.security_info, await kim.gateway.caller("kim")
    kim.gateway.services.memory.clock.advance(timedelta(minutes=10).total_seconds())
    refusal = await refused(security.set_questions(caller, ANSWERS))
    assert (refusal.type, refusal.extra) == ("step-up-required", {"needs": "reauthentication"})


async def test_what_is_wrong_is_said_by_its_place(kim: Kim) -> None:
    security, caller = kim.gateway.security_info, await kim.gateway.caller("kim")
    short = [*ANSWERS[:2], QuestionAnswer(question="first-boss", answer=SecretStr("x"))]
    refusal = await refused(security.set_questions(caller, short))
    assert (refusal.type, [each["field"] for each in refusal.errors]) == (
        "invalid-request", ["answers.2.answer"],
    )  # fmt: skip
    assert (await security.listed(caller)).items == ()


async def test_where_they_are_not_allowed_none_are_registered(kim: Kim) -> None:
    security, caller = kim.gateway.security_info, await kim.gateway.caller("kim")
    await security.set_questions(caller, ANSWERS)
    await allow(kim.gateway, WITH_THEM - {"security-questions"})
    refusal = await refused(security.set_questions(caller, ANSWERS))
    assert refusal.type == "not-allowed-by-policy"
    listed = await security.listed(caller)
    assert (listed.questions, [each.allowed for each in listed.items]) == (False, [False])
