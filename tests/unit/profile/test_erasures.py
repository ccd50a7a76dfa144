"""The list of who was erased, as it is read again after a restore."""

import pytest

from services.profile.erasures import NoRecordError, recorded

LINE = "ViLzwRzMQ4SCAZejgO5hLA\t2026-11-29T08:10:48.759000+00:00\t-\n"


def test_a_list_is_read_as_it_was_written() -> None:
    waiting = "fPVuV_uXKSlDxrj9SaKzbw\t2026-11-29T08:11:13+00:00\tprofile,sessions\r\n"
    assert recorded([LINE, waiting]) == ["ViLzwRzMQ4SCAZejgO5hLA", "fPVuV_uXKSlDxrj9SaKzbw"]
    assert recorded([]) == []


@pytest.mark.parametrize(
    "line",
    [
        "ada@halden.example\n",
        "ada@halden.example\tyesterday\t-\n",
        "{\n",
        "\n",
        LINE.strip() + "\t",
    ],
)
def test_a_list_of_anything_else_is_refused_as_a_whole(line: str) -> None:
    with pytest.raises(NoRecordError, match="Line 2 "):
        recorded([LINE, line])
