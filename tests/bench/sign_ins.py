"""Sign-ins a second, beside the password hashes that the machine can compute at all."""

import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from services.credentials.config import CredentialsConfig
from services.credentials.model import HashParameters
from tests.bench.figures import Bar, Figure, Section, percentile, ratio
from tests.bench.ground import Ground
from tests.bench.load import Load, Probes, Request, probe

CONNECTIONS = 32
PROBES_PER_SECOND = 20
_PROBING_PEOPLE = 10
_WARM_SECONDS = 2


async def measure(ground: Ground) -> Section:
    """Measure the hashing alone, the probes alone, and then both under sign-ins."""
    readers = await ground.reading(_PROBING_PEOPLE)
    hashes: list[float] = []
    loads: list[Load] = []
    unloaded: list[Probes] = []
    loaded: list[Probes] = []
    people = await signing_in(ground)
    await sign_in(ground, people, _WARM_SECONDS)
    for _ in range(ground.scale.repeats):
        hashes.append(await asyncio.to_thread(hashes_per_second, ground.scale.hashing_seconds))
        unloaded.append(await _probe(ground, readers, ground.scale.probe_seconds))
        load, probes = await asyncio.gather(
            sign_in(ground, people, ground.scale.sign_in_seconds),
            _probe(ground, readers, ground.scale.sign_in_seconds),
        )
        loads.append(load)
        loaded.append(probes)
    return _section(hashes, loads, unloaded, loaded)


def parameters() -> HashParameters:
    """Return what a hash costs where nobody says otherwise."""
    fields = CredentialsConfig.model_fields
    return HashParameters(
        *(fields[f"argon2_{name}"].default for name in ("memory", "passes", "lanes"))
    )


def hashes_per_second(seconds: float) -> float:
    """Verify one password over and over on every core, and do nothing else."""
    cost = parameters()
    hasher = PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory, parallelism=cost.lanes)
    password = "0000 quiet lanterns drift"
    verifier = hasher.hash(password)
    deadline = time.perf_counter() + seconds

    def work(_core: int) -> int:
        done = 0
        while time.perf_counter() < deadline:
            hasher.verify(verifier, password)
            done += 1
        return done

    cores = os.cpu_count() or 1
    begun = time.perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        done = sum(pool.map(work, range(cores)))
    return done / (time.perf_counter() - begun)


async def signing_in(ground: Ground) -> list[Request]:
    """Return everybody's sign-in, each on the device that they have been signed in on before."""
    bodies = [
        {"user_id": each.user_id, "password": each.password, "device_key": key}
        for each, key in zip(
            ground.accounts, await ground.clients.device_keys(ground.accounts), strict=True
        )
    ]
    await ground.everybody_told()
    return [Request("POST", "/api/v1/sign-in", body=json.dumps(each)) for each in bodies]


async def sign_in(ground: Ground, people: list[Request], seconds: float) -> Load:
    """Sign these people in, in turn, for that long."""
    return await ground.generator.run(ground.url, people, connections=CONNECTIONS, seconds=seconds)


async def _probe(ground: Ground, readers: list[Request], seconds: float) -> Probes:
    return await probe(ground.url, readers, per_second=PROBES_PER_SECOND, seconds=seconds)


def _section(
    hashes: list[float], loads: list[Load], unloaded: list[Probes], loaded: list[Probes]
) -> Section:
    cost = parameters()
    signed_in = Figure(
        "sign-ins a second; bare: hashes a second",
        "1/s",
        tuple(load.per_second for load in loads),
        tuple(hashes),
    )
    beside = _percentiles("GET /me p99 during sign-ins; bare: without", loaded, unloaded, 99)
    return Section(
        "Signing in",
        f"{CONNECTIONS} connections, everybody's password in turn, on the device they have; beside "
        f"it the same argon2id ({cost.memory} KiB, {cost.passes} passes, {cost.lanes} lane) in one "
        "thread per core and nothing else. Meanwhile, and before it, GET /me in an open loop of "
        f"{PROBES_PER_SECOND} requests a second, timed from when each was due.",
        (
            signed_in,
            Figure("sign-in p50", "ms", tuple(load.p50_ms for load in loads)),
            Figure("sign-in p99", "ms", tuple(load.p99_ms for load in loads)),
            _percentiles("GET /me p50 during sign-ins; bare: without", loaded, unloaded, 50),
            beside,
        ),
        (
            Bar("sign-ins per possible hash", signed_in.ratio or 0, 0.8, at_least=True, aim=0.9),
            Bar("GET /me p99 during sign-ins", ratio(beside.ours, beside.bare), 5),
            Bar("sign-ins that failed", sum(load.failures for load in loads), 0, unit=""),
            Bar("reads that failed meanwhile", sum(each.failures for each in loaded), 0, unit=""),
        ),
    )


def _percentiles(what: str, ours: list[Probes], bare: list[Probes], percent: float) -> Figure:
    return Figure(
        what,
        "ms",
        tuple(percentile(probes.times, percent) for probes in ours),
        tuple(percentile(probes.times, percent) for probes in bare),
    )
