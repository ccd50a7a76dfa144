"""The part of the API's table for the questions that may be chosen from."""

from dataclasses import dataclass

from pydantic import BaseModel

from services.gateway.api.operations import Answer, Call, Operation
from shared.contracts.questions import CATALOGUE
from shared.texts import Catalogues


class QuestionItem(BaseModel):
    """A question: its id, which is what is registered, and its words in the reader's language."""

    id: str
    text: str


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
        items = (
            QuestionItem(id=each, text=self.catalogues.text(f"question.{each}", call.language))
            for each in CATALOGUE
        )
        return Answer(QuestionItems(items=tuple(items)))
