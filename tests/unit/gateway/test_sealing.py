"""Sealing: only the same secret, purpose and context open what was sealed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.sealing import Sealer, Unsealable

SEALER = Sealer(b"the secret of a test, long enough")
OTHER = Sealer(b"another secret, just as long as it")


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_is_sealed_is_opened_again(content: bytes, context: bytes) -> None:
    assert SEALER.open("flow", context, SEALER.seal("flow", context, content)) == content


@pytest.mark.parametrize(
    ("sealer", "purpose", "context"),
    [
        (OTHER, "flow", b"id"),
        (SEALER, "answer", b"id"),
        (SEALER, "flow", b"other"),
        (SEALER, "flow", b""),
    ],
)
def test_nothing_else_opens_it(sealer: Sealer, purpose: str, context: bytes) -> None:
    sealed = SEALER.seal("flow", b"id", b"content")
    with pytest.raises(Unsealable):
        sealer.open(purpose, context, sealed)


def test_whatever_is_altered_is_not_opened() -> None:
    sealed = SEALER.seal("flow", b"id", b"content")
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(Unsealable):
            SEALER.open("flow", b"id", bytes(altered))


@pytest.mark.parametrize("sealed", [b"", b"x", b"in-progress", b"x" * 12, b"x" * 27])
def test_what_was_never_sealed_is_not_opened(sealed: bytes) -> None:
    with pytest.raises(Unsealable):
        SEALER.open("flow", b"id", sealed)


def test_the_same_content_is_never_sealed_the_same() -> None:
    assert len({SEALER.seal("flow", b"id", b"content") for _ in range(50)}) == 50


def test_a_name_depends_on_secret_purpose_and_every_part() -> None:
    names = {
        SEALER.name("csrf", b"cookie"),
        OTHER.name("csrf", b"cookie"),
        SEALER.name("answer", b"cookie"),
        SEALER.name("csrf", b"coo", b"kie"),
        SEALER.name("csrf", b"cook", b"ie"),
        SEALER.name("csrf", b"cookie", b""),
        SEALER.name("csrf"),
    }
    assert len(names) == 7
    assert SEALER.name("csrf", b"cookie") in names
