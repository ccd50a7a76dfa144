"""What every benchmark stands on: the stack, its people and the load generator."""

from dataclasses import dataclass

from tests.bench.load import Generator, Request
from tests.bench.people import Account, Clients
from tests.bench.scale import Scale
from tests.stack import Stack


@dataclass(frozen=True)
class Ground:
    """A running stack with people in it, and how much is to be measured.

    The changers have no sessions but those that their password changes are to end.
    """

    stack: Stack
    clients: Clients
    generator: Generator
    scale: Scale
    accounts: list[Account]
    changers: list[Account]

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.stack.url_of("gateway")

    async def reading(self, people: int) -> list[Request]:
        """Return signed-in reads of one's own profile, by that many people."""
        tokens = [await self.clients.tokens(each, 1) for each in self.accounts[:people]]
        return [Request("GET", "/api/v1/me", token) for (token,) in tokens]
