"""Signing in: user ID and password, a second factor, whatever must happen first, a session."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from services.gateway.account import words_of
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.errors import AnswerLost, FlowEnded, PasswordChangeUnconfirmed
from services.gateway.model import (
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
from services.gateway.store import FlowStore
from shared.clock import Clock
from shared.contracts.credentials import (
    CheckPassword,
    PasswordReport,
    ReplaceTemporaryPassword,
    VerifyPassword,
)
from shared.contracts.methods import AnswerChallenge, BeginChallenge
from shared.contracts.passkeys import BeginPasskeySignIn, VerifyPasskey
from shared.contracts.profile import GetPerson, Person
from shared.contracts.sessions import EstablishSession, RecogniseDevice, Where

Outcome = SignedIn | Challenged | ActionRequired


@dataclass(frozen=True)
class SignIn:
    """Begin a sign-in and carry it on until it is complete."""

    credentials: CredentialsClient
    profile: ProfileClient
    sessions: SessionsClient
    flows: FlowStore
    clock: Clock

    async def begin(self, attempt: SignInAttempt) -> Outcome:
        """Verify the password and establish the session, or say what has to happen first."""
        owner = await self._owner_of(attempt.device_key)
        verified = await self.credentials.verify(
            VerifyPassword(
                user_id=attempt.user_id,
                password=attempt.password,
                address=attempt.where.address,
                familiar_sub=owner,
            )
        )
        flow = Flow(
            sub=verified.sub,
            epoch=verified.epoch,
            must_change=verified.must_change,
            device_key=attempt.device_key,
            device_name=attempt.device_name,
            ends_at=self.clock.now() + timedelta(seconds=FlowSeconds),
            language=attempt.language,
            is_familiar=owner == verified.sub,
            methods=verified.methods,
            asked=verified.methods[0].id if verified.methods else None,
            binding=new_binding(),
        )
        return await self._go_on(flow, attempt.client, attempt.where)

    async def passkey_options(self, client: str) -> tuple[str, str]:
        """Begin a sign-in with a passkey alone; return its flow, and what is to be signed.

        Nothing is known of it yet but its challenge, which is kept for this client.
        """
        key = FlowKey(new_flow_id(), client)
        begun = await self.credentials.begin_passkey(BeginPasskeySignIn(binding=key.binding))
        return key.id, begun.options or ""

    async def with_passkey(self, attempt: PasskeyAttempt) -> Outcome:
        """Verify the passkey, which is two factors in one, and establish the session."""
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
            device_key=attempt.device_key,
            device_name=attempt.device_name,
            ends_at=self.clock.now() + timedelta(seconds=FlowSeconds),
            language=attempt.language,
            factor=verified.factor,
            amr=(verified.amr,),
        )
        return await self._go_on(flow, attempt.key.client, attempt.where)

    async def challenge(self, key: FlowKey) -> Challenged:
        """Return what a sign-in waits for, or raise `FlowEnded`.

        What a passkey is to sign is good for one look: a wrong answer uses it up.
        """
        flow = await self._challenged_flow(key)
        if flow.asked_method.kind != "passkey":
            return _challenged(key.id, flow)
        return await self._keep_begun(key, flow)

    async def choose_method(self, key: FlowKey, method_id: str) -> Challenged:
        """Let the challenge be on another method, or on the same one anew."""
        return await self._keep_begun(key, (await self._challenged_flow(key)).on(method_id))

    async def answer(self, key: FlowKey, answer: SecretStr, where: Where) -> Outcome:
        """Answer the challenge, once, and go on."""
        flow = await self._challenged_flow(key)
        answered = await self.credentials.answer(
            AnswerChallenge(
                sub=flow.sub,
                epoch=flow.epoch,
                id=flow.asked_method.id,
                answer=answer,
                binding=flow.binding,
                address=where.address,
                familiar=flow.is_familiar,
            )
        )
        if await self.flows.take(key) is None:
            # Another answer to the same challenge was right too, and faster.
            raise FlowEnded
        return await self._go_on(flow.answered(answered.factor, answered.amr), key.client, where)

    async def replace_temporary_password(
        self, key: FlowKey, new_password: SecretStr, where: Where
    ) -> SignedIn:
        """Take the user's own password in place of the temporary one and complete the sign-in."""
        flow = await self.flow(key)
        person = await self.profile.get(GetPerson(sub=flow.sub))
        replacement = ReplaceTemporaryPassword(
            sub=flow.sub, epoch=flow.epoch, new_password=new_password, words=words_of(person)
        )
        try:
            revoked = await self.credentials.replace_temporary(replacement)
        except AnswerLost as lost:
            raise PasswordChangeUnconfirmed from lost
        # Everything issued before is refused from here on, this flow included.
        signed_in, _ = await asyncio.gather(
            self._establish(flow.model_copy(update={"epoch": revoked.epoch}), where),
            self.flows.drop(key),
        )
        return signed_in

    async def person(self, key: FlowKey) -> Person:
        """Return who is signing in, for the page that waits for them."""
        return await self.profile.get(GetPerson(sub=(await self.flow(key)).sub))

    async def check_password(self, key: FlowKey, password: SecretStr) -> PasswordReport:
        """Rate a password for who is signing in; nothing is stored."""
        words = words_of(await self.person(key))
        return await self.credentials.check(CheckPassword(password=password, words=words))

    async def flow(self, key: FlowKey) -> Flow:
        """Return a flow that waits for a password of the user's own, or raise `FlowEnded`."""
        flow = await self.flows.find(key)
        if flow is None or flow.is_challenged:
            raise FlowEnded
        return flow

    async def _challenged_flow(self, key: FlowKey) -> Flow:
        flow = await self.flows.find(key)
        if flow is None or not flow.is_challenged:
            raise FlowEnded
        return flow

    async def _go_on(self, flow: Flow, client: str, where: Where) -> Outcome:
        if flow.is_challenged:
            begun = await self._begun(flow)
            return _challenged(await self.flows.keep(begun, client), begun)
        if flow.must_change:
            return ActionRequired(await self.flows.keep(flow, client), "change-password")
        return await self._establish(flow, where)

    async def _keep_begun(self, key: FlowKey, flow: Flow) -> Challenged:
        begun = await self._begun(flow)
        await self.flows.change(key, begun)
        return _challenged(key.id, begun)

    async def _begun(self, flow: Flow) -> Flow:
        """Begin the challenge, where the method has to be sent or told something for it."""
        asked = flow.asked_method
        if asked.answers_unasked:
            return flow
        begun = await self.credentials.begin(
            BeginChallenge(sub=flow.sub, id=asked.id, binding=flow.binding, language=flow.language)
        )
        return flow.model_copy(update={"options": begun.options})

    async def _owner_of(self, device_key: str | None) -> str | None:
        if device_key is None:
            return None
        return (await self.sessions.recognise(RecogniseDevice(device_key=device_key))).sub

    async def _establish(self, flow: Flow, where: Where) -> SignedIn:
        established = await self.sessions.establish(
            EstablishSession(
                sub=flow.sub,
                epoch=flow.epoch,
                where=where,
                device_key=flow.device_key,
                device_name=flow.device_name,
                amr=flow.amr,
                aal=2 if flow.factor else 1,
                factor=flow.factor,
            )
        )
        session = established.session
        return SignedIn(established.token, session.expires_at, session, established.device)


def _challenged(flow_id: str, flow: Flow) -> Challenged:
    return Challenged(flow_id, flow.asked_method, flow.methods, flow.options)
