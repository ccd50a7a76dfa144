"""The memory of each service: at rest, and after it has answered very many requests."""

from math import ceil

import psutil

from deploy.local.services import SERVICES
from tests.bench.figures import Bar, Figure, Section
from tests.bench.ground import Ground
from tests.stack import Stack

_CONNECTIONS = 50
_AT_REST_MIB = 90
_GROWTH_MIB = 5
_MIB = 1024 * 1024


def resident(stack: Stack) -> dict[str, float]:
    """Return the resident memory of each service in MiB."""
    pids = {name: stack.pid(name) for name in SERVICES}
    return {name: psutil.Process(pid).memory_info().rss / _MIB for name, pid in pids.items()}


async def measure(ground: Ground, at_rest: dict[str, float]) -> Section:
    """Measure after a tenth of the requests and again after all of them."""
    wanted = ground.scale.requests_for_memory
    warm_up = await _send(ground, ceil(wanted / 10))
    warm = resident(ground.stack)
    sent = warm_up + await _send(ground, wanted - warm_up)
    after = resident(ground.stack)
    return Section(
        "Memory",
        "Resident memory of each service's process: at rest, right after it was started; warm, "
        f"after all other benchmarks and {warm_up:,} requests GET /me; loaded, after {sent:,}.",
        tuple(
            Figure(f"{name}, {when}", "MiB", (sizes[name],))
            for name in SERVICES
            for when, sizes in (("at rest", at_rest), ("warm", warm), ("loaded", after))
        ),
        (
            *(Bar(f"{name} at rest", at_rest[name], _AT_REST_MIB, unit="MiB") for name in SERVICES),
            *(
                Bar(f"growth of {name}", after[name] - warm[name], _GROWTH_MIB, unit="MiB")
                for name in SERVICES
            ),
        ),
    )


async def _send(ground: Ground, count: int) -> int:
    """Send at least that many requests, and return how many it were."""
    sent, seconds = 0, 1.0
    requests = await ground.reading(_CONNECTIONS)
    while sent < count:
        load = await ground.generator.run(
            ground.url, requests, connections=_CONNECTIONS, seconds=seconds
        )
        sent += load.requests
        seconds = max(1.0, (count - sent) / load.requests * load.seconds)
    return sent
