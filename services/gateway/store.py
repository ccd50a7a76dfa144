"""What the gateway keeps for a while, in the words of its trade."""

from dataclasses import dataclass
from typing import Protocol

from services.gateway.model import Flow


class FlowStore(Protocol):
    """Half-done sign-ins."""

    async def keep(self, flow: Flow) -> str:
        """Keep a flow for ten minutes and return its id."""
        ...

    async def find(self, flow_id: str) -> Flow | None:
        """Return a flow that is still going on."""
        ...

    async def drop(self, flow_id: str) -> None:
        """Forget a flow."""
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
