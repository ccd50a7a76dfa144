"""Resetting a password that somebody has forgotten, or never had."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import SecretStr

from services.gateway.account import rated_for, words_of
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.errors import AnswerLost, PasswordChangeUnconfirmed, ResetOutOfOrder
from services.gateway.model import FlowKey, new_flow_id
from services.gateway.records import of_record, record_of
from shared.contracts.credentials import PasswordReport
from shared.contracts.resets import (
    AnswerReset,
    AskHelpdesk,
    BeginReset,
    ChooseResetMethod,
    FinishReset,
    LookUpAccount,
    ReadReset,
    ResetState,
)
from shared.contracts.sessions import Revoked
from shared.contracts.users import ReadUser, User

LeastBeginSeconds = 0.3
"""How long it takes to begin, or to ask for help: longer than what may differ between somebody
and nobody."""


@dataclass(frozen=True)
class PasswordReset:
    """Begin resets for anybody alike, and carry them on for the client that began them."""

    credentials: CredentialsClient
    profile: ProfileClient
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def begin(self, user_id: str, client: str, address: str) -> FlowKey:
        """Begin a reset and return what opens it; it says nothing about the account."""
        key = FlowKey(new_flow_id(), client)
        await asyncio.gather(self._begin(key, user_id, address), self.pause(LeastBeginSeconds))
        return key

    async def state(self, key: FlowKey) -> ResetState:
        """Return how far a reset has come, or raise `reset-ended`."""
        return await self.credentials.reset(ReadReset(binding=key.binding))

    async def choose(self, key: FlowKey, method_id: str, language: str) -> ResetState:
        """Be asked for this method; where its code is sent, a new one is."""
        return await self.credentials.choose_reset_method(
            ChooseResetMethod(binding=key.binding, id=method_id, language=language)
        )

    async def answer(self, key: FlowKey, answer: SecretStr, address: str) -> ResetState:
        """Show what was asked for, once."""
        return await self.credentials.answer_reset(
            AnswerReset(binding=key.binding, answer=answer, address=address)
        )

    async def finish(self, key: FlowKey, new_password: SecretStr) -> Revoked:
        """Set the new password; everything older is refused, and nobody is signed in."""
        person = await self.person(key)
        finish = FinishReset(
            binding=key.binding,
            new_password=new_password,
            words=words_of(person),
            told=person.emails,
            **of_record(person).model_dump(),
        )
        try:
            return await self.credentials.finish_reset(finish)
        except AnswerLost as lost:
            raise PasswordChangeUnconfirmed from lost

    async def check_password(self, key: FlowKey, password: SecretStr) -> PasswordReport:
        """Rate a password for who has shown all that there is to show; nothing is stored."""
        return await self.credentials.check(rated_for(await self.person(key), password))

    async def ask_helpdesk(self, key: FlowKey, address: str) -> None:
        """Have the admins told, where there is anything to tell; it is never said whether."""
        asked = AskHelpdesk(binding=key.binding, address=address)
        await asyncio.gather(self.credentials.ask_helpdesk(asked), self.pause(LeastBeginSeconds))

    async def _begin(self, key: FlowKey, user_id: str, address: str) -> None:
        account = await self.credentials.look_up(LookUpAccount(user_id=user_id))
        record = await record_of(self.profile, account.sub)
        await self.credentials.begin_reset(
            BeginReset(binding=key.binding, user_id=user_id, address=address, **record.model_dump())
        )

    async def person(self, key: FlowKey) -> User:
        """Return whose password it is, to who may set it."""
        state = await self.state(key)
        if state.state != "new-password":
            raise ResetOutOfOrder
        return await self.profile.user(ReadUser(sub=state.sub))
