"""Security questions, for getting back in beside another proof, and never for signing in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

import orjson

from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges
from services.credentials.method import Method, new_id
from services.credentials.methods import Changed, SecurityInfo
from services.credentials.policy import ResetPolicies
from services.credentials.questions import Answered, Question, answers_in, check, plain
from services.credentials.reset_policy import ResetPolicy
from shared.clock import Clock
from shared.contracts.questions import SecurityQuestionsSet, SetSecurityQuestions


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
    resets: ResetPolicies

    async def register(self, asked: SetSecurityQuestions) -> SecurityQuestionsSet:
        """Keep them in place of those there are; they count at once."""
        (await self.changes.policy(asked.sub)).require("security-questions")
        answers = [
            Answered.typed(each.question, each.answer.get_secret_value()) for each in asked.answers
        ]
        check(answers, least=await self._least(asked.sub))
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

    async def _least(self, sub: str) -> int:
        organization = await self.changes.policies.store.organization_of(sub)
        return (await self.resets.of(organization)).questions_to_register

    def enough(self, info: SecurityInfo, policy: ResetPolicy) -> SecurityInfo:
        """Return somebody's methods without questions that are fewer than policy wants by now."""
        method = info.questions
        if method is None or len(self._opened(info.sub, method)) >= policy.questions_to_register:
            return info
        return replace(info, methods=tuple(each for each in info.methods if each != method))

    def draw(self, sub: str, method: Method, number: int, seed: str) -> tuple[int, ...]:
        """Return the places of so many questions in any order, or of all where there are fewer.

        It is the seed that decides which. What they ask stays sealed, wherever these are kept.
        """
        known = len(self._opened(sub, method))
        return tuple(Random(seed).sample(range(known), min(number, known)))

    def asked(self, sub: str, method: Method, drawn: Sequence[int]) -> tuple[str, ...]:
        """Return what the questions at these places ask."""
        known = self._opened(sub, method)
        return tuple(known[place].question for place in drawn)

    async def are_right(self, sub: str, method: Method, drawn: Sequence[int], shown: str) -> bool:
        """Tell whether every question that was drawn is answered rightly, in JSON by question.

        All of them are computed, so that the time does not tell which one was wrong.
        """
        known, answers = self._opened(sub, method), answers_in(shown)
        right = [
            await self.hasher.verify(each.verifier, plain(answers.get(each.question, "")))
            for each in (known[place] for place in drawn)
        ]
        return bool(right) and all(right)

    def _sealed(self, sub: str, method: Method, questions: Sequence[Question]) -> bytes:
        content = [[each.question, each.verifier] for each in questions]
        return self.keyring.seal(method.place(sub), orjson.dumps(content))

    def _opened(self, sub: str, method: Method) -> list[Question]:
        content = orjson.loads(self.keyring.open(method.place(sub), method.sealed))
        return [Question(*each) for each in content]
