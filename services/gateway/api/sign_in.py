"""The part of the API's table for signing in, step by step, and out."""

from dataclasses import dataclass
from typing import cast

from pydantic import SecretStr

from services.gateway.account import Account
from services.gateway.api.bodies import MethodChoiceBody
from services.gateway.api.method_bodies import OptionsToSign, PasskeyOptions, SignInRegistration
from services.gateway.api.operations import Answer, Call, Operation
from services.gateway.api.security_info import REFUSED, REFUSED_CODE, REFUSED_SENDING, to_set_up
from services.gateway.api.sign_in_bodies import (
    ActionBody,
    AnswerBody,
    ChallengeMethod,
    DeviceAnswer,
    NamedTerms,
    PasskeyBody,
    SignInAction,
    SignInBody,
    SignInChallenge,
    SignInComplete,
)
from services.gateway.model import (
    ActionRequired,
    Challenged,
    FlowKey,
    PasskeyAttempt,
    SignInAttempt,
)
from services.gateway.registration import Registration
from services.gateway.sign_in import Outcome, SignIn
from services.gateway.terms_at_sign_in import TermsFlows

_REFUSED_SIGN_IN = {
    401: "sign-in-refused", 403: "code-refused, code-used, device-disabled", 410: "flow-ended",
    429: "sign-in-throttled", 503: "too-busy",
}  # fmt: skip
_REFUSED_PASSKEY = {
    401: "sign-in-refused", 403: "device-disabled, passkey-cloned",
    429: "sign-in-throttled", 503: "too-busy",
}  # fmt: skip
_REFUSED_ANSWER = {
    401: "sign-in-refused", 403: f"{REFUSED}, device-disabled", 409: "flow-out-of-order",
    **REFUSED_CODE,
}  # fmt: skip
_REFUSED_ACTION = {
    401: "sign-in-refused",
    403: f"{REFUSED}, cannot-be-put-off, terms-declined, device-disabled",
    409: "flow-out-of-order, too-many-authenticators", 410: "flow-ended, setup-ended",
    422: "password-refused",
    429: "sign-in-throttled", 503: "too-busy, password-change-unconfirmed",
}  # fmt: skip


@dataclass(frozen=True)
class SignInApi:
    """The operations, each over one flow; a sign-in that waits says for what."""

    sign_in: SignIn
    registration: Registration
    terms: TermsFlows
    account: Account

    def operations(self) -> list[Operation]:
        """Return the rows of the table."""
        states = {200: SignInComplete | SignInChallenge | SignInAction}
        return [
            Operation(
                "POST", "/sign-in", "Begin a sign-in", self._begin, "anyone",
                SignInBody, states, _REFUSED_SIGN_IN,
            ),
            Operation(
                "POST", "/sign-in/passkey/options", "Begin a sign-in with a passkey alone",
                self._begin_passkey, "anyone", answers={200: PasskeyOptions}, repeats=False,
            ),
            Operation(
                "POST", "/sign-in/passkey", "Sign in with a passkey alone", self._with_passkey,
                "anyone", PasskeyBody, states, _REFUSED_PASSKEY,
            ),
            Operation(
                "POST", "/sign-in/{flow}/method", "Be asked for another method", self._choose,
                "anyone", MethodChoiceBody, {200: SignInChallenge},
                {
                    404: "not-found", 409: "flow-out-of-order", 410: "flow-ended",
                    **REFUSED_SENDING,
                },
            ),
            Operation(
                "POST", "/sign-in/{flow}/answer", "Answer the challenge", self._answer,
                "anyone", AnswerBody, states, _REFUSED_ANSWER,
            ),
            Operation(
                "POST", "/sign-in/{flow}/action", "Do what the sign-in waits for", self._act,
                "anyone", ActionBody, {200: states[200] | SignInRegistration}, _REFUSED_ACTION,
            ),
            Operation(
                "POST", "/sign-out", "End this session", self._sign_out, answers={204: None},
                refusals={404: "not-found"}, before_terms=True,
            ),
        ]  # fmt: skip

    async def _begin(self, call: Call) -> Answer:
        body = call.body(SignInBody)
        attempt = SignInAttempt(
            user_id=body.user_id,
            password=body.password,
            where=call.where,
            client=call.client,
            device_keys=body.device_keys,
            device_name=body.device_name,
            language=call.language,
            code=body.code,
        )
        return _state(await self.sign_in.begin(attempt))

    async def _begin_passkey(self, call: Call) -> Answer:
        flow, options = await self.sign_in.passkey_options(call.client)
        return Answer(PasskeyOptions(flow=flow, options=OptionsToSign.of(options).options))

    async def _with_passkey(self, call: Call) -> Answer:
        body = call.body(PasskeyBody)
        attempt = PasskeyAttempt(
            key=FlowKey(body.flow, call.client),
            answer=body.shown,
            where=call.where,
            device_keys=body.device_keys,
            device_name=body.device_name,
            language=call.language,
        )
        return _state(await self.sign_in.with_passkey(attempt))

    async def _act(self, call: Call) -> Answer:
        body, flow = call.body(ActionBody), call.flow
        if body.new_password is not None:
            return _state(
                await self.sign_in.replace_temporary_password(flow, body.new_password, call.where)
            )
        if body.method is not None:
            begun = await self.registration.begin(flow, body.method.label)
            return Answer(SignInRegistration(flow=flow.id, method=to_set_up(begun)))
        if body.terms is not None or body.decline:
            return _state(await self._decide(call, body.terms))
        if body.skip or body.register_now or body.confirm:
            return _state(await self._reminded(call, body))
        method_id, code = cast("str", body.method_id), cast("SecretStr", body.code)
        return _state(await self.registration.prove(flow, method_id, code, call.where))

    async def _reminded(self, call: Call, body: ActionBody) -> Outcome:
        if body.skip:
            return await self.registration.put_off(call.flow, call.where)
        if body.register_now:
            return await self.registration.register_for_reset(call.flow, call.where)
        return await self.registration.confirm(call.flow, call.where)

    async def _decide(self, call: Call, terms: tuple[NamedTerms, ...] | None) -> Outcome:
        asked = self.terms.at_sign_in
        if terms is None:
            return await asked.decline(call.flow, call.where, call.languages)
        named = [(each.id, each.version) for each in terms]
        return await asked.accept(call.flow, named, call.where, call.languages)

    async def _choose(self, call: Call) -> Answer:
        method_id = call.body(MethodChoiceBody).method_id
        return _state(await self.sign_in.choose_method(call.flow, method_id))

    async def _answer(self, call: Call) -> Answer:
        body = call.body(AnswerBody)
        answered = self.sign_in.answer(
            call.flow, body.shown, call.where, trust_device=body.trust_device
        )
        return _state(await answered)

    async def _sign_out(self, call: Call) -> Answer:
        await self.account.sign_out(call.caller)
        return Answer(None, 204)


def _state(outcome: Outcome) -> Answer:
    if isinstance(outcome, Challenged):
        return Answer(
            SignInChallenge(
                flow=outcome.flow,
                method=ChallengeMethod.of(outcome.asked, outcome.options),
                methods=tuple(map(ChallengeMethod.of, outcome.methods)),
                sent=outcome.sent,
                trust_days=outcome.trust_days,
            )
        )
    if isinstance(outcome, ActionRequired):
        return Answer(SignInAction.of(outcome))
    return Answer(
        SignInComplete(
            token=outcome.token,
            expires_at=outcome.expires_at,
            session=outcome.session.sid,
            device=DeviceAnswer(id=outcome.device.id, key=outcome.device.key),
        )
    )
