"""What is kept of an attempt to sign in, and which are kept as one."""

from datetime import UTC, datetime, timedelta

import pytest

from services.sessions.attempts import (
    NewAttempt,
    ThrottledMinutes,
    outcomes_called,
)
from services.sessions.places import Place, words_of
from shared.contracts.activity import AttemptOutcome, NoteAttempt
from shared.contracts.sessions import Where

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"


def refused(
    outcome: AttemptOutcome = "throttled",
    *,
    address: str = "2001:DB8::7",
    sub: str = "ada",
    familiar: bool = False,
    known: bool = True,
) -> NewAttempt:
    where = Where(address=address, user_agent=EDGE)
    return NewAttempt.of(
        NoteAttempt(
            sub=sub, outcome=outcome, where=where, familiar=familiar, device_id="d", known=known
        )
    )


def test_it_is_found_by_the_words_of_all_that_is_said_of_it() -> None:
    assert set(refused().words) == {"2001:db8::7", "microsoft", "edge", "windows", "portal"}
    assert words_of(" Wrong-Password  EDGE ") == ["wrong", "password", "edge"]
    assert outcomes_called("wrong") == ["wrong-password"]
    assert outcomes_called("second") == ["second-factor-failed", "second-factor-throttled"]
    assert outcomes_called("x") == []


@pytest.mark.parametrize(
    ("outcome", "familiar", "flags"),
    [
        ("wrong-password", True, ()),
        ("wrong-password", False, ("new-device",)),
        ("second-factor-failed", True, ()),
        ("second-factor-failed", False, ("new-device", "password-known")),
        ("second-factor-throttled", False, ("new-device", "password-known")),
        # Its owner does not use it any more.
        ("device-disabled", True, ("password-known",)),
    ],
)
def test_it_is_flagged_for_what_its_user_should_look_at(
    outcome: AttemptOutcome, flags: tuple[str, ...], *, familiar: bool
) -> None:
    assert refused(outcome, familiar=familiar).flags == flags


def test_one_address_is_counted_as_one_for_some_minutes() -> None:
    one = refused().id_at(AT)
    assert refused().id_at(AT + timedelta(seconds=ThrottledMinutes * 60 - 1)) == one
    for other in (
        refused().id_at(AT + timedelta(minutes=ThrottledMinutes)),
        refused(address="2001:DB8::8").id_at(AT),
        refused("second-factor-throttled").id_at(AT),
        refused(sub="eve").id_at(AT),
    ):
        assert other != one


def test_one_of_many_has_nothing_that_the_others_have_not() -> None:
    kept_as, bare = refused(familiar=True).without_origin(AT)
    assert refused(address="192.0.2.1").without_origin(AT) == (kept_as, bare)
    assert (bare.address, bare.browser, bare.device_id, bare.familiar) == (None, None, None, False)
    assert refused().without_origin(AT + timedelta(hours=1))[0] != kept_as


def test_what_is_nobody_s_is_kept_for_a_day() -> None:
    assert refused(known=False).kept_seconds == 24 * 3600
    assert refused().kept_seconds == 90 * 24 * 3600


def test_what_is_somebody_s_is_kept_for_as_long_as_their_policy_says() -> None:
    where = Where(address="192.0.2.7")
    for known, days in ((True, 7), (False, 1)):
        noted = NoteAttempt(sub="ada", outcome="wrong-password", where=where, known=known)
        assert NewAttempt.of(noted, kept_days=7).kept_seconds == days * 24 * 3600


def test_it_is_found_by_the_words_of_its_place() -> None:
    where = Where(address="192.0.2.7")
    noted = NoteAttempt(sub="ada", outcome="wrong-password", where=where)
    place = Place("DE", {"de": "Berlin, Deutschland", "en": "Berlin, Germany"})
    words = NewAttempt.of(noted, place=place).words
    assert {"berlin", "germany", "deutschland"} <= set(words)
    assert set(words_of("Berlin, Germany")) <= set(words)
