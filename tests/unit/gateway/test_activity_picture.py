"""The picture of the last days: every attempt is in it, and all that there is can be seen."""

import itertools
from datetime import date, timedelta
from typing import get_args

from services.gateway.portal.activity_picture import SERIES, Picture
from shared.contracts.activity import (
    AttemptCounts,
    AttemptOutcome,
    AttemptsOfDay,
    PictureDays,
)

TODAY = date(2026, 3, 1)


def picture(*counted: tuple[int, AttemptOutcome, int]) -> Picture:
    """Return the picture of what was counted: how many days ago, with what outcome, how often."""
    items = tuple(
        AttemptsOfDay(day=TODAY - timedelta(days=ago), outcome=outcome, count=count)
        for ago, outcome, count in counted
    )
    return Picture.of(AttemptCounts(today=TODAY, items=items))


def test_it_ends_today_and_has_every_day() -> None:
    days = picture((0, "signed-in", 1), (29, "signed-in", 2)).days
    assert len(days) == PictureDays
    assert (days[0].total, days[-1].total, days[-1].day) == (2, 1, TODAY)
    assert sum(each.total for each in days) == 3


def test_every_outcome_is_in_one_of_the_series() -> None:
    outcomes: tuple[AttemptOutcome, ...] = get_args(AttemptOutcome)
    shown = picture(*((0, each, 1) for each in outcomes))
    assert shown.most == len(outcomes)
    assert [part.series for part in shown.parts] == list(SERIES)
    assert shown.days[-1].counts["second-factor"] == 2


def test_what_is_seldom_is_seen_beside_a_flood_and_all_of_it_fits() -> None:
    shown = picture(
        (0, "throttled", 100_000), (0, "second-factor-failed", 1), (0, "overtaken", 1),
        (0, "signed-in", 1), (5, "signed-in", 1),
    )  # fmt: skip
    for part in shown.parts:
        assert part.height >= 3
        assert part.y >= 0
        assert part.y + part.height <= shown.height
        assert part.x + shown.bar <= shown.width
    # Each stands on the one before.
    today = [part for part in shown.parts if part.x == shown.parts[-1].x]
    for lower, upper in itertools.pairwise(today):
        assert upper.y + upper.height == lower.y
    assert [each.day for each in shown.with_any] == [TODAY, TODAY - timedelta(days=5)]
