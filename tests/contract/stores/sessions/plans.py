"""How MongoDB goes about a query."""

from collections.abc import Iterator
from typing import Any

from shared.mongo import Database


def _plans(explained: Any) -> Iterator[dict[str, Any]]:
    """Return every plan that wins in what was explained, a query or each part of a pipeline."""
    if isinstance(explained, dict):
        if "winningPlan" in explained:
            yield explained["winningPlan"]
        for inner in explained.values():
            yield from _plans(inner)
    elif isinstance(explained, list):
        for inner in explained:
            yield from _plans(inner)


def _stages(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for inner in plan.values():
            yield from _stages(inner)
    elif isinstance(plan, list):
        for inner in plan:
            yield from _stages(inner)


def _most(explained: Any) -> int:
    """Return how many documents the part read that read the most."""
    if isinstance(explained, dict):
        inner = max((_most(each) for each in explained.values()), default=0)
        return max(inner, int(explained.get("totalDocsExamined", 0)))
    return max((_most(each) for each in explained), default=0) if isinstance(explained, list) else 0


async def examined_by(database: Database, command: dict[str, Any]) -> int:
    """Return how many documents a command reads; fail where it uses no index, or has to sort."""
    explained = await database.command({"explain": command, "verbosity": "executionStats"})
    stages = {stage for plan in _plans(explained) for stage in _stages(plan)}
    assert stages & {"IXSCAN", "EXPRESS_IXSCAN", "EXPRESS_CLUSTERED_IXSCAN"}, stages
    assert not stages & {"COLLSCAN", "SORT"}, stages
    return _most(explained)
