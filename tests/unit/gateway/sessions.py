"""A sessions service and its cache, as far as accepting goes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from services.gateway.clients.sessions import SessionsClient
from services.gateway.errors import SessionIsRevoked, SessionRequired
from services.gateway.model import Token
from shared.cache import Accepted
from shared.contracts.refusals import Refusal
from shared.contracts.sessions import Introspect, Session
from tests.memory.gateway import MemoryAccepted

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "a-secret-of-some-length-"


def token_of(session: Session) -> str:
    """Return the token that stands for a session."""
    return f"{session.sub}.{session.sid}.{SECRET}{session.sid}"


@dataclass(frozen=True)
class Sessions(SessionsClient):
    """Answers for the sessions that were begun, and says how often it was asked."""

    peer: None = None  # type: ignore[assignment]
    cache: MemoryAccepted = field(default_factory=MemoryAccepted)
    kept: dict[str, Session] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=lambda: {"ada": 1})
    asked: list[Introspect] = field(default_factory=list)
    refuses: list[Refusal] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def begin(self, sub: str = "ada") -> Session:
        """Begin a session."""
        session = Session(
            sid=f"session-{next(self._numbers)}",
            sub=sub,
            epoch=self.epochs[sub],
            device_id="device",
            created_at=AT,
            last_seen_at=AT,
            expires_at=AT + timedelta(hours=1),
            auth_time=AT,
            address="192.0.2.7",
            user_agent="Browser/1",
            app="portal",
            amr=("pwd",),
            aal=1,
        )
        self.kept[session.sid] = session
        return session

    def cached(self, session: Session, *, epoch: int | None = None) -> None:
        """Leave a session in the cache, as the sessions service does."""
        proof = Token.parse(token_of(session)).proof
        record = f"{proof}{session.model_dump_json()}".encode()
        known = self.epochs[session.sub] if epoch is None else epoch
        self.cache.known[session.sub, session.sid] = Accepted(known, record)

    async def introspect(self, asked: Introspect) -> Session:
        """Accept what is current."""
        self.asked.append(asked)
        if self.refuses:
            raise self.refuses[0]
        session = self.kept.get(asked.sid)
        if session is None or session.sub != asked.sub:
            raise SessionRequired
        if Token.parse(token_of(session)).proof != asked.proof:
            raise SessionRequired
        if session.epoch != self.epochs[session.sub]:
            raise SessionIsRevoked(cause="password-changed")
        return session
