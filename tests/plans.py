"""How MongoDB goes about the reads of a store, as it sends them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymongo import monitoring

from shared.mongo import Database

_READS = {"find", "aggregate"}
_OF_THE_SESSION = {"lsid", "$clusterTime", "$db", "$readPreference", "txnNumber", "maxTimeMS"}
_BY_INDEX = {"IXSCAN", "IDHACK", "COUNT_SCAN", "DISTINCT_SCAN"}


@dataclass(frozen=True)
class Plan:
    """What a read does: its stages, and how much the part reads that reads the most."""

    stages: frozenset[str]
    documents: int
    keys: int

    @property
    def sorts(self) -> bool:
        """Tell whether it has to sort what it has found."""
        return "SORT" in self.stages

    @property
    def uses_index(self) -> bool:
        """Tell whether it goes along an index and reads no collection as a whole."""
        if self.stages == {"EOF"}:
            # There is no such collection yet.
            return True
        by_index = self.stages & _BY_INDEX or any("IXSCAN" in each for each in self.stages)
        return bool(by_index) and "COLLSCAN" not in self.stages


class Reads(monitoring.CommandListener):
    """Notes the reads that are sent, of every client that is made after it is registered."""

    def __init__(self) -> None:
        """Have noted nothing yet."""
        self.sent: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note it."""
        if event.command_name in _READS:
            command = {
                name: value for name, value in event.command.items() if name not in _OF_THE_SESSION
            }
            self.sent.append(command)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Let it be."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Let it be."""


async def plan_of(database: Database, command: dict[str, Any]) -> Plan:
    """Have a read explained."""
    explained = await database.command({"explain": command, "verbosity": "executionStats"})
    stages = {stage for plan in _values(explained, "winningPlan") for stage in _stages(plan)}
    return Plan(
        frozenset(stages),
        max((int(each) for each in _values(explained, "totalDocsExamined")), default=0),
        max((int(each) for each in _values(explained, "totalKeysExamined")), default=0),
    )


async def examined_by(database: Database, command: dict[str, Any]) -> int:
    """Return how many documents a read looks at; fail where it uses no index, or has to sort."""
    plan = await plan_of(database, command)
    assert plan.uses_index, plan
    assert not plan.sorts, plan
    return plan.documents


def _values(explained: Any, name: str) -> Iterator[Any]:
    """Return everything of that name, wherever it stands."""
    if isinstance(explained, dict):
        if name in explained:
            yield explained[name]
        for inner in explained.values():
            yield from _values(inner, name)
    elif isinstance(explained, list):
        for inner in explained:
            yield from _values(inner, name)


def _stages(plan: Any) -> Iterator[str]:
    yield from (each for each in _values(plan, "stage") if isinstance(each, str))
