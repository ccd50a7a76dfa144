"""Security questions: what is taken, what is drawn, and what counts as the right answer."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from services.credentials.errors import NotAllowedByPolicy
from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges
from services.credentials.method import Method
from services.credentials.method_policy import MethodPolicy
from services.credentials.model import Password
from services.credentials.policy import MethodPolicies, ResetPolicies
from services.credentials.questions import Answered, check
from services.credentials.reset_policy import ResetPolicy
from services.credentials.security_questions import SecurityQuestions
from shared.contracts.policy import PutResetPolicy
from shared.contracts.questions import CATALOGUE, QuestionAnswer, SetSecurityQuestions
from shared.contracts.refusals import InvalidRequest
from shared.lease import Lease
from tests.memory.clock import StoppedClock
from tests.memory.credential_policies import MemoryPolicies, MemoryResetPolicies
from tests.memory.credentials import MemoryCredentials, MemoryMethods
from tests.memory.epochs import MemoryEpochs
from tests.unit.credentials.system import Verifiers

OWN = "What stood on the kitchen wall?"
GOOD = (("first-dish", "Lentils"), ("hiding-place", "the  Attic"), (OWN, "a barometer"))


class System:
    """Security questions on memory."""

    def __init__(self, allowed: str = "security-questions") -> None:
        clock = StoppedClock()
        self.methods = MemoryMethods(MemoryEpochs(clock))
        policy = MethodPolicy.of(["authenticator", allowed], "if-registered", 0)
        account = Password("kim", "kim", None, False, 1, clock.now(), organization="halden")
        kept = MemoryPolicies(
            MemoryCredentials(passwords={"kim": account}), by_organization={"halden": policy}
        )
        policies = MethodPolicies(kept, Lease(kept.policy_of, clock, clock.pause))
        self.hasher, resets = Verifiers(), MemoryResetPolicies()
        self.questions = SecurityQuestions(
            MethodChanges(self.methods, policies, clock),
            Keyring.parse(f"test:{'07' * 32}"),
            self.hasher,
            clock,
            ResetPolicies(resets, Lease(resets.policy_of, clock, clock.pause)),
        )

    async def register(self, *answers: tuple[str, str]) -> Method:
        said = tuple(QuestionAnswer(question=q, answer=SecretStr(a)) for q, a in answers)
        await self.questions.register(SetSecurityQuestions(sub="kim", answers=said))
        method = (await self.methods.security_info("kim")).questions
        assert method is not None
        return method

    async def right(self, method: Method, answers: dict[str, str], *asked: str) -> bool:
        places = [[each for each, _ in GOOD].index(each) for each in asked or answers]
        return await self.questions.are_right("kim", method, places, json.dumps(answers))


@pytest.fixture
def system() -> System:
    return System()


def faults(*answers: tuple[str, str]) -> set[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as refused:
        check([Answered.typed(*each) for each in answers], least=3)
    return {(each["field"], each["reason"]) for each in refused.value.errors}


def test_three_to_five_are_registered() -> None:
    check([Answered.typed(*each) for each in GOOD], least=3)
    five = (*GOOD, ("first-boss", "Okafor"), ("lost-thing", "red umbrella"))
    check([Answered.typed(*each) for each in five], least=3)
    assert faults(*GOOD[:2]) == {("answers", "too-few")}
    assert faults(*five, ("dream-job", "diver")) == {("answers", "too-many")}


@pytest.mark.parametrize(
    ("question", "answer", "wrong"),
    [
        ("first-boss", "ab", ("answer", "answer-too-short")),
        ("first-boss", " a  b ", None),
        ("first-boss", "x" * 41, ("answer", "answer-too-long")),
        ("first-boss", "LENTILS", ("answer", "given-twice")),
        ("first-boss", "\ufb01sh", None),
        ("first-dish", "noodles", ("question", "given-twice")),
        (f" {OWN.upper()} ", "noodles", ("question", "given-twice")),
        ("Too short", "noodles", ("question", "question-too-short")),
        ("", "noodles", ("question", "missing")),
        ("W" * 151, "noodles", ("question", "question-too-long")),
        ("Is it blue or green?", "Green", ("answer", "in-the-question")),
    ],
)
def test_each_question_and_answer_has_its_rules(
    question: str, answer: str, wrong: tuple[str, str] | None
) -> None:
    if wrong is None:
        check([Answered.typed(*each) for each in (*GOOD, (question, answer))], least=3)
    else:
        field_name, reason = wrong
        assert faults(*GOOD, (question, answer)) == {(f"answers.3.{field_name}", reason)}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert faults(("x", "y"), ("first-dish", "y")) == {
        ("answers", "too-few"),
        ("answers.0.question", "question-too-short"),
        ("answers.0.answer", "answer-too-short"),
        ("answers.1.answer", "answer-too-short"),
    }


async def test_answers_count_whatever_case_width_and_spaces_they_are_typed_in(
    system: System,
) -> None:
    method = await system.register(*GOOD)
    assert await system.right(method, {"hiding-place": " THE attic", OWN: "\uff21 barometer"})
    assert not await system.right(method, {"hiding-place": "theattic"})


async def test_all_that_were_asked_have_to_be_right(system: System) -> None:
    method = await system.register(*GOOD)
    asked = ("first-dish", "hiding-place")
    assert not await system.right(method, {"first-dish": "lentils"}, *asked)
    assert not await system.right(method, {"first-dish": "lentils", OWN: "a barometer"}, *asked)
    for shown in ("{}", "12345678", "[]", '{"first-dish": 1}', ""):
        assert not await system.questions.are_right("kim", method, (0,), shown)
    assert not await system.questions.are_right("kim", method, (), "{}")


async def test_a_check_computes_every_answer_whichever_is_wrong(system: System) -> None:
    method, asked = await system.register(*GOOD), ("first-dish", "hiding-place", OWN)
    for answers in ({}, {"first-dish": "wrong"}, {"first-dish": "lentils"}):
        system.hasher.verified.clear()
        assert not await system.right(method, answers, *asked)
        assert len(system.hasher.verified) == 3


async def test_some_are_drawn_in_any_order_and_never_more_than_there_are(system: System) -> None:
    method = await system.register(*GOOD)
    drawn = [system.questions.draw("kim", method, 2, f"seed {number}") for number in range(40)]
    assert {len(set(each)) for each in drawn} == {2}
    assert len(set(drawn)) == 6
    every = system.questions.draw("kim", method, 5, "")
    assert set(system.questions.asked("kim", method, every)) == {each for each, _ in GOOD}


async def test_neither_questions_nor_answers_can_be_read_in_what_is_stored(system: System) -> None:
    method = await system.register(*GOOD)
    for secret in (b"lentils", b"first-dish", b"kitchen", b"hash of"):
        assert secret not in method.sealed.lower()
    assert (method.codes, method.hint, method.mark, method.label) == ((), None, None, "")


async def test_new_ones_take_the_place_of_the_older_ones(system: System) -> None:
    first = await system.register(*GOOD)
    second = await system.register(*GOOD[:2], ("first-boss", "Okafor"))
    info = await system.methods.security_info("kim")
    assert [each.id for each in info.methods] == [second.id]
    assert second.id != first.id
    assert not await system.right(second, {OWN: "a barometer"})
    (added, replaced) = system.methods.epochs.outbox.values()
    told: list[Any] = [each.model_dump()["payload"] for each in (added, replaced)]
    assert [(each["change_type"], each["cause"], each["method"]) for each in told] == [
        ("create", "method-added", first.id),
        ("update", "method-replaced", first.id),
    ]
    assert {each["credential_type"] for each in told} == {"security-questions"}


async def test_as_many_are_registered_as_the_policy_for_resets_wants(system: System) -> None:
    first = await system.register(*GOOD)
    asked = PutResetPolicy(
        organization="halden",
        enabled_for="everyone",
        methods=("email",),
        questions_to_register=4,
    )
    strict = ResetPolicy.of(await system.questions.resets.put(asked))
    with pytest.raises(InvalidRequest):
        await system.register(*GOOD)
    info = await system.methods.security_info("kim")
    assert system.questions.enough(info, strict).methods == ()
    assert system.questions.enough(info, ResetPolicy("everyone")).methods == (first,)
    await system.register(*GOOD, ("first-boss", "Okafor"))
    info = await system.methods.security_info("kim")
    assert system.questions.enough(info, strict) == info


async def test_what_is_refused_replaces_nothing(system: System) -> None:
    first = await system.register(*GOOD)
    with pytest.raises(InvalidRequest):
        await system.register(*GOOD[:2])
    assert (await system.methods.security_info("kim")).questions == first


async def test_they_are_registered_only_where_policy_allows_them() -> None:
    with pytest.raises(NotAllowedByPolicy):
        await System(allowed="passkey").register(*GOOD)
    assert "security-questions" not in MethodPolicy().allowed


async def test_they_are_no_factor_and_asked_for_in_no_sign_in(system: System) -> None:
    method = await system.register(*GOOD)
    info = await system.methods.security_info("kim")
    assert (method.is_factor, method.use, info.challenging) == (False, ("reset",), ())


def test_every_question_of_the_catalogue_has_an_id_that_is_no_question_of_ones_own() -> None:
    assert len(set(CATALOGUE)) == 10
