"""Files of contact methods, as spreadsheets and people write them."""

import pytest

from services.gateway.errors import MethodFileHeaderWrong, MethodFileTooLong
from services.gateway.method_file import Contact, LongestFile, MostLines, read

HEADER = "user_id,kind,target"
ADA = Contact("ada", "sms", "+4930123456")


def below(*lines: str) -> str:
    return "\n".join([HEADER, *lines])


def fault_of(line: str) -> str | None:
    (read_line,) = read(below(line))
    assert (read_line.contact is None) == (read_line.fault is not None)
    return read_line.fault


@pytest.mark.parametrize(
    "text",
    [
        below("ada,sms,+4930123456"),
        below("ada,sms,+4930123456") + "\n",
        "\ufeff" + below("ada,sms,+4930123456"),
        below("ada,sms,+4930123456").replace("\n", "\r\n"),
        below("ada,sms,+4930123456").replace("\n", "\r"),
        below('"ada","sms","+4930123456"'),
        '"user_id","kind","target"\n ada , sms ,+4930123456',
    ],
)
def test_a_file_reads_the_same_however_it_was_written(text: str) -> None:
    (line,) = read(text)
    assert (line.number, line.user_id, line.contact, line.fault) == (2, "ada", ADA, None)


def test_blank_lines_are_passed_over_and_counted() -> None:
    lines = read(below("", "ada,sms,+4930123456", " ,, ", "", "bo,email,bo@example.org"))
    assert [line.number for line in lines] == [3, 6]


def test_a_file_of_a_header_alone_asks_for_nothing() -> None:
    assert read(HEADER) == ()


@pytest.mark.parametrize("kind", ["sms", "voice"])
def test_numbers_are_taken_for_texts_and_calls(kind: str) -> None:
    assert fault_of(f"ada,{kind},+4930123456") is None


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("ada,sms,030123456", "wrong-format"),
        ("ada,voice,ada@example.org", "wrong-format"),
        ("ada,email,+4930123456", "wrong-format"),
        ("ada,email,ada@", "wrong-format"),
        ("ada,authenticator,x", "not-a-choice"),
        ("ada,SMS,+4930123456", "not-a-choice"),
        ("ada,sms", "wrong-format"),
        ("ada,sms,+4930123456,more", "wrong-format"),
        (",sms,+4930123456", "missing"),
        ("ada,,+4930123456", "missing"),
        ("ada,sms,", "missing"),
        ("a" * 257 + ",sms,+4930123456", "too-long"),
        ('"ada,sms,+4930123456', "wrong-format"),
        ('"ada"x,sms,+4930123456', "wrong-format"),
    ],
)
def test_a_bad_line_says_what_is_wrong_with_it(line: str, fault: str) -> None:
    assert fault_of(line) == fault


def test_a_bad_line_keeps_no_other_from_being_read() -> None:
    lines = read(below('"bo,sms,+4930123456', "ada,sms,+4930123456"))
    assert [line.contact for line in lines] == [None, ADA]


def test_what_a_file_says_twice_counts_once() -> None:
    lines = read(
        below(
            "ada,email,ada@example.org",
            "ada,email,Ada@Example.org",
            "bo,email,ada@example.org",
            "ada,sms,+4930123456",
            "ada,voice,+4930123456",
        )
    )
    assert [line.fault for line in lines] == [None, "repeated", None, None, None]


def test_bad_lines_are_no_repeats_of_each_other() -> None:
    assert [line.fault for line in read(below("x", "x"))] == ["wrong-format", "wrong-format"]


@pytest.mark.parametrize(
    "header", ["", "user_id;kind;target", "kind,user_id,target", "user_id,kind", '"user_id', "\n"]
)
def test_another_header_is_refused(header: str) -> None:
    with pytest.raises(MethodFileHeaderWrong):
        read(f"{header}\nada,sms,+4930123456")


def test_as_many_lines_as_there_may_be_are_read_and_no_more() -> None:
    lines = [f"u{number},sms,+4930123456" for number in range(MostLines)]
    assert len(read(below(*lines, ""))) == MostLines
    with pytest.raises(MethodFileTooLong):
        read(below(*lines, "one,sms,+4930123456"))


def test_a_file_is_measured_in_bytes() -> None:
    room = LongestFile - len(HEADER) - 1
    assert len(read(below("ü" * (room // 2)))) == 1
    with pytest.raises(MethodFileTooLong):
        read(below("ü" * (room // 2 + 1)))


def test_a_target_is_in_no_log() -> None:
    assert ADA.target not in repr(read(below("ada,sms,+4930123456")))
