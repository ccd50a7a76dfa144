"""Accepting a session: every request that shows one comes through here."""

import hmac
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from services.gateway.clients.sessions import SessionsClient
from services.gateway.model import Caller, Token
from shared.cache import Accepted
from shared.contracts.sessions import Introspect, Session, Where

_PROOF_LENGTH = 64


class Acceptances(Protocol):
    """The leased cache of what is accepted."""

    async def look(self, sub: str, sid: str) -> Accepted | None:
        """Return what is known of a session, or None when the service must be asked."""
        ...


@dataclass(frozen=True)
class Acceptance:
    """Tell who sends a request, by the cache while its lease holds, else by the store."""

    cache: Acceptances
    sessions: SessionsClient

    async def accept(self, token: str, where: Where, *, renew: bool = True) -> Caller:
        """Return the caller, or raise `session-required` or `session-revoked` with its cause.

        Only a session that the cache proves is accepted from it. Every refusal comes from the
        store, which knows why. Without `renew` the session lasts no longer for being asked for.
        """
        parsed = Token.parse(token)
        proof = parsed.proof
        known = await self.cache.look(parsed.sub, parsed.sid)
        session = _proven(known, proof) if known is not None else None
        if session is None:
            asked = Introspect(sub=parsed.sub, sid=parsed.sid, proof=proof, renew=renew)
            session = await self.sessions.introspect(asked)
        return Caller(session, token, where)


def _proven(known: Accepted, proof: str) -> Session | None:
    kept_proof, record = known.record[:_PROOF_LENGTH], known.record[_PROOF_LENGTH:]
    if not hmac.compare_digest(kept_proof, proof.encode()):
        return None
    try:
        session = Session.model_validate_json(record, extra="ignore")
    except ValidationError:
        # During an upgrade a service of another version may have written it; ours is asked instead.
        return None
    return session if session.epoch == known.epoch else None
