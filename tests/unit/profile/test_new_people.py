"""What a new person may be called, and where mail has to reach them."""

import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.gateway.forms import LanguageTag, Line, UserId
from services.gateway.model import Address
from shared.smtp import _addressee

# Default_Ignorable_Code_Point of Unicode 15, as far as it is not in the category Cf.
IGNORABLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u3164\ufe00\ufe0f\uffa0\ufff0"
    "\ufff8\U000e0000\U000e0002\U000e001f\U000e0080\U000e0100\U000e01ef\U000e0fff"
)
FORMAT = "".join(
    chr(code) for code in range(sys.maxunicode) if unicodedata.category(chr(code)) in {"Cc", "Cf"}
)


def takes(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "text", ["ada", "Ada.Marsh", "ada marsh", "j\u00f6rg", "\u5f20\u4f1f", "a"]
)
def test_a_user_id_is_whatever_can_be_seen(text: str) -> None:
    assert takes(UserId, text)


def test_two_user_ids_never_differ_by_what_nobody_sees() -> None:
    for unseen in IGNORABLE + FORMAT:
        assert not takes(UserId, f"ada{unseen}marsh"), hex(ord(unseen))


@pytest.mark.parametrize(
    "name",
    [
        "Ada Marsh",
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "\U0001f9d1\u200d\U0001f680",
        "\u2764\ufe0f",
    ],
)
def test_a_name_may_need_what_nobody_sees_by_itself(name: str) -> None:
    assert takes(Line, name)


@pytest.mark.parametrize(
    "name",
    ["", " ", "\u00a0\u2003", "\u3164", "\u200b\u200d", "\u2800", "\ufe0f", "\u00ad", "\u115f"],
)
def test_a_name_is_more_than_nothing(name: str) -> None:
    assert not takes(Line, name)


@pytest.mark.parametrize("override", ["\u202e", "\u2066", "\u061c", "\u200f", "\n", "\x00"])
def test_nothing_in_a_name_turns_or_breaks_the_line(override: str) -> None:
    assert not takes(Line, f"Ada{override}Marsh")


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org",
        "ada+news@mail.example.org",
        "a.b_c-d@localhost",
        "o'neil@xn--bcher-kva.de",
    ],
)
def test_an_address_is_taken(address: str) -> None:
    assert takes(Address, address)
    _addressee(address)


@pytest.mark.parametrize(
    "address",
    [
        "a..b@example.org", ".a@example.org", "a.@example.org", "a,b@example.org",
        "a;b@example.org", "a b@example.org", "<a@example.org>", '"a b"@example.org', "a@",
        "@example.org", "a@b@c", "a@example..org", "a@-example.org", "a@example.org.",
        "a@[192.0.2.1]", "a@exam_ple.org",
        "j\u00fcrgen@mueller.example", "a@b\u00fccher.example", "ada\u202e@example.org",
        "a@example.org\n", "=?utf-8?q?a=40b?=@example.org", "a@" + "b" * 64 + ".example",
        "a" * 250 + "@b.org",
    ],
)  # fmt: skip
def test_an_address_that_not_every_mail_server_takes_is_refused(address: str) -> None:
    assert not takes(Address, address)


@given(st.text(alphabet="aB0.-_+@,;:<>()[]\"\\ '=?!\u00fc\u202e", max_size=30))
def test_what_is_taken_as_an_address_can_be_mailed(text: str) -> None:
    address = f"{text}@example.org" if "@" not in text else text
    if takes(Address, address):
        assert _addressee(address).addr_spec == address


@given(st.from_regex(r"\A[A-Za-z0-9!#$%&'*+/=^_`{|}~-]{1,8}\Z"))
def test_every_character_of_an_address_can_be_mailed(local: str) -> None:
    assert takes(Address, f"{local}@example.org")
    assert _addressee(f"{local}@example.org").addr_spec == f"{local}@example.org"


@pytest.mark.parametrize(
    "tag",
    [
        "de", "en-GB", "DE-at", "nl-NL", "es-419", "zh-Hant-TW", "sr-Latn", "gsw", "de-1996",
        "sl-rozaj",
    ],
)  # fmt: skip
def test_a_language_is_any_that_there_is(tag: str) -> None:
    assert takes(LanguageTag, tag)


@pytest.mark.parametrize(
    "tag",
    [
        "", "x", "xx", "zz-DE", "und", "mul", "zxx", "en-XX", "en-Abcd", "english", "German",
        "en_GB", "en-", "-en", "en--GB", "en GB", "en-GB\n", "en-GB-DE", "x-private",
        "en-u-ca-buddhist", "i-klingon", "\u0435n", "en-1694acad-1994-1996",
    ],
)  # fmt: skip
def test_what_is_no_language_is_refused(tag: str) -> None:
    assert not takes(LanguageTag, tag)
