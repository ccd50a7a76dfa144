"""The session that a sign-in comes to, once all that it rests on is there for good."""

import asyncio
from dataclasses import dataclass

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.model import Flow
from shared.contracts.methods import SettleAnswer
from shared.contracts.refusals import Refusal, Unavailable
from shared.contracts.sessions import EndSession, Established, EstablishSession, Session, Where
from shared.telemetry import log


@dataclass(frozen=True)
class Establishing:
    """Begin sessions, and make sure meanwhile that what they rest on cannot be undone."""

    credentials: CredentialsClient
    sessions: SessionsClient

    async def begin(self, flow: Flow, where: Where) -> Established:
        """Begin the session of a sign-in that is complete.

        Its token is nobody's before the use of the factor is there for good. Where that is undone,
        or cannot be told, the session is taken back and `Unavailable` raised.
        """
        if flow.trust is not None:
            # A device that is trusted with it stays trusted when the session is taken back.
            flow = await self.settle(flow)
        if flow.unsettled is None:
            return await self._begun(flow, where)
        established, settled = await asyncio.gather(
            self._begun(flow, where), self.settle(flow), return_exceptions=True
        )
        if isinstance(established, BaseException):
            raise established
        if isinstance(settled, BaseException):
            await self._take_back(established.session)
            raise settled
        return established

    async def settle(self, flow: Flow) -> Flow:
        """Return it once the use of its factor is there for good, or raise `Unavailable`."""
        if flow.unsettled is None:
            return flow
        settled = await self.credentials.settle(SettleAnswer(sub=flow.sub, use=flow.unsettled))
        if not settled.kept:
            log.warning("answer-not-kept", sub=flow.sub)
            raise Unavailable
        return flow.model_copy(update={"unsettled": None})

    async def _begun(self, flow: Flow, where: Where) -> Established:
        return await self.sessions.establish(
            EstablishSession(
                sub=flow.sub,
                epoch=flow.epoch,
                where=where,
                device_key=flow.device_key,
                device_name=flow.device_name,
                amr=flow.amr,
                aal=2 if flow.factor else 1,
                factor=flow.factor,
                organization=flow.organization,
                trust=flow.trust,
                trusted_by=flow.trusted_by,
            )
        )

    async def _take_back(self, session: Session) -> None:
        try:
            await self.sessions.end(
                EndSession(sub=session.sub, sid=session.sid, cause="signed-out")
            )
        except Refusal as refusal:
            # Nobody has its token, so it is open to nobody until it runs out.
            log.warning("session-not-taken-back", sid=session.sid, refusal=refusal.type)
