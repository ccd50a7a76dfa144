"""The page on OWASP ASVS is what the tests' markers and the reasons come to."""

from dataclasses import replace

import pytest

from tests.recorded.asvs import (
    PAGE,
    Marked,
    Requirement,
    faults,
    marked_in,
    marked_tests,
    page,
    requirements,
)

AGAIN = "Write it anew: python -m tests.recorded"
KEPT = Requirement("6.2.1", 1, "Eight characters.")
LATER = Requirement("9.1.1", 1, "Signed.", "later", "Not built.")
SHOWN = Marked("tests/test_it.py", "test_it", 1, ("6.2.1",))


def test_the_page_is_what_the_markers_come_to() -> None:
    assert PAGE.read_text() == page(requirements(), marked_tests()), AGAIN


def test_every_requirement_has_a_test_or_a_reason_and_no_marker_names_another() -> None:
    assert faults(requirements(), marked_tests()) == []


@pytest.mark.parametrize(
    ("rows", "tests"),
    [
        ([KEPT], []),
        ([KEPT], [SHOWN, replace(SHOWN, ids=("6.2.99",))]),
        ([replace(KEPT, why="Because.")], [SHOWN]),
        ([replace(LATER, why="")], []),
        ([LATER], [replace(SHOWN, ids=("9.1.1",))]),
    ],
)
def test_a_slip_would_be_noticed(rows: list[Requirement], tests: list[Marked]) -> None:
    assert len(faults({row.id: row for row in rows}, tests)) == 1


def test_markers_are_read_off_the_tests_that_have_them() -> None:
    source = """
@pytest.mark.parametrize("x", [1])
@pytest.mark.asvs("6.2.1", "6.2.9")
async def test_one(x: int) -> None: ...

@pytest.mark.asvs("7.2.1")
def test_two() -> None: ...

def test_three() -> None: ...
"""
    assert [(each.name, each.ids) for each in marked_in(source, "it")] == [
        ("test_one", ("6.2.1", "6.2.9")),
        ("test_two", ("7.2.1",)),
    ]
