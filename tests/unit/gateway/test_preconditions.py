"""If-Match, as RFC 9110, 13.1.1 and 8.8.3 have it."""

import time

import pytest
from aiohttp import hdrs
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from services.gateway.api.preconditions import entity_tag, if_match
from shared.contracts.refusals import InvalidRequest


def read(*lines: str) -> tuple[int, ...] | None:
    headers = CIMultiDict((hdrs.IF_MATCH, line) for line in lines)
    return if_match(make_mocked_request("PUT", "/", headers=headers))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), None),
        (("*",), None),
        ((" * ",), None),
        (('"0"',), (0,)),
        (('"3", "4"',), (3, 4)),
        (('"3"', '"4"'), (3, 4)),
        (('"3",, "4" ,',), (3, 4)),
    ],
)
def test_versions_are_read(lines: tuple[str, ...], expected: tuple[int, ...] | None) -> None:
    assert read(*lines) == expected


@pytest.mark.parametrize("tag", ['W/"3"', '"x"', '""', '"03"', '"+3"', '"3 "', '"-1"', '"1e3"'])
def test_a_weak_tag_and_one_that_is_no_version_match_nothing(tag: str) -> None:
    if " " in tag:
        with pytest.raises(InvalidRequest):
            read(tag)
    else:
        assert read(tag) == ()
        assert read(f'{tag}, "7"') == (7,)


@pytest.mark.parametrize("line", ["", "3", '"3', '3"', '"3" "4"', '*, "3"', 'w/"3"', '"3"x', ","])
def test_what_is_no_list_of_tags_is_refused(line: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(line)
    assert refused.value.errors[0]["field"] == "If-Match"


def test_a_tag_is_read_as_it_was_said() -> None:
    assert read(entity_tag(12)) == (12,)


@pytest.mark.parametrize("piece", ['"a",', " ,", '"a"   ', 'W/"1" , ,'])
def test_a_long_header_is_read_in_no_time(piece: str) -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidRequest):
        read(piece * (8000 // len(piece)) + "x")
    assert time.perf_counter() - began < 0.2
