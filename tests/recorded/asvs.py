"""Which tests show which requirement of OWASP ASVS 5.0, read off their markers."""

import ast
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from tests.recorded.documents import ROOT

PAGE = ROOT / "docs" / "asvs.md"
REQUIREMENTS = Path(__file__).with_name("asvs.toml")
State = Literal["kept", "open", "later", "never"]
_STATES: Mapping[State, str] = {
    "kept": "kept",
    "open": "**open**",
    "later": "not yet",
    "never": "not for us",
}
_INTRODUCTION = """\
# OWASP ASVS 5.0, chapters V6 to V9

Every requirement of levels 1 and 2, in our own words, with the tests that show it or the reason
why none does. Written by `python -m tests.recorded` from `tests/recorded/asvs.toml` and from the
tests' markers, `@pytest.mark.asvs("6.2.1")`; `tests/unit/docs` fails where this page is not what
they come to.

**open** is what applies and is not kept, or not to the letter; *not yet* is about what is not
built yet, and *not for us* about what the product does not do.
"""


@dataclass(frozen=True)
class Requirement:
    """A row of the standard; `why` says why it is not simply kept."""

    id: str
    level: int
    asks: str
    state: State = "kept"
    why: str = ""


@dataclass(frozen=True)
class Marked:
    """A test and the requirements that its marker names."""

    file: str
    name: str
    line: int
    ids: tuple[str, ...]


def requirements(text: str | None = None) -> dict[str, Requirement]:
    """Read the rows, in the standard's order."""
    rows = tomllib.loads(text or REQUIREMENTS.read_text())["rows"]
    return {name: Requirement(id=name, **row) for name, row in rows.items()}


def marked_tests() -> list[Marked]:
    """Return every test with a marker, in order of files and lines."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [each for file in files for each in marked_in(file.read_text(), _path(file))]


def marked_in(source: str, file: str) -> Iterator[Marked]:
    """Return the tests of a file that have a marker; nothing of it is run."""
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        ids = tuple(each for decorator in node.decorator_list for each in _ids(decorator))
        if ids:
            yield Marked(file, node.name, node.lineno, ids)


def faults(rows: Mapping[str, Requirement], tests: Iterable[Marked]) -> list[str]:
    """Return what is wrong with the rows and the markers, in words."""
    shown: set[str] = set()
    found = []
    for test in tests:
        shown |= set(test.ids)
        found += [
            f"{test.file}: {test.name} names {each}, which is no requirement"
            for each in test.ids
            if each not in rows
        ]
    for row in rows.values():
        if (row.state == "kept") == bool(row.why):
            found.append(f"{row.id} has a state without a reason, or a reason without a state")
        if row.state == "kept" and row.id not in shown:
            found.append(f"{row.id} has neither a test nor a reason")
        if row.state in {"later", "never"} and row.id in shown:
            found.append(f"{row.id} has a test, though it is said not to apply")
    return found


def page(rows: Mapping[str, Requirement], tests: Iterable[Marked]) -> str:
    """Return the page as it is to be."""
    showing: dict[str, list[Marked]] = {name: [] for name in rows}
    for test in tests:
        for each in test.ids:
            showing.setdefault(each, []).append(test)
    chapters = tomllib.loads(REQUIREMENTS.read_text())["chapters"]
    parts = [_INTRODUCTION, _summary(rows.values())]
    for chapter, of_chapter in groupby(rows.values(), lambda row: f"V{row.id.split('.')[0]}"):
        lines = [_line(row, showing[row.id]) for row in of_chapter]
        head = ["| | level | asks | | shown by, or why not |", "| --- | --- | --- | --- | --- |"]
        parts.append("\n".join([f"## {chapter} {chapters[chapter]}", "", *head, *lines, ""]))
    return "\n".join(parts)


def _summary(rows: Iterable[Requirement]) -> str:
    states = [row.state for row in rows]
    counted = [f"{states.count(state)} {words}" for state, words in _STATES.items()]
    return f"Of {len(states)}: {', '.join(counted)}.\n"


def _line(row: Requirement, tests: Iterable[Marked]) -> str:
    by_file = groupby(tests, lambda test: test.file)
    files = [
        f"`{file}`: {', '.join(_claim(each) for each in each_of)}" for file, each_of in by_file
    ]
    told = "<br>".join([*([row.why] if row.why else []), *files])
    return f"| {row.id} | {row.level} | {row.asks} | {_STATES[row.state]} | {told} |"


def _claim(test: Marked) -> str:
    return test.name.removeprefix("test_").replace("_", " ")


def _ids(decorator: ast.expr) -> tuple[str, ...]:
    if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) != "pytest.mark.asvs":
        return ()
    return tuple(str(ast.literal_eval(argument)) for argument in decorator.args)


def _path(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()
