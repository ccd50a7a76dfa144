"""`python -m tests.bench [--quick] [--strict] [--only-activity]`: measure and write results/."""

import argparse
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import uvloop

from deploy.local.services import SERVICES
from tests.bench import activity, memory, reading, revocation, second_factors, sign_ins, store_reads
from tests.bench.figures import Section
from tests.bench.ground import Ground
from tests.bench.load import generator
from tests.bench.machine import described
from tests.bench.people import Clients
from tests.bench.report import verdict, write
from tests.bench.scale import FULL, QUICK, Scale
from tests.stack import Stack

_AS_DEPLOYED = Path(__file__).with_name("as_deployed")


async def _sections(ground: Ground, at_rest: dict[str, float]) -> AsyncIterator[Section]:
    yield await reading.measure(ground)
    yield await sign_ins.measure(ground)
    yield await second_factors.measure(ground)
    for section in await revocation.measure(ground):
        yield section
    yield await store_reads.measure(ground)
    yield await memory.measure(ground, at_rest)
    # At the end, since it starts a service anew.
    for section in await activity.measure(ground):
        yield section


async def _activity(ground: Ground, _at_rest: dict[str, float]) -> AsyncIterator[Section]:
    for section in await activity.measure(ground):
        yield section


async def _run(stack: Stack, scale: Scale, *, only_activity: bool) -> bool:
    """Measure, and return whether every bar was kept."""
    measured = _activity if only_activity else _sections
    load, at_rest = generator(), memory.resident(stack)
    conditions = await described(stack) | {
        "scale": scale.name,
        "repeats": scale.repeats,
        "generator": load.name,
    }
    sections: list[Section] = []
    async with Clients(stack) as clients:
        accounts = await clients.accounts(scale.accounts + revocation.CHANGERS)
        people = accounts[revocation.CHANGERS :], accounts[: revocation.CHANGERS]
        ground = Ground(stack, clients, load, scale, *people)
        async for section in measured(ground, at_rest):
            print(section.title, *map(verdict, section.bars), sep="\n  ", flush=True)
            sections.append(section)
    name = "activity" if only_activity else "latest"
    print(f"Written: {write(conditions, sections, name)}")
    return all(bar.passed for section in sections for bar in section.bars)


def main() -> int:
    """Return 0, or with `--strict` 1 where a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, in two minutes")
    parser.add_argument("--strict", action="store_true", help="fail when a bar is missed")
    parser.add_argument("--only-activity", action="store_true", help="what sign-in activity costs")
    chosen = parser.parse_args()
    begun = time.monotonic()
    # Without what only developers have, whose memory nobody else pays for.
    env = {name: {"PYTHONPATH": str(_AS_DEPLOYED)} for name in SERVICES}
    with Stack(seeded=False, env=env) as stack:
        kept = uvloop.run(
            _run(stack, QUICK if chosen.quick else FULL, only_activity=chosen.only_activity)
        )
    print(f"Took {time.monotonic() - begun:.0f} s.")
    return 1 if chosen.strict and not kept else 0


if __name__ == "__main__":
    sys.exit(main())
