"""Signing in: user ID and password, then whatever must happen first, then a session."""

import asyncio
from dataclasses import dataclass

from pydantic import SecretStr

from services.gateway.account import words_of
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.errors import AnswerLost, FlowEnded, PasswordChangeUnconfirmed
from services.gateway.model import ActionRequired, Flow, SignedIn, SignInAttempt
from services.gateway.store import FlowStore
from shared.contracts.credentials import (
    CheckPassword,
    PasswordReport,
    ReplaceTemporaryPassword,
    VerifyPassword,
)
from shared.contracts.profile import GetPerson, Person
from shared.contracts.sessions import EstablishSession, RecogniseDevice, Where


@dataclass(frozen=True)
class SignIn:
    """Begin a sign-in and carry it on until it is complete."""

    credentials: CredentialsClient
    profile: ProfileClient
    sessions: SessionsClient
    flows: FlowStore

    async def begin(self, attempt: SignInAttempt) -> SignedIn | ActionRequired:
        """Verify the password and establish the session, or say what has to happen first."""
        verified = await self.credentials.verify(
            VerifyPassword(
                user_id=attempt.user_id,
                password=attempt.password,
                address=attempt.where.address,
                familiar_sub=await self._owner_of(attempt.device_key),
            )
        )
        flow = Flow(
            sub=verified.sub,
            epoch=verified.epoch,
            action="change-password",
            device_key=attempt.device_key,
            device_name=attempt.device_name,
        )
        if verified.must_change:
            return ActionRequired(await self.flows.keep(flow), flow.action)
        return await self._establish(flow, attempt.where)

    async def replace_temporary_password(
        self, flow_id: str, new_password: SecretStr, where: Where
    ) -> SignedIn:
        """Take the user's own password in place of the temporary one and complete the sign-in."""
        flow = await self.flow(flow_id)
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
            self.flows.drop(flow_id),
        )
        return signed_in

    async def person(self, flow_id: str) -> Person:
        """Return who is signing in, for the page that waits for them."""
        return await self.profile.get(GetPerson(sub=(await self.flow(flow_id)).sub))

    async def check_password(self, flow_id: str, password: SecretStr) -> PasswordReport:
        """Rate a password for who is signing in; nothing is stored."""
        words = words_of(await self.person(flow_id))
        return await self.credentials.check(CheckPassword(password=password, words=words))

    async def flow(self, flow_id: str) -> Flow:
        """Return a flow that is going on, or raise `FlowEnded`."""
        flow = await self.flows.find(flow_id)
        if flow is None:
            raise FlowEnded
        return flow

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
            )
        )
        session = established.session
        return SignedIn(established.token, session.expires_at, session, established.device)
