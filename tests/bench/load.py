"""Load on an HTTP server: closed loops by wrk, and an open loop at a modest rate by ourselves."""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from deploy.local.packages import Package, PackagesMissingError, install

_SCRIPT = Path(__file__).with_name("load.lua")
_MARK = "RESULT "
_LONGEST_SECONDS = 30
_WRK = Package("wrk", "the benchmarks' load generator", lambda: bool(shutil.which("wrk")))


@dataclass(frozen=True)
class Request:
    """One request to send over and over."""

    method: str
    path: str
    token: str = ""
    body: str = ""

    @property
    def line(self) -> str:
        """The request as the generators read it."""
        return f"{self.method}\t{self.path}\t{self.token}\t{self.body}"


@dataclass(frozen=True)
class Load:
    """What came of a closed loop. `failures` are errors and statuses from 400."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failures: int

    @property
    def per_second(self) -> float:
        """Requests that were answered as asked, a second."""
        return (self.requests - self.failures) / self.seconds


@dataclass(frozen=True)
class Generator:
    """A program that sends requests as fast as they are answered, from several connections."""

    name: str
    argv: tuple[str, ...]

    async def run(
        self, url: str, requests: Sequence[Request], *, connections: int, seconds: float
    ) -> Load:
        """Send the requests in turn for that long."""
        with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
            file.write("".join(f"{request.line}\n" for request in requests))
            file.flush()
            argv = [
                word.format(connections=connections, seconds=round(seconds), url=url)
                for word in self.argv
            ]
            output = await _output_of([*argv, file.name])
        lines = [line for line in output.splitlines() if line.startswith(_MARK)]
        return Load(**json.loads(lines[-1].removeprefix(_MARK)))


def generator() -> Generator:
    """Return wrk, installed where it is missing, or our own where it cannot be."""
    try:
        install((_WRK,))
    except PackagesMissingError:
        own = ("-m", "tests.bench.closed_loop", "{url}", "{connections}", "{seconds}")
        return Generator("asyncio", (sys.executable, *own))
    options = ("-t1", "-c{connections}", "-d{seconds}s", f"--timeout={_LONGEST_SECONDS}s")
    return Generator("wrk", ("wrk", *options, f"--script={_SCRIPT}", "{url}", "--"))


async def _output_of(argv: Sequence[str]) -> str:
    program = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    output, _ = await program.communicate()
    if program.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {program.returncode}: {output.decode()}")
    return output.decode()


@dataclass(frozen=True)
class Probes:
    """What came of an open loop: the times in ms of what was answered, and how many failed."""

    times: list[float]
    failures: int


async def probe(
    url: str, requests: Sequence[Request], *, per_second: int, seconds: float
) -> Probes:
    """Send requests at a fixed rate, whatever becomes of them.

    The times count from when a request was due, so one that had to wait is not flattered.
    """
    begun = time.perf_counter()

    async def one(number: int) -> float | None:
        due = begun + number / per_second
        await asyncio.sleep(due - time.perf_counter())
        request = requests[number % len(requests)]
        headers = {"Authorization": f"Bearer {request.token}"}
        async with session.get(url + request.path, headers=headers) as response:
            await response.read()
        return (time.perf_counter() - due) * 1000 if response.ok else None

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        outcomes = await asyncio.gather(*map(one, range(int(per_second * seconds))))
    times = [took for took in outcomes if took is not None]
    return Probes(times, len(outcomes) - len(times))
