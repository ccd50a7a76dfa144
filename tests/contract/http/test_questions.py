"""Security questions through the gateway: who registers them, and what they are good for."""

import json
from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.gateway.model import SignedIn
from shared.contracts.methods import Kind
from shared.contracts.questions import QuestionAnswer
from tests.contract.http.gateway import NEW, Gateway, refused
from tests.contract.http.resetting import NUMBER
from tests.contract.http.resetting import Kim as Forgetful
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


@pytest.fixture
async def forgetful(gateway: Gateway) -> Forgetful:
    await allow(gateway, WITH_THEM | {"email"})
    forgetful = Forgetful(gateway, await gateway.add("kim"))
    await forgetful.policy(methods=("email", "security-questions"), questions_to_answer=3)
    await gateway.security_info.set_questions(await forgetful.caller(), ANSWERS)
    return forgetful


def said(*answers: str, questions: tuple[str, ...]) -> str:
    by_question = {each.question: each.answer.get_secret_value() for each in ANSWERS}
    return json.dumps(
        {q: by_question[q] for q in questions} | dict(zip(questions, answers, strict=False))
    )


async def test_a_password_is_reset_by_answering_all_that_were_drawn(forgetful: Forgetful) -> None:
    key = await forgetful.begins()
    (method,) = (await forgetful.state(key)).methods
    assert (method.kind, method.hint) == ("security-questions", None)
    chosen = await forgetful.choose(key, method.id)
    assert set(chosen.questions) == {each.question for each in ANSWERS}
    kept = repr(forgetful.memory.credentials.resets.by_id)
    assert not [each for each in chosen.questions if each in kept]
    wrong = await refused(forgetful.answer(key, said("wrong", questions=chosen.questions)))
    assert wrong.type == "code-refused"
    again = await forgetful.state(key)
    assert again.state == "answer"
    done = await forgetful.answer(key, said(questions=again.questions))
    assert (done.state, done.questions) == ("new-password", ())
    await forgetful.finish(key)
    assert isinstance(await forgetful.gateway.begin("kim", NEW), SignedIn)


async def test_an_answer_that_was_left_out_is_a_wrong_one(forgetful: Forgetful) -> None:
    key = await forgetful.begins()
    (method,) = (await forgetful.state(key)).methods
    for shown in ("12345678", "{}", said(questions=("first-dish", "hiding-place"))):
        await forgetful.choose(key, method.id)
        assert (await refused(forgetful.answer(key, shown))).type == "code-refused"


async def test_wrong_answers_are_counted_like_any_wrong_proof(forgetful: Forgetful) -> None:
    key = await forgetful.begins()
    (method,) = (await forgetful.state(key)).methods
    await forgetful.choose(key, method.id)
    for _ in range(5):
        assert (await refused(forgetful.answer(key, "{}"))).type == "code-refused"
    assert (await forgetful.state(key)).state == "contact-helpdesk"


async def test_who_has_fewer_than_policy_wants_by_now_is_not_registered(
    forgetful: Forgetful,
) -> None:
    await forgetful.policy(methods=("security-questions",), questions_to_register=4)
    assert (await forgetful.state(await forgetful.begins())).state == "contact-helpdesk"


async def test_only_a_wrong_answer_draws_other_questions(forgetful: Forgetful) -> None:
    more = {"first-boss": "Okafor", "lost-thing": "an umbrella"}
    five = [
        *ANSWERS,
        *(QuestionAnswer(question=q, answer=SecretStr(a)) for q, a in more.items()),
    ]
    await forgetful.gateway.security_info.set_questions(await forgetful.caller(), five)
    drawn = []
    for _ in range(6):
        key = await forgetful.begins()
        (method,) = (await forgetful.state(key)).methods
        drawn += [(await forgetful.choose(key, method.id)).questions for _ in range(4)]
    assert len(set(drawn)) == 1
    others = set()
    for _ in range(4):
        assert (await refused(forgetful.answer(key, "{}"))).type == "code-refused"
        others.add((await forgetful.state(key)).questions)
        # Asking again draws nothing that was not drawn by the error.
        assert (await forgetful.choose(key, method.id)).questions in others
    assert len(others | set(drawn)) > 1


async def test_admins_cannot_use_them(gateway: Gateway) -> None:
    await allow(gateway, WITH_THEM | {"email", "sms"})
    ada = Forgetful(gateway, await gateway.add("kim", roles=("admin",)))
    await ada.policy(methods=("email", "sms", "security-questions"))
    await gateway.security_info.set_questions(await ada.caller(), ANSWERS)
    await ada.adds()
    assert (await ada.state(await ada.begins())).state == "contact-helpdesk"
    await ada.adds(NUMBER, "sms")
    state = await ada.state(await ada.begins())
    assert (state.proofs_needed, {each.kind for each in state.methods}) == (2, {"email", "sms"})
