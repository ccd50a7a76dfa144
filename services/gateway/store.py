"""What the gateway keeps for a while, in the words of its trade."""

from dataclasses import dataclass
from typing import Protocol

from services.gateway.model import Flow, FlowKey


class FlowStore(Protocol):
    """Half-done sign-ins."""

    async def keep(self, flow: Flow, client: str) -> str:
        """Keep a flow until it ends, for this client alone, and return its id."""
        ...

    async def find(self, key: FlowKey) -> Flow | None:
        """Return a flow that is still going on."""
        ...

    async def change(self, key: FlowKey, flow: Flow) -> None:
        """Keep what became of a flow that is still going on."""
        ...

    async def drop(self, key: FlowKey) -> None:
        """Forget a flow that is worth nothing any more."""
        ...

    async def take(self, key: FlowKey) -> Flow | None:
        """Return a flow that is still going on and forget it: of several who ask, one has it."""
        ...


@dataclass(frozen=True)
class KeptAnswer:
    """The first answer to a request, as it was given."""

    status: int
    headers: dict[str, str]
    body: bytes


ClaimSeconds = 30
"""How long a request that is being answered keeps its key from the same request sent again."""


class AnswerStore(Protocol):
    """First answers to requests that may be repeated."""

    async def begin(self, scope: bytes, key: str, request: bytes) -> KeptAnswer | None:
        """Return the first answer to this request, or None when this is the first.

        Raises `RequestInProgress` and `IdempotencyKeyReused`. Without Redis every request
        is the first.
        """
        ...

    async def finish(self, scope: bytes, key: str, request: bytes, answer: KeptAnswer) -> None:
        """Keep the first answer for a day."""
        ...

    async def abandon(self, scope: bytes, key: str) -> None:
        """Let the request be tried again, since it came to no answer that should be kept."""
        ...
