"""Secrets at rest: bound to their place, opened under older keys, never under foreign ones."""

import pytest

from services.credentials.keyring import Keyring, Unsealable

OLD, NEW = "01" * 32, "02" * 32


def test_what_was_sealed_is_opened_in_its_place_only() -> None:
    ring = Keyring.parse(f"a:{OLD}")
    sealed = ring.seal("ada", b"a secret")
    assert b"a secret" not in sealed
    assert ring.open("ada", sealed) == b"a secret"
    with pytest.raises(Unsealable):
        ring.open("eve", sealed)


def test_the_first_key_seals_and_older_ones_still_open() -> None:
    before = Keyring.parse(f"a:{OLD}")
    after = Keyring.parse(f"b:{NEW}, a:{OLD}")
    sealed = before.seal("ada", b"a secret")
    assert after.open("ada", sealed) == b"a secret"
    again = after.seal("ada", b"a secret")
    assert (after.key_of(sealed), after.key_of(again), after.newest) == ("a", "b", "b")
    with pytest.raises(Unsealable):
        before.open("ada", again)


def test_nothing_is_sealed_the_same_way_twice() -> None:
    ring = Keyring.parse(f"a:{OLD}")
    assert len({ring.seal("ada", b"a secret") for _ in range(20)}) == 20


def test_every_altered_byte_is_noticed() -> None:
    ring = Keyring.parse(f"a:{OLD}")
    sealed = ring.seal("ada", b"a secret")
    for at in range(len(sealed)):
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(Unsealable):
            ring.open("ada", altered)


@pytest.mark.parametrize("sealed", [b"", b"\0", b"\1a", b"\1a" + bytes(12), b"\xffa", bytes(40)])
def test_what_was_never_sealed_is_refused(sealed: bytes) -> None:
    with pytest.raises(Unsealable):
        Keyring.parse(f"a:{OLD}").open("ada", sealed)


@pytest.mark.parametrize(
    "text", ["", "a", "a:", f":{OLD}", "a:0102", f"a:{OLD}00", f"a:{'zz' * 32}", f"a:{OLD},a:{NEW}"]
)
def test_a_ring_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Keyring.parse(text)
