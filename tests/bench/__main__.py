"""`python -m tests.bench [--quick] [--strict]`: measure, print, and write tests/bench/results/."""

import argparse
import sys
import time
from collections.abc import AsyncIterator

import uvloop

from tests.bench import memory, reading, revocation, second_factors, sign_ins, store_reads
from tests.bench.figures import Section
from tests.bench.ground import Ground
from tests.bench.load import generator
from tests.bench.machine import described
from tests.bench.people import Clients
from tests.bench.report import verdict, write
from tests.bench.scale import FULL, QUICK, Scale
from tests.stack import Stack


async def _sections(ground: Ground, at_rest: dict[str, float]) -> AsyncIterator[Section]:
    yield await reading.measure(ground)
    yield await sign_ins.measure(ground)
    yield await second_factors.measure(ground)
    for section in await revocation.measure(ground):
        yield section
    yield await store_reads.measure(ground)
    yield await memory.measure(ground, at_rest)


async def _run(stack: Stack, scale: Scale) -> bool:
    """Measure everything, and return whether every bar was kept."""
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
        async for section in _sections(ground, at_rest):
            print(section.title, *map(verdict, section.bars), sep="\n  ", flush=True)
            sections.append(section)
    print(f"Written: {write(conditions, sections)}")
    return all(bar.passed for section in sections for bar in section.bars)


def main() -> int:
    """Return 0, or with `--strict` 1 where a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, in two minutes")
    parser.add_argument("--strict", action="store_true", help="fail when a bar is missed")
    chosen = parser.parse_args()
    begun = time.monotonic()
    with Stack(seeded=False) as stack:
        kept = uvloop.run(_run(stack, QUICK if chosen.quick else FULL))
    print(f"Took {time.monotonic() - begun:.0f} s.")
    return 1 if chosen.strict and not kept else 0


if __name__ == "__main__":
    sys.exit(main())
