"""What the gateway keeps, in memory."""

from dataclasses import dataclass, field
from itertools import count

from services.gateway.errors import IdempotencyKeyReused, RequestInProgress
from services.gateway.model import Flow
from services.gateway.store import KeptAnswer
from shared.cache import Accepted


@dataclass
class MemoryFlows:
    """Half-done sign-ins."""

    flows: dict[str, Flow] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def keep(self, flow: Flow) -> str:
        """Keep it."""
        flow_id = f"flow-{next(self._numbers)}"
        self.flows[flow_id] = flow
        return flow_id

    async def find(self, flow_id: str) -> Flow | None:
        """Look it up."""
        return self.flows.get(flow_id)

    async def drop(self, flow_id: str) -> None:
        """Forget it."""
        self.flows.pop(flow_id, None)


@dataclass
class MemoryAnswers:
    """First answers; None while the request is being answered."""

    answers: dict[tuple[bytes, str], tuple[bytes, KeptAnswer] | None] = field(default_factory=dict)

    async def begin(self, scope: bytes, key: str, request: bytes) -> KeptAnswer | None:
        """Claim the key."""
        if (scope, key) not in self.answers:
            self.answers[scope, key] = None
            return None
        kept = self.answers[scope, key]
        if kept is None:
            raise RequestInProgress
        first, answer = kept
        if first != request:
            raise IdempotencyKeyReused
        return answer

    async def finish(self, scope: bytes, key: str, request: bytes, answer: KeptAnswer) -> None:
        """Keep the answer."""
        self.answers[scope, key] = (request, answer)

    async def abandon(self, scope: bytes, key: str) -> None:
        """Give the claim back."""
        self.answers.pop((scope, key), None)


@dataclass
class MemoryAccepted:
    """The leased cache, as the gateway reads it."""

    known: dict[tuple[str, str], Accepted] = field(default_factory=dict)

    async def look(self, sub: str, sid: str) -> Accepted | None:
        """Return what is known."""
        return self.known.get((sub, sid))
