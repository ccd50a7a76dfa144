"""Signed-in reads of one's own profile, beside two plain processes with one hop between them."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from deploy.local.ports import HOST, free
from deploy.local.servers import Program, answers_ok
from tests.bench.bare_http import PATH
from tests.bench.figures import Bar, Figure, Section, ratio
from tests.bench.ground import Ground
from tests.bench.load import Load, Request
from tests.stack import Launcher

CONNECTIONS = 50
_WARM_SECONDS = 2
_OURS = ("gateway", "profile", "sessions", "redis", "mongo")
_BARE = ("front", "back")


@dataclass
class Side:
    """One of the two that are compared, and what was measured of it, repeat by repeat."""

    ground: Ground
    url: str
    launcher: Launcher
    programs: Sequence[str]
    requests: list[Request]
    many: list[Load] = field(default_factory=list)
    alone: list[Load] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    async def run(self, connections: int, seconds: float) -> Load:
        """Load it."""
        # One connection stays with one person, as a client does.
        requests = self.requests if connections > 1 else self.requests[:1]
        return await self.ground.generator.run(
            self.url, requests, connections=connections, seconds=seconds
        )

    async def measure(self) -> None:
        """Measure one repeat."""
        scale = self.ground.scale
        before = self._cpu_seconds()
        many = await self.run(CONNECTIONS, scale.reading_seconds)
        self.cpu_us.append((self._cpu_seconds() - before) / many.requests * 1e6)
        self.many.append(many)
        self.alone.append(await self.run(1, scale.alone_seconds))

    def _cpu_seconds(self) -> float:
        times = [psutil.Process(self.launcher.pid(name)).cpu_times() for name in self.programs]
        return sum(each.user + each.system for each in times)


async def measure(ground: Ground) -> Section:
    """Measure with many connections and with one, turn about."""
    people = await ground.reading(CONNECTIONS)
    with _two_plain_processes() as (launcher, url):
        bare = Side(ground, url, launcher, _BARE, people)
        ours = Side(ground, ground.url, ground.stack, _OURS, people)
        for side in (bare, ours):
            await side.run(CONNECTIONS, _WARM_SECONDS)
        for _ in range(ground.scale.repeats):
            for side in (bare, ours):
                await side.measure()
    return _section(ground, ours, bare)


@contextmanager
def _two_plain_processes() -> Iterator[tuple[Launcher, str]]:
    ports = free(_BARE)
    argv = (sys.executable, "-m", "tests.bench.bare_http")
    front, back = ports["front"], ports["back"]
    with Launcher() as launcher:
        launcher.add(
            Program("back", (*argv, "back", str(back)), lambda: answers_ok(back, "/livez")),
            Program(
                "front", (*argv, "front", str(front), str(back)), lambda: answers_ok(front, PATH)
            ),
        )
        for name in ("back", "front"):
            launcher.start(name)
            launcher.wait_ready(name)
        yield launcher, f"http://{HOST}:{front}"


def _section(ground: Ground, ours: Side, bare: Side) -> Section:
    throughput = _figure(
        "requests a second, 50 connections",
        "1/s",
        ours.many,
        bare.many,
        lambda load: load.per_second,
    )
    alone = _figure("p50, 1 connection", "ms", ours.alone, bare.alone, lambda load: load.p50_ms)
    added = ratio(
        [mine - its for mine, its in zip(alone.ours, alone.bare, strict=True)], alone.bare
    )
    return Section(
        "Signed-in GET /api/v1/me",
        f"{ground.generator.name}, {CONNECTIONS} people's tokens in turn, through the gateway; "
        "beside it a plain aiohttp front that asks a plain aiohttp back (both on uvloop, 750 bytes "
        "of JSON). The CPU time is that of all server processes on the way (ours: "
        f"{', '.join(_OURS)}).",
        (
            throughput,
            _figure("p50, 50 connections", "ms", ours.many, bare.many, lambda load: load.p50_ms),
            _figure("p99, 50 connections", "ms", ours.many, bare.many, lambda load: load.p99_ms),
            alone,
            _figure("p99, 1 connection", "ms", ours.alone, bare.alone, lambda load: load.p99_ms),
            Figure("CPU time per request", "µs", tuple(ours.cpu_us), tuple(bare.cpu_us)),
        ),
        (
            Bar("throughput of the bare hop", throughput.ratio or 0, 0.3, at_least=True, aim=0.45),
            Bar("added p50 at 1 connection, in bare p50s", added, 3),
            Bar("requests that failed", sum(each.failures for each in ours.many), 0, unit=""),
        ),
    )


def _figure(
    what: str,
    unit: str,
    ours: Sequence[Load],
    bare: Sequence[Load],
    of: Callable[[Load], float],
) -> Figure:
    return Figure(what, unit, tuple(map(of, ours)), tuple(map(of, bare)))
