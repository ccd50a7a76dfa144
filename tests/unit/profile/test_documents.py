"""The rules of terms of use: which version holds, and where somebody stands with it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.profile.documents import Decision, Document, Standing, Version
from services.profile.errors import AcceptanceStands, NoSuchTerms, TermsChanged
from shared.contracts.sessions import Where
from shared.contracts.terms import ReAccept

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WHERE = Where(address="192.0.2.7")


def version(number: int, re_accept: ReAccept = "no", *, after: int | None = 0) -> Version:
    """Return a version in force so many hours from now; a draft, where there are none."""
    at = NOW + after * HOUR if after is not None else None
    titles = {"en-GB": "Rules", "de": "Regeln", "en": "More rules"}
    return Version("d", "halden", number, number, True, re_accept, None, titles, at, at)


def document(*versions: Version) -> Document:
    return Document(versions, NOW)


def accepted(number: int, version: int, *, hours_ago: int = 1, days: int | None = None) -> Decision:
    at = NOW - hours_ago * HOUR
    return Decision(
        "d", "halden", "kim", number, version, "accepted", "Rules", "en", WHERE, days, at
    )


def test_the_highest_version_whose_time_has_come_holds() -> None:
    known = document(version(1, after=-2), version(2, after=0), version(3, after=1))
    assert known.known_current.number == 2
    assert document(version(1, after=-1), version(2, after=None)).known_current.number == 1
    # What was to come later and was overtaken stays so.
    assert document(version(1, after=-3), version(2, after=-1), version(3, after=-2)).current == (
        version(3, after=-2)
    )
    with pytest.raises(NoSuchTerms):
        _ = document(version(1, after=None)).known_current


@pytest.mark.parametrize(
    ("asks", "accepted_from", "at_once_from"),
    [
        (["no"], 1, None),
        (["no", "no"], 1, None),
        (["no", "next-sign-in", "no"], 2, None),
        (["at-once", "next-sign-in"], 2, 1),
        (["no", "at-once", "no"], 2, 2),
    ],
)
def test_each_version_says_whose_acceptance_still_counts(
    asks: list[ReAccept], accepted_from: int, at_once_from: int | None
) -> None:
    versions = (version(n, each, after=n - len(asks)) for n, each in enumerate(asks, start=1))
    known = document(*versions)
    assert (known.accepted_from, known.at_once_from) == (accepted_from, at_once_from)


@pytest.mark.parametrize("after", [-2, -1, 0, 1])
def test_a_version_that_was_replaced_before_its_time_asks_nothing(after: int) -> None:
    known = document(version(1, after=-3), version(2, "at-once", after=after), version(3, after=-2))
    assert known.known_current.number == 3
    assert (known.accepted_from, known.at_once_from) == (1, None)
    standing = Standing(known, (accepted(1, 1, hours_ago=3),))
    assert not standing.is_missing
    assert not standing.is_missing_at_once


def test_an_acceptance_of_before_holds_where_nothing_is_asked_anew() -> None:
    known = document(
        version(1, "at-once", after=-2), version(2, "next-sign-in", after=-1), version(3)
    )
    first, second = Standing(known, (accepted(1, 1),)), Standing(known, (accepted(1, 2),))
    assert (first.is_missing, first.is_missing_at_once, first.status) == (True, False, "missing")
    assert (second.is_missing, second.is_missing_at_once, second.status) == (
        False, False, "accepted",
    )  # fmt: skip
    assert Standing(known).is_missing_at_once


def test_an_acceptance_ends_at_the_moment_that_its_days_are_over() -> None:
    known = document(version(1, "at-once"))
    held = Standing(known, (accepted(1, 1, hours_ago=23, days=1),))
    over = Standing(known, (accepted(1, 1, hours_ago=24, days=1),))
    assert (held.is_missing, held.is_missing_at_once) == (False, False)
    assert (over.is_missing, over.is_missing_at_once) == (True, True)


def test_what_is_not_required_is_missed_by_nobody() -> None:
    optional = replace(version(1, "at-once"), required=False)
    assert not Standing(document(optional)).is_missing
    assert not Standing(document(optional)).is_missing_at_once


def test_a_decision_names_the_current_version() -> None:
    standing = Standing(document(version(1), version(2)), (accepted(1, 1),))
    with pytest.raises(TermsChanged):
        standing.decide("kim", "accepted", 1, (), WHERE)
    made = standing.decide("kim", "accepted", 2, ("de-AT",), WHERE)
    assert made is not None
    assert (made.number, made.version, made.language, made.at) == (2, 2, "de", NOW)
    after = standing.with_(made)
    assert after.decide("kim", "accepted", 2, (), WHERE) is None
    with pytest.raises(AcceptanceStands):
        after.decide("kim", "declined", 2, (), WHERE)


@pytest.mark.parametrize(
    ("preferred", "language"),
    [
        ((), "en-GB"),
        (("fr",), "en-GB"),
        (("de-CH", "en"), "de"),
        (("en",), "en"),
        (("EN-us",), "en-GB"),
        (("fr", "DE"), "de"),
    ],
)
def test_the_language_is_one_that_is_read_or_else_the_first(
    preferred: tuple[str, ...], language: str
) -> None:
    assert version(1).language(preferred) == language
