"""What the gateway keeps, in memory."""

from dataclasses import dataclass, field
from itertools import count

from services.gateway.errors import IdempotencyKeyReused, RequestInProgress
from services.gateway.model import Flow, FlowKey
from services.gateway.store import KeptAnswer
from shared.cache import Accepted
from shared.clock import Clock, SystemClock


@dataclass
class MemoryFlows:
    """Half-done sign-ins."""

    flows: dict[FlowKey, Flow] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def keep(self, flow: Flow, client: str) -> str:
        """Keep it."""
        key = FlowKey(f"flow-{next(self._numbers)}", client)
        self.flows[key] = flow
        return key.id

    async def find(self, key: FlowKey) -> Flow | None:
        """Look it up."""
        flow = self.flows.get(key)
        return flow if flow is not None and self.clock.now() < flow.ends_at else None

    async def change(self, key: FlowKey, flow: Flow) -> None:
        """Keep it where there is one."""
        if key in self.flows:
            self.flows[key] = flow

    async def drop(self, key: FlowKey) -> None:
        """Forget it."""
        self.flows.pop(key, None)

    async def take(self, key: FlowKey) -> Flow | None:
        """Look it up and forget it."""
        flow = await self.find(key)
        self.flows.pop(key, None)
        return flow


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
