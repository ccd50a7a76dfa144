"""A whole stack that can be hurt, with the people who use it.

async with Portal(stack) as portal:
    (ada,) = await portal.people(1, sessions=3)
    change = await portal.change(ada)
"""

import asyncio
import json
import random
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self, TypeVar, get_args

import aiohttp
import redis
from pydantic import SecretStr

from deploy.local.servers import RABBITMQ_SERVER
from deploy.local.services import SERVICES
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.profile import ProfileClient
from shared.contracts.credentials import EnrollAccount
from shared.contracts.methods import ImportSent
from shared.contracts.methods import Kind as MethodKind
from shared.contracts.policy import PutMethodsPolicy, PutResetPolicy, ResetKind
from shared.contracts.profile import AddPerson, PutOrganization
from tests.fault.die import FOLDER, Points
from tests.stack import Stack

T = TypeVar("T")
Kind = Literal["password", "everywhere"]
ORGANIZATION = PutOrganization(id="fault", name="Fault Works")
LINKS = (
    ("credentials", "redis"),
    ("sessions", "redis"),
    ("gateway", "redis"),
    ("sessions", "mongo"),
    ("credentials", "rabbitmq"),
)
GATEWAYS = ("gateway", "gateway2")
MAIL_SERVER = ("mail", "what the mail server shows a gateway")
ACCEPTED = frozenset({200, 422})
"""What an accepted session is answered; unconfirmed, signing out everywhere is a 422."""
PROBES = (
    ("GET", "/me", None),
    ("GET", "/me/sessions?limit=1", None),
    # Nobody but the gateway and its cache has a part in this one.
    ("POST", "/me/sign-out-everywhere", {"confirm": False}),
)
_AT_ONCE = 12
_LOOK_SECONDS = 0.05


@dataclass
class User:
    """Somebody with an account."""

    sub: str
    user_id: str
    password: str
    address: str
    tokens: list[str] = field(default_factory=list)

    @property
    def email(self) -> str:
        """Where their mail goes."""
        return f"{self.user_id}.example"


@dataclass(frozen=True)
class Reply:
    """What a request came to; status 0 is a broken connection. Times are monotonic."""

    status: int
    body: Any
    began: float
    ended: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass
class Change:
    """A change that was asked for, and what came of it."""

    user: User
    kind: Kind
    older: tuple[str, ...]
    old_password: str
    new_password: str
    replies: list[Reply] = field(default_factory=list)

    @property
    def answered(self) -> float | None:
        """When it was answered 202; None where it was not."""
        return self.replies[-1].ended if self.replies[-1].status == 202 else None

    @property
    def receipt(self) -> str | None:
        """The receipt that was given."""
        return self.replies[-1].body["receipt"] if self.answered is not None else None


def sub_of(token: str) -> str:
    """Return whose token it is."""
    return token.split(".", maxsplit=1)[0]


def sid_of(token: str) -> str:
    """Return which session a token stands for."""
    return token.split(".")[1]


class WoundableStack(Stack):
    """Own servers, links, two gateways, and services with points to die at, kept alive."""

    def __init__(self) -> None:
        """Describe the stack."""
        super().__init__(
            links=LINKS,
            keep_alive=True,
            seeded=False,
            wrap={name: (sys.executable, "-m", "tests.fault.die", name) for name in SERVICES},
            env={
                "gateway": {
                    "GATEWAY_TRUSTED_PROXIES": '["127.0.0.0/8"]',
                    "GATEWAY_APP_PASSWORD_CLIENTS": json.dumps(dict([MAIL_SERVER])),
                }
            },
        )
        self._is_alarmed = False
        self.lets_reset = False
        folder = self.directory / FOLDER
        folder.mkdir()
        self.points = {name: Points(folder, name) for name in SERVICES}

    def __enter__(self) -> Self:
        """Start it, with the second gateway."""
        super().__enter__()
        try:
            self.add_gateway(GATEWAYS[1])
        except BaseException:
            self.close()
            raise
        return self

    def set_disk_alarm(self, *, raised: bool) -> None:
        """Let the broker find less room on its disk than it asks for, so that it takes nothing."""
        limit = "1000GB" if raised else "50MB"
        ctl = str(RABBITMQ_SERVER.with_name("rabbitmqctl"))
        argv = [ctl, "set_disk_free_limit", limit]
        subprocess.run(argv, env=self.env_of("rabbitmq"), check=True, capture_output=True)
        self._is_alarmed = raised

    def recover(self) -> None:
        """Heal whatever a test may have left behind, and wait until everything is ready."""
        for points in self.points.values():
            points.clear()
        for link in self._links.values():
            link.heal()
        if self._is_alarmed:
            self.set_disk_alarm(raised=False)
        for name in self.programs:
            if self.is_alive(name):
                self.cont(name)
            self.start(name)
        self.wait_ready("redis")
        with redis.Redis.from_url(self.redis_url) as client:
            client.config_set("maxmemory", "0")
        self.wait_ready(*self.programs)


@dataclass
class Portal:
    """The stack as people use it: over HTTP, through either gateway."""

    stack: WoundableStack
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)
    _lane: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def __aenter__(self) -> Self:
        """Open the connections, and make sure that the organization exists."""
        # The product limits itself, so the client does not; each request is a connection of
        # its own where a kept one could die unseen.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=30)
        self._http = await self._open.enter_async_context(
            aiohttp.ClientSession(connector=connector, timeout=timeout)
        )
        key = self.stack.service_key
        peer = partial(Peer, self._http, service_key=key)
        self._profile = ProfileClient(peer(self.stack.url_of("profile")))
        self._credentials = CredentialsClient(peer(self.stack.url_of("credentials")))
        await self._profile.put_organization(ORGANIZATION)
        if self.stack.lets_reset:
            # Whoever signs in would be asked to register for it.
            await self._credentials.put_reset_policy(PutResetPolicy(organization=ORGANIZATION.id))
            self.stack.lets_reset = False
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._open.aclose()

    async def allow_every_method(self) -> None:
        """Allow every kind of method there is."""
        await self._credentials.put_policy(
            PutMethodsPolicy(
                organization=ORGANIZATION.id,
                allowed=get_args(MethodKind),
                second_factor="if-registered",
                trust_days=0,
            )
        )

    async def let_reset(self, user: User, address: str) -> None:
        """Let somebody reset a forgotten password by codes that are sent to this address."""
        await self.let_reset_by("email")
        sent = ImportSent(
            sub=user.sub, kind="email", target=SecretStr(address), language="en", dry_run=False
        )
        await self._credentials.import_sent(sent)

    async def let_reset_by(self, kind: ResetKind) -> None:
        """Let everybody reset a forgotten password by methods of one kind."""
        self.stack.lets_reset = True
        await self._credentials.put_reset_policy(
            PutResetPolicy(organization=ORGANIZATION.id, enabled_for="everyone", methods=(kind,))
        )

    async def people(
        self, number: int, *, sessions: int = 3, mail_to: str | None = None
    ) -> list[User]:
        """Make users who have never been there, each signed in so many times."""
        return await self.all(self._person(sessions, mail_to) for _ in range(number))

    async def all(self, work: Any) -> list[Any]:
        """Run coroutines, no more at once than two cores can take."""

        async def one(each: Any) -> Any:
            async with self._lane:
                return await each

        return await asyncio.gather(*map(one, work))

    async def sign_in(self, user: User, password: str | None = None) -> Reply:
        """Try to sign in; a token that comes of it is kept with the user."""
        body = {"user_id": user.user_id, "password": password or user.password}
        reply = await self.ask("POST", "/sign-in", body, user=user)
        if reply.status == 200 and reply.body.get("for") == "reset":
            path = f"/sign-in/{reply.body['flow']}/action"
            reply = await self.ask("POST", path, {"register_now": True}, user=user)
        if reply.status == 200:
            user.tokens.append(reply.body["token"])
        return reply

    async def change(
        self,
        user: User,
        kind: Kind = "password",
        *,
        token: str | None = None,
        gateway: str | None = None,
        patience: float = 0.0,
    ) -> Change:
        """Change the password, or sign out everywhere, until it is answered for good."""
        new = fresh_password() if kind == "password" else user.password
        change = Change(user, kind, tuple(user.tokens), user.password, new)
        path, body = "/me/sign-out-everywhere", dict[str, object](confirm=True)
        if kind == "password":
            path, body = "/me/password", {"old_password": user.password, "new_password": new}
        token, last = token or user.tokens[0], time.monotonic() + patience
        while True:
            change.replies.append(
                await self.ask("POST", path, body, token=token, user=user, gateway=gateway)
            )
            if 0 < change.replies[-1].status < 500 or time.monotonic() > last:
                break
            await asyncio.sleep(0.25)
        if change.answered is not None:
            user.password = new
        return change

    async def show(
        self, token: str, *, gateway: str | None = None, probe: int | None = None
    ) -> Reply:
        """Show a token to a gateway, in one of the ways there are."""
        method, path, body = PROBES[self.rng.randrange(3) if probe is None else probe]
        return await self.ask(method, path, body, token=token, gateway=gateway)

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        user: User | None = None,
        gateway: str | None = None,
    ) -> Reply:
        """Send a request to the API of a gateway and return what it comes to."""
        url = self.stack.url_of(gateway or self.rng.choice(GATEWAYS))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if user:
            headers["X-Forwarded-For"] = user.address
        began = time.monotonic()
        try:
            async with self._http.request(
                method, f"{url}/api/v1{path}", json=body, headers=headers
            ) as response:
                read = await response.read()
                content = json.loads(read) if "json" in response.content_type else read
                ended = time.monotonic()
                return Reply(response.status, content, began, ended, response.headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            return Reply(0, repr(error), began, time.monotonic())

    @asynccontextmanager
    async def held(
        self, service: str, point: str, request: Coroutine[Any, Any, T]
    ) -> AsyncIterator[asyncio.Task[T]]:
        """Send a request and hold it at a point of a service for as long as the block lasts."""
        points = self.stack.points[service]
        points.arm(point, "hold")
        begun = asyncio.create_task(request)
        try:
            assert await becomes(partial(points.was_reached, point), seconds=10)
            yield begun
        finally:
            points.release(point)
            await asyncio.wait([begun])

    async def whole(self) -> float:
        """Return when everything is ready again, with the time of that moment."""
        await asyncio.to_thread(self.stack.wait_ready, *self.stack.programs)
        return time.monotonic()

    async def servers_up(self) -> float:
        """Return when the servers are ready, with the time of that moment."""
        await asyncio.to_thread(self.stack.wait_ready, "mongo", "redis", "rabbitmq", "mailbox")
        return time.monotonic()

    async def ready(self, service: str) -> Any:
        """Return what a service says of itself."""
        async with self._http.get(f"{self.stack.url_of(service)}/readyz") as response:
            return await response.json()

    async def metric(self, service: str, name: str) -> dict[str, float]:
        """Return a metric of a service, by its labels as they are written."""
        async with self._http.get(self.stack.metrics_url(service)) as response:
            lines = (await response.text()).splitlines()
        found = [line.removeprefix(name).rpartition(" ") for line in lines if line.startswith(name)]
        return {labels: float(value) for labels, _, value in found}

    async def _person(self, sessions: int, mail_to: str | None) -> User:
        user_id = f"{secrets.token_hex(6)}@fault"
        known = AddPerson(
            organization=ORGANIZATION.id,
            user_id=user_id,
            display_name="Test",
            emails=(mail_to or f"{user_id}.example",),
        )
        added = await self._profile.add(known)
        # Everybody comes from an address of their own, since wrong passwords are counted by it.
        address = f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
        user = User(added.sub, user_id, fresh_password(), address)
        await self._credentials.enroll(
            EnrollAccount(
                sub=user.sub,
                user_id=user_id,
                password=user.password,
                temporary=False,
                organization=ORGANIZATION.id,
            )
        )
        for _ in range(sessions):
            reply = await self.sign_in(user)
            assert reply.status == 200, reply
        return user


async def becomes(true: Callable[[], bool | Awaitable[bool]], *, seconds: float) -> bool:
    """Wait until something holds; return whether it came to hold in time."""
    last = time.monotonic() + seconds
    while True:
        holds = true()
        if holds if isinstance(holds, bool) else await holds:
            return True
        if time.monotonic() > last:
            return False
        await asyncio.sleep(_LOOK_SECONDS)


def fresh_password() -> str:
    """Return a password that every rule accepts."""
    return f"otters count {secrets.token_hex(6)} lamps"
