"""Security questions and their rules. Nothing here reads or writes anything."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.questions import CATALOGUE, LongestQuestion, MostQuestions
from shared.contracts.refusals import InvalidRequest

ShortestQuestion = 10
ShortestAnswer, LongestAnswer = 3, 40
_Fault = dict[str, str]


@dataclass(frozen=True)
class Answered:
    """A question, by id or in its owner's own words, and an answer in the form it is compared in.

    Nobody remembers how they wrote an answer, so case, width and spaces count for nothing.
    """

    question: str
    answer: str

    @classmethod
    def typed(cls, question: str, answer: str) -> "Answered":
        """Return what somebody typed."""
        return cls(_spaced(question), plain(answer))


@dataclass(frozen=True)
class Question:
    """A question that was registered, with the verifier of its answer."""

    question: str
    verifier: str


def plain(answer: str) -> str:
    """Return an answer as it is compared."""
    return _spaced(unicodedata.normalize("NFKC", answer).casefold())


def check(answers: Sequence[Answered], *, least: int) -> None:
    """Raise `InvalidRequest` with everything that is wrong with them."""
    faults = [*_number(len(answers), least)]
    for place, each in enumerate(answers):
        before = answers[:place]
        reasons = {
            "question": _of_question(each, before),
            "answer": _of_answer(each, before),
        }
        faults += [
            _fault(f"answers.{place}.{name}", reason) for name, reason in reasons.items() if reason
        ]
    if faults:
        raise InvalidRequest(errors=faults)


def _number(number: int, least: int) -> list[_Fault]:
    if number < least:
        return [_fault("answers", "too-few")]
    return [_fault("answers", "too-many")] if number > MostQuestions else []


def _of_question(asked: Answered, before: Sequence[Answered]) -> str | None:
    text = asked.question
    if text not in CATALOGUE and len(text) < ShortestQuestion:
        return "question-too-short" if text else "missing"
    if len(text) > LongestQuestion:
        return "question-too-long"
    alike = any(plain(each.question) == plain(text) for each in before)
    return "given-twice" if alike else None


def _of_answer(asked: Answered, before: Sequence[Answered]) -> str | None:
    answer = asked.answer
    if len(answer) < ShortestAnswer:
        return "answer-too-short"
    if len(answer) > LongestAnswer:
        return "answer-too-long"
    # Who reads such a question has its answer.
    if asked.question not in CATALOGUE and answer in plain(asked.question):
        return "in-the-question"
    return "given-twice" if any(each.answer == answer for each in before) else None


def _fault(field: str, reason: str) -> _Fault:
    return {"field": field, "reason": reason, "message": reason}


def _spaced(text: str) -> str:
    return " ".join(text.split())
