"""Security questions, for getting back in beside another proof, and never for signing in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

import orjson

from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges
from services.credentials.methods import Changed, Method, SecurityInfo, new_id
from services.credentials.questions import Answered, Question, check, plain
from shared.clock import Clock
from shared.contracts.questions import LeastQuestions, SecurityQuestionsSet, SetSecurityQuestions


class Verifiers(Protocol):
    """Make and check slow hashes."""

    async def hash(self, password: str) -> str:
        """Return a verifier."""
        ...

    async def verify(self, verifier: str | None, password: str) -> bool:
        """Tell whether a verifier is of this; without one it costs the same and is never right."""
        ...


@dataclass(frozen=True)
class SecurityQuestions:
    """Register them, draw some of them, and compare what is answered.

    An answer is stored as a password is, and the questions, which may say something of their owner,
    are sealed together with the verifiers.
    """

    changes: MethodChanges
    keyring: Keyring
    hasher: Verifiers
    clock: Clock
    random: Random

    async def register(self, asked: SetSecurityQuestions) -> SecurityQuestionsSet:
        """Keep them in place of those there are; they count at once."""
        (await self.changes.policy(asked.sub)).require("security-questions")
        answers = [
            Answered.typed(each.question, each.answer.get_secret_value()) for each in asked.answers
        ]
        check(answers, least=LeastQuestions)
        questions = [Question(e.question, await self.hasher.hash(e.answer)) for e in answers]
        new = Method(
            id=new_id(),
            kind="security-questions",
            label="",
            created_at=self.clock.now(),
            proved=True,
        )
        sealed = replace(new, sealed=self._sealed(asked.sub, new, questions))

        def registered(info: SecurityInfo) -> Changed:
            after, older = info.with_questions(sealed), info.questions
            if older is None:
                return Changed(after, sealed, "create")
            return Changed(after, replace(sealed, instead_of=older.id), "update")

        done = await self.changes.make(asked.sub, registered)
        return SecurityQuestionsSet(id=new.id, revision=done.revision)

    def draw(self, sub: str, method: Method, number: int) -> tuple[str, ...]:
        """Return so many of the questions in any order, or all where there are fewer."""
        known = [each.question for each in self._opened(sub, method)]
        return tuple(self.random.sample(known, min(number, len(known))))

    async def are_right(
        self, sub: str, method: Method, asked: Sequence[str], answers: Mapping[str, str]
    ) -> bool:
        """Tell whether every question that was asked is answered rightly.

        All of them are computed, so that the time does not tell which one was wrong.
        """
        known = {each.question: each.verifier for each in self._opened(sub, method)}
        right = [
            await self.hasher.verify(known.get(question), plain(answers.get(question, "")))
            for question in asked
        ]
        return bool(right) and all(right)

    def _sealed(self, sub: str, method: Method, questions: Sequence[Question]) -> bytes:
        content = [[each.question, each.verifier] for each in questions]
        return self.keyring.seal(method.place(sub), orjson.dumps(content))

    def _opened(self, sub: str, method: Method) -> list[Question]:
        content = orjson.loads(self.keyring.open(method.place(sub), method.sealed))
        return [Question(*each) for each in content]
