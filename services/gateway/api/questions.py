"""The part of the API's table for the questions that may be chosen from."""

from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel

from services.gateway.api.operations import Answer, Call, Operation
from shared.contracts.questions import CATALOGUE
from shared.texts import Catalogues


class QuestionItem(BaseModel):
    """A question: its id, which is what is registered, and its words in the reader's language."""

    id: str
    text: str

    @classmethod
    def of(cls, question: str, catalogues: Catalogues, language: str) -> Self:
        """Return a question of the catalogue, or one of its owner's own, which is its own words."""
        text_id = f"question.{question}"
        known = catalogues.has(text_id)
        return cls(id=question, text=catalogues.text(text_id, language) if known else question)


class QuestionItems(BaseModel):
    """All questions of the catalogue."""

    items: tuple[QuestionItem, ...]
    next: None = None


@dataclass(frozen=True)
class QuestionApi:
    """The operation."""

    catalogues: Catalogues

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        return [
            Operation(
                "GET", "/me/security-questions", "Questions to choose from", self._list,
                answers={200: QuestionItems},
            ),
        ]  # fmt: skip

    async def _list(self, call: Call) -> Answer:
        items = (QuestionItem.of(each, self.catalogues, call.language) for each in CATALOGUE)
        return Answer(QuestionItems(items=tuple(items)))
