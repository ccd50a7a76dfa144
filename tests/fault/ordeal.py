"""An ordeal: people change their passwords while something breaks, and the oracle judges."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import redis
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.services import SERVICES
from tests.fault.oracle import HealSeconds, Oracle, Verdict, Watch
from tests.fault.portal import LINKS, Change, Kind, Portal, User, WoundableStack, becomes

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
    is_over: Callable[[WoundableStack], bool] = lambda _: False


def _end(name: str, stack: WoundableStack) -> None:
    stack.kill(name, for_good=True)


def _kill(name: str, stack: WoundableStack) -> None:
    stack.kill(name)


def _start(name: str, stack: WoundableStack) -> None:
    stack.start(name)


def _drain(name: str, stack: WoundableStack) -> None:
    stack.term(name)
    stack.start(name)


def flush(stack: WoundableStack) -> None:
    """Empty Redis."""
    with redis.Redis.from_url(stack.redis_url) as client:
        client.flushall()


def _fill(stack: WoundableStack) -> None:
    # What is there is more than that, so nothing that needs room is taken any more.
    with redis.Redis.from_url(stack.redis_url) as client:
        client.config_set("maxmemory", "1")


def _make_room(stack: WoundableStack) -> None:
    with redis.Redis.from_url(stack.redis_url) as client:
        client.config_set("maxmemory", "0")


def _raise_alarm(stack: WoundableStack) -> None:
    stack.set_disk_alarm(raised=True)


def _end_alarm(stack: WoundableStack) -> None:
    stack.set_disk_alarm(raised=False)


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


def _was_reached(service: str, point: str, stack: WoundableStack) -> bool:
    return stack.points[service].was_reached(point)


def _disarm(service: str, stack: WoundableStack) -> None:
    stack.points[service].clear()


def death(service: str, point: str, *, nth: int = 1) -> Fault:
    """A service that dies where it is told to, and is started again."""
    return Fault(
        f"{service} dies {point}",
        partial(_arm, service, point, nth),
        partial(_disarm, service),
        is_over=partial(_was_reached, service, point),
    )


def together(*faults: Fault) -> Fault:
    """Several things that break in one ordeal, which is over when each of them was."""

    def hurt(stack: WoundableStack) -> None:
        for each in faults:
            each.hurt(stack)

    def heal(stack: WoundableStack) -> None:
        for each in faults:
            each.heal(stack)

    return Fault(
        " and ".join(each.name for each in faults),
        hurt,
        heal,
        harmless=all(each.harmless for each in faults),
        is_over=lambda stack: all(each.is_over(stack) for each in faults),
    )


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
    ("sessions", "before-settle"),
    ("sessions", "after-settle"),
    ("sessions", "before-effect"),
    ("sessions", "before-commit"),
    ("sessions", "after-commit"),
    ("sessions", "before-ack"),
    ("sessions", "after-ack"),
    ("sessions", "after-publish"),
    ("profile", "before-effect"),
    ("profile", "before-commit"),
    ("profile", "after-commit"),
    ("profile", "before-ack"),
    ("profile", "before-send"),
    ("profile", "after-send"),
    ("profile", "after-sent"),
    ("gateway", "before-call"),
    ("gateway", "after-call"),
}


def _away(name: str, *, harmless: bool = False) -> Fault:
    return Fault(f"{name} away", partial(_end, name), partial(_start, name), harmless)


def _of_a_link(pair: tuple[str, str]) -> list[Fault]:
    near, far = pair
    mend, harmless = partial(_mend, pair), far != "mongo"
    return [
        Fault(f"{near} cut from {far}", partial(_cut, pair), mend, harmless),
        Fault(f"{near} to {far} frozen", partial(_freeze, pair), mend, harmless),
        Fault(f"{near} to {far} slow", partial(_slow, pair), mend, harmless=True),
    ]


def _of_a_service(name: str) -> list[Fault]:
    disarm = partial(_disarm, name)
    return [
        Fault(f"{name} killed", partial(_kill, name)),
        Fault(f"{name} ended politely", partial(_drain, name)),
        Fault(f"clock of {name} -300 s", partial(_clock, name, -300), disarm, harmless=True),
        Fault(f"clock of {name} +300 s", partial(_clock, name, 300), disarm, harmless=True),
    ]


def _faults() -> dict[str, Fault]:
    cleaners = ("rabbitmq", "redis", "mailbox")
    faults = [
        *(death(*each) for each in sorted(DEATHS)),
        *(fault for name in SERVICES for fault in _of_a_service(name)),
        *(fault for pair in LINKS for fault in _of_a_link(pair)),
        *(_frozen(name) for name in ("mongo", "credentials", "sessions")),
        *(_frozen(name, harmless=True) for name in cleaners),
        *(_away(name, harmless=True) for name in cleaners),
        _away("mongo"),
        Fault("mongo steps down", step_down),
        Fault("redis flushed", flush, harmless=True),
        Fault("redis full", _fill, _make_room, harmless=True),
        Fault("rabbitmq has no disk left", _raise_alarm, _end_alarm, harmless=True),
        Fault("nothing", lambda _: None, harmless=True),
    ]
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
    # Which share of the people sign out everywhere instead of changing their password.
    everywhere: float = 0.25

    async def run(self, portal: Portal, oracle: Oracle) -> Verdict:
        """Make the people, hurt the stack, let them change, heal it, and return the verdict."""
        people = await portal.people(self.people, sessions=self.sessions)
        watch = Watch(portal, [token for user in people for token in user.tokens])
        async with watch.running():
            changes, healed = await self._suffer(portal, people, watch)
            await portal.whole()
            answered = [change.answered or healed for change in changes]
            verdict = await oracle.verdict(changes, healed=max(healed, *answered), watch=watch)
        if max(answered) > healed + HealSeconds:
            verdict.wrong(f"answered only {max(answered) - healed:.1f} s after the fault's end")
        if self.fault.harmless:
            for change in changes:
                if len(change.replies) > 1 or change.answered is None:
                    verdict.wrong("not taken at once:", *change.replies)
        return verdict

    async def _suffer(
        self, portal: Portal, people: list[User], watch: Watch
    ) -> tuple[list[Change], float]:
        """Return the changes, and when the fault was over: healed, and the servers up again."""
        fault, stack = self.fault, portal.stack
        if self.when == "before":
            await asyncio.to_thread(fault.hurt, stack)
        changing = asyncio.gather(*(self._change(portal, user) for user in people))
        changing.add_done_callback(lambda _: watch.look_closely_for_a_while())
        if self.when == "during":
            await asyncio.sleep(portal.rng.uniform(0, _SPREAD_SECONDS))
        elif self.when == "after":
            await changing
        if self.when != "before":
            await asyncio.to_thread(fault.hurt, stack)
        await becomes(partial(fault.is_over, stack), seconds=self.seconds)
        if fault.harmless:
            await changing
        await asyncio.to_thread(fault.heal, stack)
        healed = await portal.servers_up()
        if changing.done():
            watch.look_closely_for_a_while()
        return await changing, healed

    async def _change(self, portal: Portal, user: User) -> Change:
        await asyncio.sleep(portal.rng.uniform(0, _SPREAD_SECONDS))
        kind: Kind = "everywhere" if portal.rng.random() < self.everywhere else "password"
        return await portal.change(user, kind, patience=_PATIENCE)
