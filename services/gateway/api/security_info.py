"""The part of the API's table for methods beside the password, and for showing again who one is."""

from dataclasses import dataclass
from typing import cast

from services.gateway.api.bodies import (
    MethodChoiceBody,
    ProofBody,
    ReAuthenticateBody,
    ReAuthenticated,
)
from services.gateway.api.method_bodies import (
    AppPasswordToKeep,
    AuthenticatorToSetUp,
    CodeSent,
    CodesToKeep,
    DefaultAnswer,
    DefaultBody,
    EnrollAddressBody,
    EnrollBody,
    Enrolled,
    EnrollNumberBody,
    EnrollPasskeyBody,
    MakeAppPasswordBody,
    MakeRecoveryCodesBody,
    MethodItems,
    OptionsToSign,
    QuestionsKept,
    RenameBody,
    SetQuestionsBody,
)
from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.qr import qr_code
from services.gateway.security_info import SecurityInfo
from shared.contracts.methods import AuthenticatorSetup, Method, SentSetup
from shared.contracts.questions import QuestionAnswer

REFUSED_CODE = {404: "not-found", 410: "flow-ended", 429: "sign-in-throttled", 503: "too-busy"}
"""What is refused wherever a code is shown."""
REFUSED_SENDING = {429: "too-many-codes", 503: "code-not-sent"}
"""What is refused wherever a code is sent."""
REFUSED = "code-refused, code-used, passkey-refused, passkey-cloned, not-allowed-by-policy"
"""What is refused of an answer."""
_REFUSED_ENROLLMENT = {
    409: "too-many-authenticators, too-many-methods, too-many-passkeys, too-many-app-passwords, "
    "method-exists, kind-not-available, factor-required",
    **REFUSED_SENDING,
}


def to_set_up(begun: AuthenticatorSetup) -> Enrolled:
    """Return what a client is told of an authenticator that is being set up."""
    uri = begun.otpauth_uri.get_secret_value()
    setup = AuthenticatorToSetUp(
        secret=begun.secret.get_secret_value(), otpauth_uri=uri, qr_svg=qr_code(uri)
    )
    return Enrolled(id=begun.id, state="unproved", setup=setup)


@dataclass(frozen=True)
class SecurityInfoApi:
    """The operations, over the flows that the portal's pages call too."""

    security_info: SecurityInfo

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        changes = {403: "step-up-required, not-allowed-by-policy", 404: "not-found"}
        return [
            Operation(
                "POST", "/re-authenticate", "Show again who I am", self._re_authenticate,
                body=ReAuthenticateBody, answers={200: ReAuthenticated},
                refusals={403: f"wrong-password, step-up-required, {REFUSED}", **REFUSED_CODE},
            ),
            Operation(
                "POST", "/re-authenticate/send", "Be sent a code for that", self._send,
                body=MethodChoiceBody, answers={204: None},
                refusals={404: "not-found", **REFUSED_SENDING}, repeats=False,
            ),
            Operation(
                "POST", "/re-authenticate/options", "What my passkey has to sign for that",
                self._options, body=MethodChoiceBody, answers={200: OptionsToSign},
                refusals={404: "not-found"}, repeats=False,
            ),
            Operation(
                "GET", "/me/methods", "My methods", self._list_methods,
                answers={200: MethodItems}, refusals={403: "step-up-required"},
            ),
            Operation(
                "POST", "/me/methods", "Set up a method", self._enroll, body=EnrollBody,
                answers={201: Enrolled},
                refusals={**changes, **_REFUSED_ENROLLMENT},
                repeats=False,
            ),
            Operation(
                "POST", "/me/methods/{id}/send", "Be sent another code to show that it works",
                self._send_again, answers={204: None},
                refusals={403: "step-up-required", 410: "setup-ended", **REFUSED_SENDING},
                repeats=False,
            ),
            Operation(
                "POST", "/me/methods/{id}/prove", "Show that a method works", self._prove,
                body=ProofBody, answers={200: Method},
                refusals={
                    **REFUSED_CODE, 403: f"step-up-required, {REFUSED}",
                    410: "setup-ended",
                    409: "too-many-authenticators, too-many-methods, too-many-passkeys, "
                    "method-exists, passkey-taken",
                },
            ),
            Operation(
                "PATCH", "/me/methods/{id}", "Call a method something else", self._rename,
                body=RenameBody, answers={200: Method}, refusals=changes,
            ),
            Operation(
                "DELETE", "/me/methods/{id}", "Remove a method", self._remove,
                answers={200: DefaultAnswer}, refusals={**changes, 409: "last-factor"},
            ),
            Operation(
                "PUT", "/me/methods/default", "Be asked for a method first", self._choose_default,
                body=DefaultBody, answers={204: None},
                refusals={**changes, 409: "not-a-default"},
            ),
        ]  # fmt: skip

    async def _re_authenticate(self, call: Call) -> Answer:
        body, step_ups = call.body(ReAuthenticateBody), self.security_info.step_ups
        purpose, organization = body.shown_for, body.organization
        if body.password is not None:
            shown = step_ups.by_password(call.caller, body.password, purpose, organization)
        else:
            method_id = cast("str", body.method_id)
            shown = step_ups.by_method(call.caller, method_id, body.shown, purpose, organization)
        session = await shown
        return Answer(ReAuthenticated(auth_time=session.auth_time, aal=session.aal))

    async def _options(self, call: Call) -> Answer:
        method_id = call.body(MethodChoiceBody).method_id
        step_ups = self.security_info.step_ups
        begun = await step_ups.begin(call.caller, method_id, call.language)
        return Answer(OptionsToSign.of(begun.options))

    async def _list_methods(self, call: Call) -> Answer:
        listed = await self.security_info.listed(call.caller)
        reset = await self.security_info.for_reset(call.caller, listed)
        return Answer(MethodItems(items=listed.items, last_change=listed.last_change, reset=reset))

    async def _enroll(self, call: Call) -> Answer:
        body = call.body(EnrollBody).root
        if isinstance(body, MakeRecoveryCodesBody):
            made = await self.security_info.make_recovery_codes(call.caller)
            codes = CodesToKeep(codes=tuple(each.get_secret_value() for each in made.codes))
            return Answer(Enrolled(id=made.id, state="active", setup=codes), 201)
        if isinstance(body, MakeAppPasswordBody):
            password = await self.security_info.make_app_password(call.caller, body.label)
            to_keep = AppPasswordToKeep(password=password.password.get_secret_value())
            return Answer(Enrolled(id=password.id, state="active", setup=to_keep), 201)
        if isinstance(body, SetQuestionsBody):
            answers = [QuestionAnswer(**each.model_dump()) for each in body.answers]
            questions = await self.security_info.set_questions(call.caller, answers)
            kept = QuestionsKept(questions=tuple(each.question for each in answers))
            return Answer(Enrolled(id=questions.id, state="active", setup=kept), 201)
        if isinstance(body, EnrollAddressBody | EnrollNumberBody):
            sent = await self._enroll_sent(call, body)
            setup_sent = CodeSent(hint=sent.hint)
            return Answer(Enrolled(id=sent.id, state="unproved", setup=setup_sent), 201)
        if isinstance(body, EnrollPasskeyBody):
            made_from = await self.security_info.enroll_passkey(
                call.caller, label=body.label, instead_of=body.instead_of
            )
            options = OptionsToSign.of(made_from.options)
            return Answer(Enrolled(id=made_from.id, state="unproved", setup=options), 201)
        begun = await self.security_info.enroll_authenticator(
            call.caller, label=body.label, instead_of=body.instead_of
        )
        return Answer(to_set_up(begun), 201)

    async def _enroll_sent(
        self, call: Call, body: EnrollAddressBody | EnrollNumberBody
    ) -> SentSetup:
        target = body.address if isinstance(body, EnrollAddressBody) else body.number
        return await self.security_info.enroll_sent(
            call.caller, body.kind, target, call.language, instead_of=body.instead_of
        )

    async def _send(self, call: Call) -> Answer:
        method_id = call.body(MethodChoiceBody).method_id
        await self.security_info.step_ups.begin(call.caller, method_id, call.language)
        return Answer(None, 204)

    async def _send_again(self, call: Call) -> Answer:
        await self.security_info.send_again(call.caller, call.path("id"), call.language)
        return Answer(None, 204)

    async def _prove(self, call: Call) -> Answer:
        shown = call.body(ProofBody).shown
        return Answer(await self.security_info.prove(call.caller, call.path("id"), shown))

    async def _rename(self, call: Call) -> Answer:
        label = call.body(RenameBody).label
        return Answer(await self.security_info.rename(call.caller, call.path("id"), label))

    async def _remove(self, call: Call) -> Answer:
        default = await self.security_info.remove(call.caller, call.path("id"))
        return Answer(DefaultAnswer(default=default))

    async def _choose_default(self, call: Call) -> Answer:
        await self.security_info.choose_default(call.caller, call.body(DefaultBody).id)
        return Answer(None, 204)
