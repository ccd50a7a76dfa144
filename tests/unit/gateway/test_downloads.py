"""A list as CSV: nothing that somebody typed is a formula, and an id stays one."""

import csv
import io

import pytest

from services.gateway.api.downloads import Format, csv_format


@pytest.mark.parametrize("begins", [*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20"])
def test_what_begins_a_formula_is_marked_and_an_id_is_not(begins: str) -> None:
    said = {"id": "-GQff_2", "name": f"{begins}1+1", "none": None}
    table: Format[None] = csv_format(tuple(said), lambda _item: said, ids={"id"})
    written = table.begins + table.written(None)
    rows = [*csv.reader(io.StringIO(written.decode(), newline=""))]
    assert rows == [["id", "name", "none"], ["-GQff_2", f"'{begins}1+1", ""]]
