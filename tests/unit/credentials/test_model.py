"""The rules of passwords, user IDs and fingerprints."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.credentials.model import (
    ACCOUNT,
    Counted,
    Password,
    fingerprint,
    normalized,
    password_changed,
    prepared,
)
from shared.contracts.epochs import Raised

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 12, tzinfo=UTC)


def stored(verifier: str | None, *former: str, temporary: bool = False) -> Password:
    return Password("ada", "ada@example.org", verifier, temporary, 4, AT, former)


def test_a_change_replaces_the_verifier_and_raises_the_version() -> None:
    changed = stored("v1", temporary=True).changed("v2", at=LATER, history=1)
    assert changed == Password("ada", "ada@example.org", "v2", False, 5, LATER, ())


def test_a_history_of_one_remembers_the_current_password_only() -> None:
    assert stored("v1", "v0").changed("v2", at=LATER, history=1).former == ()


def test_a_longer_history_remembers_the_former_ones_newest_first() -> None:
    changed = stored("v2", "v1", "v0").changed("v3", at=LATER, history=3)
    assert changed.former == ("v2", "v1")


def test_a_history_that_grew_keeps_what_there_is() -> None:
    assert stored("v2", "v1").changed("v3", at=LATER, history=9).former == ("v2", "v1")


def test_a_first_password_has_no_former_one() -> None:
    assert stored(None).changed("v1", at=LATER, history=3).former == ()


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=12), st.integers(1, 6))
def test_never_more_than_policy_asks_are_remembered(verifiers: list[str], history: int) -> None:
    password = stored(None)
    for verifier in verifiers:
        password = password.changed(verifier, at=LATER, history=history)
    in_use = (password.verifier, *password.former)
    assert list(in_use) == verifiers[::-1][:history]
    assert password.version == 4 + len(verifiers)


@pytest.mark.parametrize(
    "spelling",
    [
        "ada@example.org",
        "ADA@Example.ORG",
        "  ada@example.org\t",
        "\uff41da@example.org",  # A full-width letter.
        "ada\uff20example.org",  # A full-width at sign.
        "\u00a0ada@example.org\u3000",  # A no-break and an ideographic space.
    ],
)
def test_a_user_id_has_one_form_however_it_is_spelt(spelling: str) -> None:
    assert normalized(spelling) == "ada@example.org"


def test_composed_and_decomposed_user_ids_are_one() -> None:
    assert normalized("jos\u00e9@example.org") == normalized("JOSE\u0301@example.org")


def test_what_folds_to_more_letters_is_one_user_id() -> None:
    assert normalized("STRASSE") == normalized("stra\u00dfe")


@given(st.text(max_size=40))
def test_equivalent_user_ids_have_one_form(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert normalized(unicodedata.normalize(form, text)) == normalized(text)


@given(st.text(max_size=40))
def test_spaces_around_a_user_id_do_not_count(text: str) -> None:
    assert normalized(f" {text}\n") == normalized(text)


@pytest.mark.parametrize("text", ["", " ", "\t\u3000"])
def test_a_user_id_of_nothing_but_spaces_is_empty(text: str) -> None:
    assert normalized(text) == ""


def test_composed_and_decomposed_passwords_are_one() -> None:
    assert prepared("p\u00e4ssword") == prepared("pa\u0308ssword") == "p\u00e4ssword"


def test_full_width_passwords_are_their_own() -> None:
    # RFC 8265, 4.2.2: OpaqueString keeps width, as it keeps case.
    assert prepared("\uff21da") == "\uff21da"
    assert prepared("Ada") == "Ada"


def test_every_space_is_the_space() -> None:
    assert prepared("one\u00a0two\u3000three\u2003four") == "one two three four"


@pytest.mark.asvs("6.2.8")
def test_spaces_at_the_ends_belong_to_the_password() -> None:
    assert prepared(" quiet boats ") == " quiet boats "


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "a\u0085b",
        "\ud800",
        "ok\udfff",
        "a\u200bb",
        "a\ufdd0",
        "a\u0378",
    ],
)
def test_what_cannot_be_a_password_is_none(text: str) -> None:
    assert prepared(text) is None


def test_emoji_are_characters_like_others() -> None:
    assert prepared("\U0001f9a6 counts \U0001f4a1") == "\U0001f9a6 counts \U0001f4a1"


@given(st.text(max_size=60))
def test_preparing_never_fails_and_is_done_once(text: str) -> None:
    once = prepared(text)
    if once is not None:
        assert prepared(once) == once
        assert unicodedata.is_normalized("NFC", once)


def test_a_fingerprint_depends_on_the_pepper_and_every_part() -> None:
    pepper = b"0123456789abcdef"
    prints = {
        fingerprint(pepper, "ada", "guess"),
        fingerprint(b"another pepper..", "ada", "guess"),
        fingerprint(pepper, "ada", "other"),
        fingerprint(pepper, "eve", "guess"),
        fingerprint(pepper, "adagu", "ess"),
    }
    assert len(prints) == 5
    assert fingerprint(pepper, "ada", "guess") in prints


def test_a_fingerprint_of_surrogates_is_a_fingerprint() -> None:
    assert len(fingerprint(b"0123456789abcdef", "\ud800")) == 64


def test_a_key_is_clean_while_nothing_was_guessed() -> None:
    assert Counted().is_clean
    assert not Counted(failures=0, recent=("after a lock",)).is_clean


def test_a_key_locks_after_ten_for_a_minute_up_to_an_hour() -> None:
    assert (ACCOUNT.failures, ACCOUNT.first_lock_seconds, ACCOUNT.longest_lock_seconds) == (
        10,
        60,
        3600,
    )


def test_the_event_of_a_change_names_its_receipt_and_no_secret() -> None:
    event = password_changed(Raised("ada", 7, "receipt", "the token"), at=AT)
    assert (event.id, event.subject) == ("receipt", "ada")
    assert (event.payload.epoch, event.payload.receipt) == (7, "receipt")
    assert event.payload.change_type == "update"
    assert "the token" not in event.model_dump_json()
