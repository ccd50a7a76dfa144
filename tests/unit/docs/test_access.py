"""What is written down about getting in and about rights is what the code does."""

import re
from dataclasses import fields
from typing import Any, cast, get_args

import pytest

from services.credentials.config import CredentialsConfig
from services.credentials.model import ACCOUNT, ADDRESS, RESET, RESET_SENDS, Limit
from services.gateway.api.routes import Api
from services.sessions.config import SessionsConfig
from shared.contracts.methods import Kind
from tests.recorded.documents import ROOT

PAGE = (ROOT / "docs" / "access.md").read_text()
TABLE = Api(*[cast("Any", None)] * len(fields(Api))).operations()


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """Return the table of a section without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.asvs("6.1.3", "6.3.4")
def test_every_way_in_is_written_down() -> None:
    anyone = {f"{each.method} {each.path}" for each in TABLE if each.access == "anyone"}
    assert anyone == set(re.findall(r"- `(\w+ \S+)`", section("Ways in")))
    named = {word for row in rows("Ways in") for word in re.findall(r"`([\w-]+)`", row[0])}
    assert named == set(get_args(Kind))


@pytest.mark.asvs("6.1.1")
def test_the_limits_of_guessing_are_written_down() -> None:
    def told(limit: Limit) -> list[str]:
        return [
            str(limit.failures),
            *(
                f"{seconds} s"
                for seconds in (
                    limit.window_seconds,
                    limit.first_lock_seconds,
                    limit.longest_lock_seconds,
                )
            ),
        ]

    limits = (ACCOUNT, ACCOUNT, ADDRESS, RESET)
    assert [row[1:] for row in rows("Guessing")] == [told(each) for each in limits]
    assert RESET_SENDS.first_lock_seconds == RESET.first_lock_seconds


@pytest.mark.asvs("6.1.2")
def test_where_words_are_banned_is_written_down() -> None:
    told = section("Words that no password may be built on")
    assert "banned" in CredentialsConfig.model_fields
    assert "`CREDENTIALS_BANNED`" in told
    assert "the name of the organization" in told


@pytest.mark.asvs("7.1.1", "7.1.2")
def test_how_long_sessions_last_is_written_down() -> None:
    told, settings = section("Sessions"), SessionsConfig.model_fields
    assert f"after {settings['idle_minutes'].default} minutes (`SESSIONS_IDLE_MINUTES`)" in told
    assert f"after {settings['lifetime_hours'].default} hours" in told
    assert "Any number of sessions" in told


@pytest.mark.asvs("8.1.1")
def test_who_may_call_what_is_written_down() -> None:
    assert {row[0].strip("`") for row in rows("Who may call what")} == {
        each.access for each in TABLE
    }
    for each in TABLE:
        area = each.path.split("/")[1]
        assert {
            "anyone": area in {"sign-in", "password-reset"},
            "receipt": each.path == "/me/receipts/{id}",
            "session": area in {"me", "re-authenticate", "sign-out"},
            "admin": area == "admin",
            "server": each.path == "/app-passwords/check",
        }[each.access], each.path


@pytest.mark.asvs("8.1.2")
def test_no_call_writes_a_field_that_is_nobodys_to_write() -> None:
    told = {
        row[0].partition(" (")[0]: row[2] for row in rows("Who may read and write which fields")
    }
    assert told["a session"] == told["a receipt"] == "nobody"
    written = {
        name
        for each in TABLE
        if each.access == "session" and each.body is not None
        for name in each.body.model_fields
    }
    record = {"display_name", "emails", "job_title", "office", "phones", "manager", "roles"}
    assert written.isdisjoint(record)
