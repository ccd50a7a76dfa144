"""Contact methods that an admin brings along in a file: comma-separated values (RFC 4180)."""

import csv
import re
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from pydantic import TypeAdapter, ValidationError

from services.gateway.errors import MethodFileHeaderWrong, MethodFileTooLong
from services.gateway.model import Address, Number
from shared.contracts.methods import SentKind

Header = ("user_id", "kind", "target")
LongestFile = 48 * 1024
"""Bytes in UTF-8."""
MostLines = 500
"""Lines below the header that have something on them."""
_LONGEST_USER_ID = 256
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_TARGETS: dict[str, TypeAdapter[str]] = {
    "email": TypeAdapter(Address),
    "sms": TypeAdapter(Number),
    "voice": TypeAdapter(Number),
}
Fault = Literal["missing", "too-long", "not-a-choice", "wrong-format", "repeated"]


@dataclass(frozen=True)
class Contact:
    """Where codes for somebody are to be sent; `target` is an address, or a number in E.164."""

    user_id: str
    kind: SentKind
    target: str = field(repr=False)


@dataclass(frozen=True)
class Line:
    """A line of the file, the header being line 1: what it asks for, or what is wrong with it."""

    number: int
    user_id: str = ""
    contact: Contact | None = None
    fault: Fault | None = None


def read(text: str) -> tuple[Line, ...]:
    """Return the lines below the header, without the blank ones.

    Raises `MethodFileTooLong` or `MethodFileHeaderWrong`, which are about the file as a whole;
    whatever is wrong with a line is about that line.
    """
    if len(text.encode()) > LongestFile:
        raise MethodFileTooLong
    # Spreadsheets put a byte order mark in front.
    header, *below = _LINE_ENDS.split(text.removeprefix("\ufeff"))
    if _fields(header) != Header:
        raise MethodFileHeaderWrong
    filled = [(number, line) for number, line in enumerate(below, start=2) if line.strip(" \t,")]
    if len(filled) > MostLines:
        raise MethodFileTooLong
    return _without_repeats([_line(number, line) for number, line in filled])


def _line(number: int, text: str) -> Line:
    fields = _fields(text)
    if len(fields) != len(Header):
        return Line(number, fault="wrong-format")
    user_id, kind, target = fields
    if len(user_id) > _LONGEST_USER_ID:
        # It is nobody's, and is not said back.
        return Line(number, fault="too-long")
    if not all(fields):
        return Line(number, user_id, fault="missing")
    if kind not in _TARGETS:
        return Line(number, user_id, fault="not-a-choice")
    try:
        fit = _TARGETS[kind].validate_python(target)
    except ValidationError:
        return Line(number, user_id, fault="wrong-format")
    return Line(number, user_id, Contact(user_id, cast("SentKind", kind), fit))


def _fields(line: str) -> tuple[str, ...]:
    # No field may hold the end of a line, so each line is read alone: a quote that is never closed
    # takes none of the lines below with it.
    try:
        return tuple(each.strip() for each in next(csv.reader([line], strict=True), ()))
    except csv.Error:
        return ()


def _without_repeats(lines: list[Line]) -> tuple[Line, ...]:
    seen: set[tuple[str, str, str]] = set()
    told = []
    for line in lines:
        key = line.contact and (line.user_id, line.contact.kind, line.contact.target.casefold())
        is_repeated = key in seen
        told.append(replace(line, contact=None, fault="repeated") if is_repeated else line)
        seen |= {key} if key else set()
    return tuple(told)
