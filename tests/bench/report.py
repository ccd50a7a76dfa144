"""The results as JSON and as tables that people read."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.figures import Bar, Figure, Section

RESULTS = Path(__file__).with_name("results")


def write(ground: dict[str, Any], sections: Sequence[Section], name: str = "latest") -> Path:
    """Write both, in place of the last ones of that name, and return the one for people."""
    RESULTS.mkdir(exist_ok=True)
    document = ground | {"sections": [_document(section) for section in sections]}
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
    readable = RESULTS / f"{name}.md"
    readable.write_text(_readable(ground, sections))
    return readable


def verdict(bar: Bar) -> str:
    """Return one line that says whether a bar was kept."""
    sign, word = "≥" if bar.at_least else "≤", "PASS" if bar.passed else "FAIL"
    aim = f", aim {bar.aim:g}" if bar.aim is not None else ""
    return f"{word}  {bar.what}: {_number(bar.value)} {bar.unit} ({sign} {bar.limit:g}{aim})"


def _document(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "method": section.method,
        "figures": [
            asdict(figure) | {"median": median(figure.ours), "ratio": figure.ratio}
            for figure in section.figures
        ],
        "bars": [asdict(bar) | {"passed": bar.passed} for bar in section.bars],
    }


def _readable(ground: dict[str, Any], sections: Sequence[Section]) -> str:
    machine, versions = ground["machine"], ground["versions"]
    lines = [
        "# Benchmarks",
        "",
        (
            f"{ground['at']}, commit {ground['commit']}, scale {ground['scale']}, load by "
            f"{ground['generator']}. Medians of {ground['repeats']} interleaved repeats, the span "
            "of all repeats behind each. Servers, services and load generator share the machine, "
            "so compare ratios, not absolute figures."
        ),
        "",
        (
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
            f"{machine['system']}; load average {machine['load_average_before']} before the run."
        ),
        "",
        ", ".join(f"{name} {number}" for name, number in versions.items()),
    ]
    for section in sections:
        lines += ["", f"## {section.title}", "", section.method, "", *_table(section)]
        if section.bars:
            lines += ["", "```", *map(verdict, section.bars), "```"]
    return "\n".join(lines) + "\n"


def _table(section: Section) -> list[str]:
    head = ["| | ours | bare | ratio |", "| --- | ---: | ---: | ---: |"]
    return head + [_row(figure) for figure in section.figures]


def _row(figure: Figure) -> str:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    ours, bare = _span(figure.ours), _span(figure.bare)
    return f"| {figure.what} ({figure.unit}) | {ours} | {bare} | {ratio} |"


def _span(values: Sequence[float]) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return _number(values[0])
    return f"{_number(median(values))} [{_number(min(values))} to {_number(max(values))}]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
