"""The part of the API's table for passwords that are reset."""

import json
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, SecretStr, StringConstraints, model_validator

from services.gateway.api.bodies import Code, MethodId
from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.preconditions import REPLACED, if_match, tagged
from services.gateway.api.questions import QuestionItem
from services.gateway.forms import Body, Password, ResetPolicyBody
from services.gateway.password_reset import PasswordReset
from services.gateway.policy import Policies
from services.gateway.requests import IF_MATCH, RECEIPT_HEADER
from shared.contracts.policy import (
    MostQuestions,
    ResetPolicy,
    UsualLockHours,
    UsualMails,
    UsualSends,
    UsualWrongProofs,
)
from shared.contracts.questions import LongestTyped
from shared.contracts.resets import ResetMethod, ResetState, ResetStep
from shared.texts import Catalogues

_ENDED = {409: "reset-out-of-order", 410: "reset-ended"}
_REFUSED_CHOICE = {
    **_ENDED, 404: "not-found", 429: "too-many-codes", 503: "code-not-sent, too-busy",
}  # fmt: skip
_REFUSED_ANSWER = {**_ENDED, 403: "code-refused, code-used", 503: "too-busy"}
_REFUSED_PASSWORD = {
    **_ENDED, 422: "password-refused", 503: "too-busy, password-change-unconfirmed",
}  # fmt: skip


class ShownResetPolicy(ResetPolicy):
    """Who may reset a forgotten password, and what they have to show for it.

    What locks resets, and for how long, is there where it is another than the usual.
    """

    wrong_proofs: int = Field(default=UsualWrongProofs, exclude_if=UsualWrongProofs.__eq__)
    sends_per_hour: int = Field(default=UsualSends, exclude_if=UsualSends.__eq__)
    mails_per_ten_minutes: int = Field(default=UsualMails, exclude_if=UsualMails.__eq__)
    lock_hours: int = Field(default=UsualLockHours, exclude_if=UsualLockHours.__eq__)


class BeginResetBody(Body):
    """The user ID of who has forgotten their password, or whose sign-in is locked."""

    user_id: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class ResetMethodBody(Body):
    """The method that is going to be shown."""

    id: MethodId


class QuestionAnswer(Body):
    """The answer to one of the questions that were asked."""

    question: Annotated[str, StringConstraints(min_length=1, max_length=LongestTyped)]
    answer: Annotated[SecretStr, Field(min_length=1, max_length=LongestTyped)]


class ResetAnswerBody(Body):
    """What was asked for: a code, or answers to questions."""

    code: Code | None = None
    answers: Annotated[tuple[QuestionAnswer, ...], Field(max_length=MostQuestions)] | None = Field(
        default=None, strict=False
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.code is None) == (self.answers is None):
            raise ValueError("Either a code or answers.")
        return self

    @property
    def shown(self) -> SecretStr:
        """Return it as text."""
        if self.code is not None:
            return self.code
        said = {each.question: each.answer.get_secret_value() for each in self.answers or ()}
        return SecretStr(json.dumps(said))


class ResetPasswordBody(Body):
    """The password to be set."""

    new_password: Password


class ResetBegun(BaseModel):
    """What the reset is known by, to the client that began it."""

    flow: str


class ResetAnswer(BaseModel):
    """How far a reset has come: what may be shown next, and how many proofs are still needed.

    `asked` is the method whose answer is waited for, with the `questions` that are to be answered
    if it is these. Who cannot reset their password by themselves is told to contact the helpdesk,
    whatever the reason is.
    """

    state: ResetStep
    methods: tuple[ResetMethod, ...]
    proofs_needed: int
    asked: str | None
    questions: tuple[QuestionItem, ...] | None = Field(
        default=None, exclude_if=lambda each: each is None
    )

    @classmethod
    def of(cls, state: ResetState, catalogues: Catalogues, language: str) -> "ResetAnswer":
        """Return it without whose it is, with what is asked in the reader's words."""
        questions = tuple(QuestionItem.of(each, catalogues, language) for each in state.questions)
        said = state.model_dump(exclude={"sub", "questions"})
        return cls(**said, questions=questions or None)


class ResetDone(BaseModel):
    """The password is a new one. The receipt opens with the token in the header."""

    state: Literal["done"] = "done"
    receipt: str


@dataclass(frozen=True)
class PasswordResetApi:
    """The operations, each over one flow."""

    reset: PasswordReset
    policies: Policies
    catalogues: Catalogues

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        state = {200: ResetAnswer}
        return [
            Operation(
                "POST", "/password-reset", "Begin to reset a password", self._begin, "anyone",
                BeginResetBody, {202: ResetBegun}, {503: "service-unavailable"},
            ),
            Operation(
                "GET", "/password-reset/{flow}", "How far a reset has come", self._state,
                "anyone", answers=state, refusals={410: "reset-ended"},
            ),
            Operation(
                "POST", "/password-reset/{flow}/method", "Be asked for a method", self._choose,
                "anyone", ResetMethodBody, state, _REFUSED_CHOICE,
            ),
            Operation(
                "POST", "/password-reset/{flow}/answer", "Show what was asked for", self._answer,
                "anyone", ResetAnswerBody, state, _REFUSED_ANSWER,
            ),
            Operation(
                "POST", "/password-reset/{flow}/password", "Set the new password", self._finish,
                "anyone", ResetPasswordBody, {200: ResetDone}, _REFUSED_PASSWORD,
            ),
            Operation(
                "POST", "/password-reset/{flow}/contact", "Ask the admins for help",
                self._contact, "anyone", answers={202: ResetAnswer},
                refusals={410: "reset-ended"},
            ),
            Operation(
                "GET", "/admin/policy/reset", "Who may reset a forgotten password", self._policy,
                "admin", answers={200: ShownResetPolicy},
            ),
            Operation(
                "PUT", "/admin/policy/reset", "Replace the policy for resets", self._put_policy,
                "admin", ResetPolicyBody, {200: ShownResetPolicy}, REPLACED, headers=(IF_MATCH,),
            ),
        ]  # fmt: skip

    async def _begin(self, call: Call) -> Answer:
        user_id = call.body(BeginResetBody).user_id
        key = await self.reset.begin(user_id, call.client, call.where.address)
        return Answer(ResetBegun(flow=key.id), 202)

    async def _state(self, call: Call) -> Answer:
        return self._at(call, await self.reset.state(call.flow))

    async def _choose(self, call: Call) -> Answer:
        method_id = call.body(ResetMethodBody).id
        return self._at(call, await self.reset.choose(call.flow, method_id, call.language))

    async def _answer(self, call: Call) -> Answer:
        shown = call.body(ResetAnswerBody).shown
        answered = await self.reset.answer(call.flow, shown, call.where.address)
        return self._at(call, answered)

    async def _finish(self, call: Call) -> Answer:
        new_password = call.body(ResetPasswordBody).new_password
        revoked = await self.reset.finish(call.flow, new_password)
        headers = {RECEIPT_HEADER: revoked.receipt_token}
        return Answer(ResetDone(receipt=revoked.receipt), headers=headers)

    async def _contact(self, call: Call) -> Answer:
        await self.reset.ask_helpdesk(call.flow, call.where.address)
        return self._at(call, await self.reset.state(call.flow), 202)

    def _at(self, call: Call, state: ResetState, status: int = 200) -> Answer:
        return Answer(ResetAnswer.of(state, self.catalogues, call.language), status)

    async def _policy(self, call: Call) -> Answer:
        return tagged(ShownResetPolicy, await self.policies.resets(call.admin))

    async def _put_policy(self, call: Call) -> Answer:
        body = call.body(ResetPolicyBody)
        said = ResetPolicy(**body.model_dump())
        put = self.policies.put_resets(call.admin, said, if_match(call.request))
        return tagged(ShownResetPolicy, await put)
