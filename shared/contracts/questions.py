"""HTTP contract between the gateway and the credentials service, for security questions."""

from pydantic import Field

from shared.contracts.body import Contract, Secret, Sub

CATALOGUE = (
    "first-dish",
    "hiding-place",
    "first-record",
    "teacher-nickname",
    "first-journey",
    "scary-place",
    "broken-thing",
    "dream-job",
    "first-boss",
    "lost-thing",
)
"""The questions that there are words for, by id. What is answered to them is not written down
anywhere and does not change (NIST SP 800-63B-4, 3.1.1.2, is why they never sign anybody in)."""
LeastQuestions, MostQuestions = 3, 5
LongestQuestion = 150
LongestTyped = 256
"""Characters of an answer that are read at all; the rules' own limit is lower and says so."""


class QuestionAnswer(Contract):
    """A question, by its id in the catalogue or in its owner's own words, with the answer."""

    question: str = Field(max_length=LongestTyped)
    answer: Secret = Field(max_length=LongestTyped)


class SetSecurityQuestions(Contract):
    """Keep these questions in place of those there are."""

    sub: Sub
    answers: tuple[QuestionAnswer, ...] = Field(max_length=20)


class SecurityQuestionsSet(Contract):
    """The method that they make together. `revision` is that of its owner's methods with it."""

    id: str
    revision: int
