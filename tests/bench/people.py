"""The people of a benchmark, made through the services' own calls, as the demonstration's are."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from pydantic import SecretStr

from services.gateway.clients import peer
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from shared.contracts.credentials import EnrollAccount
from shared.contracts.profile import AddPerson, Helpdesk, PutOrganization
from shared.contracts.sessions import Established, EstablishSession, Where
from tests.stack import Stack

T = TypeVar("T")

ADDRESS = "127.0.0.1"
_AT_ONCE = 8
_ORGANIZATION = PutOrganization(
    id="bench",
    name="Benchmark Works",
    helpdesk=Helpdesk(
        name="Benchmark Helpdesk",
        url="https://helpdesk.bench.example/",
        email="helpdesk@bench.example",
        phone="+49 421 5550 199",
    ),
)


@dataclass(frozen=True)
class Account:
    """A person with a password of their own and an epoch that is still the first."""

    sub: str
    user_id: str
    password: str


class Clients:
    """The three services, called as the gateway calls them."""

    def __init__(self, stack: Stack) -> None:
        """Connect to the services of a stack."""
        self._session = peer.connect()
        self.profile = ProfileClient(self._peer(stack, "profile"))
        self.credentials = CredentialsClient(self._peer(stack, "credentials"))
        self.sessions = SessionsClient(self._peer(stack, "sessions"))

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._session.close()

    def _peer(self, stack: Stack, name: str) -> Peer:
        return Peer(self._session, stack.url_of(name), stack.service_key)

    async def accounts(self, count: int, *, prefix: str = "worker") -> list[Account]:
        """Add that many people, each with a password that needs no change."""
        await self.profile.put_organization(_ORGANIZATION)
        return await gathered([self._account(prefix, number) for number in range(count)])

    async def tokens(self, account: Account, count: int, *, epoch: int = 1) -> list[str]:
        """Open that many sessions of one person, and return what stands for each."""
        return await gathered([self._token(account, epoch) for _ in range(count)])

    async def _account(self, prefix: str, number: int) -> Account:
        name = f"{prefix}{number:04}@bench.example"
        person = AddPerson(
            organization=_ORGANIZATION.id,
            user_id=name,
            display_name=f"Worker {number:04}",
            emails=(name, f"worker.{number:04}@mail.bench.example"),
            job_title="Measurement Engineer",
            department="Instruments and Calibration",
            office="Bremen, Hall 4",
            phones=("+49 421 5550 100",),
            preferred_language="en",
        )
        added = await self.profile.add(person)
        password = f"{number:04} quiet lanterns drift"
        await self.credentials.enroll(
            EnrollAccount(
                sub=added.sub,
                user_id=name,
                password=SecretStr(password),
                temporary=False,
                organization=_ORGANIZATION.id,
            )
        )
        return Account(added.sub, name, password)

    async def device_keys(self, accounts: Sequence[Account]) -> list[str]:
        """Sign each in on a first device, and return what each device is known by."""
        established = await gathered([self._established(each, 1) for each in accounts])
        return [each.device.key or "" for each in established]

    async def _token(self, account: Account, epoch: int) -> str:
        return (await self._established(account, epoch)).token

    async def _established(self, account: Account, epoch: int) -> Established:
        asked = EstablishSession(
            sub=account.sub,
            epoch=epoch,
            where=Where(address=ADDRESS, user_agent="benchmark"),
            organization=_ORGANIZATION.id,
        )
        return await self.sessions.establish(asked)


async def gathered(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Do all of the work, a few at a time, and return what came of each, in order."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(work: Coroutine[Any, Any, T]) -> T:
        async with room:
            return await work

    return list(await asyncio.gather(*map(one, works)))
