"""The campaign: many changes under many faults, each fault, its timing and its traffic at random.

The same seed asks for the same faults in the same order; the machine decides the rest.
"""

import asyncio
import json
import platform
import random
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from tests.fault.oracle import Oracle, Verdict
from tests.fault.ordeal import DEATHS, FAULTS, Fault, Ordeal, When, death
from tests.fault.portal import Portal, WoundableStack

_BATCH = 25
_SESSIONS = 5
_TIMES: tuple[When, ...] = ("before", "during", "before", "during", "after")
"""Mostly while people change: what breaks after all have been answered has less to break."""
_DEATHS = {f"{service} dies {point}" for service, point in DEATHS}
_COLUMNS = ("changes", "stale", "lost", "mails_missing", "mails_doubled", "worst")


@dataclass
class Campaign:
    """So many changes from this seed, and what has been found so far, by fault."""

    changes: int
    seed: int
    batch: int = _BATCH
    found: defaultdict[str, Verdict] = field(default_factory=lambda: defaultdict(Verdict))

    @property
    def clean(self) -> bool:
        """Whether nothing was wrong."""
        return all(verdict.clean for verdict in self.found.values())

    def ordeals(self) -> Iterator[Ordeal]:
        """Return the ordeals: every fault in turn, in an order that changes with each round."""
        chance, left, faults = random.Random(self.seed), self.changes, list[Fault]()
        while left > 0:
            if not faults:
                faults = chance.sample(list(FAULTS.values()), len(FAULTS))
            fault, people = faults.pop(), min(left, self.batch)
            left -= people
            yield Ordeal(
                _anew(fault, chance),
                chance.choice(_TIMES[:4] if fault.name in _DEATHS else _TIMES),
                seconds=chance.uniform(0.5, 8.0),
                people=people,
                sessions=_SESSIONS,
            )

    async def run(self, stack: WoundableStack) -> None:
        """Run all of it on a stack, a line for each batch."""
        began, done = time.monotonic(), 0
        mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(stack.mongo_url)
        async with mongo:
            for ordeal in self.ordeals():
                await asyncio.to_thread(stack.recover)
                async with Portal(stack, random.Random(self.seed + done)) as portal:
                    verdict = await ordeal.run(portal, Oracle(portal, mongo))
                done += ordeal.people
                self.found[ordeal.fault.name].add(verdict)
                outcome = "clean" if verdict.clean else f"WRONG: {verdict.wrongs[:3]}"
                print(
                    f"{done:5} of {self.changes}, {time.monotonic() - began:5.0f} s:"
                    f" {ordeal.fault.name}, {ordeal.when}, {ordeal.seconds:.1f} s:"
                    f" worst {verdict.worst:.1f} s, {outcome}",
                    flush=True,
                )

    def table(self) -> str:
        """Return what was found as a table, the total last."""
        total = Verdict()
        for verdict in self.found.values():
            total.add(verdict)
        lines = [f"{'fault':40}" + "".join(f"{name:>15}" for name in _COLUMNS)]
        for name, verdict in [*sorted(self.found.items()), ("all", total)]:
            row = [f"{getattr(verdict, column):.4g}" for column in _COLUMNS]
            lines.append(f"{name:40}" + "".join(f"{cell:>15}" for cell in row))
        return "\n".join(lines)

    def write(self, folder: Path) -> Path:
        """Write what was found as JSON and return where."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.changes}-changes-seed-{self.seed}.json"
        content = {
            "commit": _commit(),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": platform.platform(),
            "changes": self.changes,
            "seed": self.seed,
            "clean": self.clean,
            "faults": {name: asdict(verdict) for name, verdict in sorted(self.found.items())},
        }
        file.write_text(json.dumps(content, indent=2) + "\n")
        return file


def _commit() -> str:
    argv = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(argv, check=False, capture_output=True, text=True).stdout.strip()


def _anew(fault: Fault, chance: random.Random) -> Fault:
    """Let a service die at its point for somebody in the middle, not always for the first."""
    for service, point in DEATHS:
        if fault.name == f"{service} dies {point}":
            return death(service, point, nth=chance.randint(1, _BATCH // 2))
    return fault
