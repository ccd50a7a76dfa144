"""An ordeal: people change their passwords while something breaks, and the oracle judges."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import redis
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.services import SERVICES
from tests.fault.oracle import Oracle, Verdict, Watch
from tests.fault.portal import LINKS, Change, Kind, Portal, User, WoundableStack

When = Literal["before", "during", "after"]
Act = Callable[[WoundableStack], None]
_SPREAD_SECONDS = 1.0
_PATIENCE = 45.0


@dataclass(frozen=True)
class Fault:
    """Something that breaks. With `harmless`, every change must be taken at the first attempt."""

    name: str
    hurt: Act
    heal: Act = lambda _: None
    harmless: bool = False
    longest_seconds: float = 6.0


def _end(name: str, stack: WoundableStack) -> None:
    stack.kill(name, for_good=True)


def _start(name: str, stack: WoundableStack) -> None:
    stack.start(name)


def _drain(name: str, stack: WoundableStack) -> None:
    stack.term(name)
    stack.start(name)


def flush(stack: WoundableStack) -> None:
    """Empty Redis."""
    with redis.Redis.from_url(stack.redis_url) as client:
        client.flushall()


def step_down(stack: WoundableStack) -> None:
    """Let the only member of the replica set be no primary for a few seconds."""
    with MongoClient[dict[str, Any]](stack.mongo_url, serverSelectionTimeoutMS=2000) as client:
        try:
            client.admin.command({"replSetStepDown": 3, "force": True})
        except PyMongoError:
            # It may drop the connection that told it.
            return


def _arm(service: str, point: str, nth: int, stack: WoundableStack) -> None:
    stack.points[service].arm(point, nth=nth)


def _disarm(service: str, stack: WoundableStack) -> None:
    stack.points[service].clear()


def death(service: str, point: str, *, nth: int = 1) -> Fault:
    """A service that dies where it is told to, and is started again."""
    hurt = partial(_arm, service, point, nth)
    return Fault(f"{service} dies {point}", hurt, partial(_disarm, service), longest_seconds=2.0)


def _frozen(name: str, *, harmless: bool = False) -> Fault:
    freeze, go_on = partial(_stop, name), partial(_cont, name)
    return Fault(f"{name} frozen", freeze, go_on, harmless)


def _stop(name: str, stack: WoundableStack) -> None:
    stack.stop(name)


def _cont(name: str, stack: WoundableStack) -> None:
    stack.cont(name)


def _cut(pair: tuple[str, str], stack: WoundableStack) -> None:
    stack.link(*pair).cut()


def _freeze(pair: tuple[str, str], stack: WoundableStack) -> None:
    stack.link(*pair).freeze()


def _slow(pair: tuple[str, str], stack: WoundableStack) -> None:
    stack.link(*pair).delay(0.2)


def _mend(pair: tuple[str, str], stack: WoundableStack) -> None:
    stack.link(*pair).heal()


def _clock(service: str, seconds: float, stack: WoundableStack) -> None:
    stack.points[service].set_clock(seconds)


DEATHS = {
    ("credentials", "before-commit"),
    ("credentials", "after-commit"),
    ("credentials", "before-settle"),
    ("credentials", "after-settle"),
    ("credentials", "before-publish"),
    ("credentials", "after-publish"),
    ("credentials", "after-mark"),
    ("sessions", "before-effect"),
    ("sessions", "before-commit"),
    ("sessions", "after-commit"),
    ("sessions", "before-ack"),
    ("sessions", "after-ack"),
    ("sessions", "after-publish"),
    ("profile", "before-effect"),
    ("profile", "before-ack"),
    ("profile", "before-send"),
    ("profile", "after-send"),
    ("profile", "after-sent"),
    ("gateway", "before-call"),
    ("gateway", "after-call"),
}


def _faults() -> dict[str, Fault]:
    harmless_servers, servers = ("rabbitmq", "redis", "mailbox"), ("mongo",)
    faults = [
        *(death(*each) for each in sorted(DEATHS)),
        *(Fault(f"{name} killed", lambda s, n=name: s.kill(n)) for name in SERVICES),
        *(Fault(f"{name} ended politely", partial(_drain, name)) for name in SERVICES),
        *(_frozen(name) for name in (*servers, "credentials", "sessions")),
        *(_frozen(name, harmless=True) for name in harmless_servers),
        *(Fault(f"{name} away", partial(_end, name), partial(_start, name)) for name in servers),
        *(
            Fault(f"{name} away", partial(_end, name), partial(_start, name), harmless=True)
            for name in harmless_servers
        ),
        *(Fault(f"{a} cut from {b}", partial(_cut, (a, b)), partial(_mend, (a, b)),
                harmless=b != "mongo") for a, b in LINKS),
        *(Fault(f"{a} to {b} frozen", partial(_freeze, (a, b)), partial(_mend, (a, b)),
                harmless=b != "mongo") for a, b in LINKS),
        *(Fault(f"{a} to {b} slow", partial(_slow, (a, b)), partial(_mend, (a, b)), harmless=True)
          for a, b in LINKS),
        *(Fault(f"clock of {name} {seconds:+} s", partial(_clock, name, seconds),
                partial(_disarm, name), harmless=True)
          for name in SERVICES for seconds in (-300, 300)),
        Fault("redis flushed", flush, harmless=True),
        Fault("mongo steps down", step_down),
        Fault("nothing", lambda _: None, harmless=True),
    ]  # fmt: skip
    return {fault.name: fault for fault in faults}


FAULTS = _faults()
"""The fault matrix, by name."""


@dataclass(frozen=True)
class Ordeal:
    """Some people change, each once, around a fault that lasts for a while."""

    fault: Fault
    when: When = "before"
    seconds: float = 2.0
    people: int = 4
    sessions: int = 3

    async def run(self, portal: Portal, oracle: Oracle) -> Verdict:
        """Make the people, hurt the stack, let them change, heal it, and return the verdict."""
        people = await portal.people(self.people, sessions=self.sessions)
        watch = Watch(portal, [token for user in people for token in user.tokens])
        async with watch.running():
            changes = await self._suffer(portal, people)
            await asyncio.to_thread(portal.stack.wait_ready, *portal.stack.programs)
            healed = time.monotonic()
            verdict = await oracle.verdict(changes, healed=healed, watch=watch)
        if self.fault.harmless:
            for change in changes:
                if len(change.replies) > 1 or change.answered is None:
                    verdict.wrong("not taken at once:", *change.replies)
        return verdict

    async def _suffer(self, portal: Portal, people: list[User]) -> list[Change]:
        fault, stack = self.fault, portal.stack
        if self.when == "before":
            await asyncio.to_thread(fault.hurt, stack)
        changing = asyncio.gather(*(self._change(portal, user) for user in people))
        if self.when == "during":
            await asyncio.sleep(portal.rng.uniform(0, _SPREAD_SECONDS))
        elif self.when == "after":
            await changing
        if self.when != "before":
            await asyncio.to_thread(fault.hurt, stack)
        await asyncio.sleep(min(self.seconds, fault.longest_seconds))
        if fault.harmless:
            await changing
        await asyncio.to_thread(fault.heal, stack)
        return await changing

    async def _change(self, portal: Portal, user: User) -> Change:
        await asyncio.sleep(portal.rng.uniform(0, _SPREAD_SECONDS))
        kind: Kind = "everywhere" if portal.rng.random() < 0.25 else "password"  # noqa: PLR2004
        return await portal.change(user, kind, patience=_PATIENCE)
