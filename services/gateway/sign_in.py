"""Signing in: user ID and password, a second factor, whatever must happen first, a session."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from services.gateway.account import rated_for, words_of
from services.gateway.attempts import Attempts
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.errors import (
    AnswerLost,
    DeviceIsDisabled,
    FlowEnded,
    FlowOutOfOrder,
    PasswordChangeUnconfirmed,
)
from services.gateway.establishing import Establishing
from services.gateway.model import (
    Action,
    ActionRequired,
    Challenged,
    Flow,
    FlowKey,
    FlowSeconds,
    PasskeyAttempt,
    SignedIn,
    SignInAttempt,
    new_binding,
    new_flow_id,
)
from services.gateway.records import record_of
from services.gateway.required_terms import RequiredTerms
from services.gateway.shown_devices import ShownDevices
from services.gateway.store import FlowStore
from services.gateway.trust import trusted_factor
from shared.clock import Clock
from shared.contracts.credentials import (
    AskRequirements,
    PasswordReport,
    ReplacePassword,
    Verified,
    VerifyPassword,
)
from shared.contracts.methods import AnswerChallenge, BeginChallenge, ChallengeAnswered
from shared.contracts.passkeys import BeginPasskeySignIn, VerifyPasskey
from shared.contracts.profile import GetPerson, Person
from shared.contracts.refusals import Busy, Refusal, Unavailable
from shared.contracts.sessions import Where
from shared.telemetry import log

_NOT_SENT = {"too-many-codes", "code-not-sent"}
_NOT_NOW = {Busy.type, Unavailable.type}
Outcome = SignedIn | Challenged | ActionRequired


@dataclass(frozen=True)
class SignIn:
    """Begin a sign-in and carry it on until it is complete."""

    credentials: CredentialsClient
    profile: ProfileClient
    sessions: SessionsClient
    flows: FlowStore
    clock: Clock
    attempts: Attempts
    terms: RequiredTerms

    @property
    def establishing(self) -> Establishing:
        """What begins its session."""
        return Establishing(self.credentials, self.sessions)

    async def begin(self, attempt: SignInAttempt) -> Outcome:
        """Verify the password and establish the session, or say what has to happen first."""
        shown = await ShownDevices.of(self.sessions, attempt.device_keys)
        verified = await self._verified(attempt, shown)
        own = shown.of_sub(verified.sub)
        device, is_familiar = own.recognised, own.recognised.sub == verified.sub
        trusted_by = trusted_factor(device, verified)
        flow = Flow(
            sub=verified.sub,
            epoch=verified.epoch,
            must_change=verified.must_change,
            device_key=own.key,
            device_name=attempt.device_name,
            ends_at=self.clock.now() + timedelta(seconds=FlowSeconds),
            language=attempt.language,
            is_familiar=is_familiar,
            device_id=device.device_id if is_familiar else None,
            organization=verified.organization,
            binding=new_binding(),
            trust_offered=verified.trust,
            trusted_by=trusted_by,
            asks_for_reset=verified.asks_for_reset,
        )
        if (answered := verified.answered) is not None:
            flow = flow.answered(answered)
        else:
            flow = flow.asking(
                verified.methods if trusted_by is None else (),
                must_register=verified.must_register,
                skip_until=verified.skip_until,
            )
        return await self.go_on(flow, attempt.client, attempt.where)

    async def _verified(self, attempt: SignInAttempt, shown: ShownDevices) -> Verified:
        familiar, *also_familiar = shown.familiar or (None,)
        # A device that is trusted needs none, and may leave it unused.
        code = None if shown.is_any_trusted else attempt.code
        try:
            return await self.credentials.verify(
                VerifyPassword(
                    user_id=attempt.user_id,
                    password=attempt.password,
                    address=attempt.where.address,
                    familiar_sub=familiar,
                    # Most clients hold one, so a service of the version before is told of no more.
                    also_familiar=tuple(also_familiar),
                    code=code,
                    settle_later=code is not None,
                )
            )
        except Refusal as refusal:
            await self.attempts.refused(refusal, attempt.where, shown)
            raise

    async def passkey_options(self, client: str) -> tuple[str, str]:
        """Begin a sign-in with a passkey alone; return its flow, and what is to be signed.

        Nothing is known of it yet but its challenge, which is kept for this client.
        """
        key = FlowKey(new_flow_id(), client)
        begun = await self.credentials.begin_passkey(BeginPasskeySignIn(binding=key.binding))
        return key.id, begun.options or ""

    async def with_passkey(self, attempt: PasskeyAttempt) -> Outcome:
        """Verify the passkey, which is two factors in one, and establish the session."""
        shown = await ShownDevices.of(self.sessions, attempt.device_keys)
        verified = await self.credentials.verify_passkey(
            VerifyPasskey(
                answer=attempt.answer,
                binding=attempt.key.binding,
                address=attempt.where.address,
            )
        )
        flow = Flow(
            sub=verified.sub,
            epoch=verified.epoch,
            must_change=verified.must_change,
            device_key=shown.of_sub(verified.sub).key,
            device_name=attempt.device_name,
            ends_at=self.clock.now() + timedelta(seconds=FlowSeconds),
            language=attempt.language,
            organization=verified.organization,
            factor=verified.factor,
            amr=(verified.amr,),
            asks_for_reset=verified.asks_for_reset,
        )
        return await self.go_on(flow, attempt.key.client, attempt.where)

    async def challenge(self, key: FlowKey) -> Challenged:
        """Return the challenge of a sign-in, or raise `FlowEnded` or `FlowOutOfOrder`.

        What a passkey is to sign is good for one look: a wrong answer uses it up.
        """
        flow = await self._challenged_flow(key)
        if flow.asked_method.kind != "passkey":
            return _challenged(key.id, flow)
        return await self._keep_begun(key, flow)

    async def choose_method(self, key: FlowKey, method_id: str) -> Challenged:
        """Let the challenge be on another method, or on the same one anew."""
        return await self._keep_begun(key, (await self._challenged_flow(key)).on(method_id))

    async def answer(
        self, key: FlowKey, answer: SecretStr, where: Where, *, trust_device: bool = False
    ) -> Outcome:
        """Answer the challenge, once, and go on. The device is trusted where policy allows that."""
        flow = await self._challenged_flow(key)
        # A code is good for once, and is not to be used up by a sign-in that cannot go on.
        await self.terms.ready(flow.sub, flow.organization)
        answered = await self._answered(flow, answer, where)
        if await self.flows.take(key) is None:
            # Another answer to the same challenge was right too, and faster.
            raise FlowEnded
        trust = answered.trust if trust_device else None
        return await self.go_on(flow.answered(answered, trust), key.client, where)

    async def _answered(self, flow: Flow, answer: SecretStr, where: Where) -> ChallengeAnswered:
        try:
            return await self.credentials.answer(
                AnswerChallenge(
                    sub=flow.sub,
                    epoch=flow.epoch,
                    id=flow.asked_method.id,
                    answer=answer,
                    binding=flow.binding,
                    address=where.address,
                    familiar=flow.is_familiar,
                    organization=flow.organization,
                    settle_later=True,
                )
            )
        except Refusal as refusal:
            await self.attempts.factor_refused(refusal, flow, where)
            raise

    async def replace_temporary_password(
        self, key: FlowKey, new_password: SecretStr, where: Where
    ) -> Outcome:
        """Take the user's own password in place of the temporary one, and go on."""
        flow = await self.flow(key, "change-password")
        person = await self.person(flow)
        replacement = ReplacePassword(
            sub=flow.sub, epoch=flow.epoch, new_password=new_password, words=words_of(person)
        )
        try:
            revoked = await self.credentials.replace_temporary(replacement)
        except AnswerLost as lost:
            raise PasswordChangeUnconfirmed from lost
        # Everything issued before is refused from here on, this flow included.
        changed = flow.model_copy(update={"epoch": revoked.epoch, "must_change": False})
        outcome, _ = await asyncio.gather(
            self._go_on_anew(changed, key.client, where), self.flows.drop(key)
        )
        return outcome

    async def person(self, flow: Flow) -> Person:
        """Return who is signing in, for the page that waits for them."""
        return await self.profile.get(GetPerson(sub=flow.sub))

    async def check_password(self, key: FlowKey, password: SecretStr) -> PasswordReport:
        """Rate a password for who is signing in; nothing is stored."""
        person = await self.person(await self._flow(key, "change-password"))
        return await self.credentials.check(rated_for(person, password))

    async def flow(self, key: FlowKey, action: Action) -> Flow:
        """Return a flow that waits for its user to do this.

        Raise `FlowEnded` where it is over and `FlowOutOfOrder` where it waits for something else.
        Raise `DeviceIsDisabled` where it goes on for that: nothing is changed from there.
        """
        flow = await self._flow(key, action)
        await self._refuse_disabled(flow)
        return flow

    async def _flow(self, key: FlowKey, action: Action) -> Flow:
        flow = await self._going_on(key)
        if flow.action != action:
            raise FlowOutOfOrder
        return flow

    async def action(self, key: FlowKey) -> Action:
        """Return what a flow waits for its user to do, or raise `FlowEnded` or `FlowOutOfOrder`."""
        flow = await self._going_on(key)
        if flow.action is None:
            raise FlowOutOfOrder
        return flow.action

    async def _challenged_flow(self, key: FlowKey) -> Flow:
        flow = await self._going_on(key)
        if not flow.is_challenged:
            raise FlowOutOfOrder
        return flow

    async def _going_on(self, key: FlowKey) -> Flow:
        flow = await self.flows.find(key)
        if flow is None:
            raise FlowEnded
        return flow

    async def go_on(self, flow: Flow, client: str, where: Where) -> Outcome:
        """Return what the sign-in waits for next, or complete it."""
        if flow.is_asked_more:
            flow = await self._asked_more(flow)
        if not flow.is_challenged and not flow.must_change:
            flow = await self._with_terms(flow)
        if flow.is_waiting:
            return await self._wait(await self.establishing.settle(flow), client, where)
        return await self._establish(flow, where)

    async def _wait(self, flow: Flow, client: str, where: Where) -> Challenged | ActionRequired:
        if flow.action is not None:
            await self._refuse_disabled_at(flow, where)
            return ActionRequired.of(await self.flows.keep(flow, client), flow, flow.action)
        begun = await self._begun_if_possible(flow)
        return _challenged(await self.flows.keep(begun, client), begun)

    async def _with_terms(self, flow: Flow) -> Flow:
        """Return it with what has to be accepted as of this step, which may come to be the last."""
        languages = (flow.language,) if flow.language else ()
        missing = await self.terms.before_sign_in(flow.sub, flow.organization, languages)
        return flow.model_copy(update={"terms": missing})

    async def _go_on_anew(self, flow: Flow, client: str, where: Where) -> Outcome:
        """Go on by what holds now: while a password was thought up, policy may have changed."""
        if flow.factor is not None:
            return await self.go_on(flow, client, where)
        asked = await self.credentials.requirements(
            AskRequirements(sub=flow.sub, organization=flow.organization)
        )
        asking = flow.asking(
            asked.methods, must_register=asked.must_register, skip_until=asked.skip_until
        )
        return await self.go_on(asking, client, where)

    async def _asked_more(self, flow: Flow) -> Flow:
        try:
            record = await record_of(self.profile, flow.sub) if flow.asks_for_reset else None
            asked = await self.credentials.requirements(
                AskRequirements(
                    sub=flow.sub,
                    organization=flow.organization,
                    factor=flow.factor,
                    record=record,
                )
            )
        except Refusal as refusal:
            if refusal.type not in _NOT_NOW:
                raise
            # The code is used up by now, and this is a reminder: the next sign-in asks.
            log.warning("reminder-not-asked", refusal=refusal.type)
            return flow
        return flow.asked_more(asked, record)

    async def _keep_begun(self, key: FlowKey, flow: Flow) -> Challenged:
        begun = await self._begun(flow)
        await self.flows.change(key, begun)
        return _challenged(key.id, begun)

    async def _begun_if_possible(self, flow: Flow) -> Flow:
        """Begin the challenge; where no code can be sent, another method may still do."""
        try:
            return await self._begun(flow)
        except Refusal as refusal:
            if refusal.type not in _NOT_SENT:
                raise
            return flow.model_copy(update={"sent": False})

    async def _begun(self, flow: Flow) -> Flow:
        """Begin the challenge, where the method has to be sent or told something for it."""
        asked = flow.asked_method
        if asked.answers_unasked:
            return flow
        begun = await self.credentials.begin(
            BeginChallenge(sub=flow.sub, id=asked.id, binding=flow.binding, language=flow.language)
        )
        return flow.model_copy(update={"options": begun.options})

    async def _refuse_disabled_at(self, flow: Flow, where: Where) -> None:
        try:
            await self._refuse_disabled(flow)
        except DeviceIsDisabled:
            await self.attempts.device_refused(flow, where)
            raise

    async def _refuse_disabled(self, flow: Flow) -> None:
        """Raise where all that was asked for so far was shown on a device that is disabled."""
        keys = (flow.device_key,) if flow.device_key is not None else ()
        shown = await ShownDevices.of(self.sessions, keys)
        if shown.of_sub(flow.sub).recognised.disabled_for is not None:
            raise await self._device_is_disabled(flow)

    async def _device_is_disabled(self, flow: Flow) -> DeviceIsDisabled:
        """Return the refusal, with whom to ask about it."""
        refusal = DeviceIsDisabled()
        with suppress(Refusal):
            refusal.because(helpdesk=(await self.person(flow)).helpdesk.model_dump())
        return refusal

    async def _establish(self, flow: Flow, where: Where) -> SignedIn:
        try:
            established = await self.establishing.begin(flow, where)
        except Refusal as refusal:
            if refusal.type != DeviceIsDisabled.type:
                raise
            raise await self._device_is_disabled(flow) from refusal
        session = established.session
        return SignedIn(established.token, session.expires_at, session, established.device)


def _challenged(flow_id: str, flow: Flow) -> Challenged:
    asked = flow.asked_method
    sent = flow.sent if asked.is_sent else None
    return Challenged(flow_id, asked, flow.methods, flow.options, sent, flow.trust_days)
