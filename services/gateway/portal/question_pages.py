"""Security questions: the form that registers them."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from pydantic import SecretStr

from services.gateway.portal import addresses
from services.gateway.portal.security_info_pages import ADDRESS as SECURITY
from services.gateway.portal.security_info_pages import SecurityInfoPages
from services.gateway.portal.visits import Form
from shared.contracts.questions import (
    CATALOGUE,
    LeastQuestions,
    LongestQuestion,
    LongestTyped,
    MostQuestions,
    QuestionAnswer,
)
from shared.contracts.refusals import InvalidRequest, Refusal
from shared.problems import at_fault

ADDRESS = f"{SECURITY}/questions"
_ROWS = tuple(range(1, MostQuestions + 1))
_OWN = "own"
_SAID_IN_PLACE = {"invalid-request", "too-busy", "service-unavailable"}


@dataclass(frozen=True)
class QuestionPages:
    """A row for each question: one of the catalogue or one's own, and the answer."""

    listing: SecurityInfoPages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get(ADDRESS, self._ask), web.post(ADDRESS, self._register)]

    async def _ask(self, request: web.Request) -> web.Response:
        return await self.listing.stepped_up(request, lambda: self._show(request, Form()))

    async def _register(self, request: web.Request) -> web.Response:
        caller, form = await self.listing.visits.sent_form(request)
        rows = [row for row in _ROWS if _is_filled(form, row)]

        async def register() -> web.Response:
            answers = [_read(form, row) for row in rows]
            await self.listing.security_info.set_questions(caller, answers)
            return addresses.see(addresses.with_query(SECURITY, done="questions"))

        try:
            return await self.listing.stepped_up(request, register)
        except Refusal as refusal:
            if refusal.type not in _SAID_IN_PLACE:
                raise
            refusal.errors = tuple(_in_its_row(each, rows) for each in refusal.errors)
            return await self._show(request, form, refusal)

    async def _show(
        self, request: web.Request, form: Form, refusal: Refusal | None = None
    ) -> web.Response:
        visitor = await self.listing.visits.visitor(request)
        # Whoever may not see the methods is asked first who they are.
        listed = await self.listing.security_info.listed(visitor.caller)
        return await self.listing.pages.show(
            request,
            "questions.html",
            visitor=visitor,
            rows=_ROWS,
            least=LeastQuestions,
            catalogue=CATALOGUE,
            longest_question=LongestQuestion,
            form=form,
            again=any(each.kind == "security-questions" for each in listed.items),
            refusal=refusal,
        )


def _is_filled(form: Form, row: int) -> bool:
    return any(form[f"{name}-{row}"].strip() for name in ("question", "own", "answer"))


def _read(form: Form, row: int) -> QuestionAnswer:
    chosen = form[f"question-{row}"]
    question = form[f"own-{row}"] if chosen == _OWN else chosen
    if max(len(question), len(answer := form[f"answer-{row}"])) > LongestTyped:
        raise InvalidRequest(errors=[at_fault(f"answer-{row}", "too-long")])
    return QuestionAnswer(question=question, answer=SecretStr(answer))


def _in_its_row(error: dict[str, str], rows: Sequence[int]) -> dict[str, str]:
    match error["field"].split("."):
        case ["answers", place, name]:
            return error | {"field": f"{name}-{rows[int(place)]}"}
        case ["answers"]:
            return error | {"field": "question-1"}
    return error
