"""Who is told of a password that was reset, and of somebody who asks for help."""

from datetime import timedelta

import pytest

from services.credentials.model import help_asked, password_changed, reset_done, reset_refused
from shared.contracts.audit import Actor
from shared.contracts.epochs import Raised
from shared.contracts.events import Audited, Cause, CredentialChange
from tests.unit.profile.test_notices import AT, WORDS, System, system

__all__ = ["system"]
ADDRESSES = ("ada@example.org", "old@example.org", "ada@example.org")


def was_reset(cause: Cause = "password-reset") -> CredentialChange:
    return password_changed(Raised("ada", 2, "receipt-1", "token"), at=AT, cause=cause)


def told(system: System) -> list[tuple[str, str]]:
    return sorted((mail.to, mail.message_id) for mail in system.mailer.taken)


@pytest.mark.parametrize("cause", ["password-reset", "password-set-by-admin"])
async def test_a_password_that_is_not_ones_own_choice_is_told_to_every_address_once(
    system: System, cause: Cause
) -> None:
    system.person(emails=ADDRESSES)
    system.person("bo", roles=("admin",))
    for _ in range(2):
        await system.notices.owe(was_reset(cause))
        await system.send_all()
    assert told(system) == [
        ("ada@example.org", "<receipt-1.0@mail.example>"),
        ("old@example.org", "<receipt-1.1@mail.example>"),
    ]
    assert {mail.subject for mail in system.mailer.taken} == {
        WORDS.text(f"mail.{cause}.subject", "en")
    }


async def test_an_address_that_is_refused_keeps_no_other_from_being_told(system: System) -> None:
    system.person(emails=ADDRESSES)
    system.mailer.refused.add("ada@example.org")
    await system.notices.owe(was_reset())
    await system.send_all()
    assert [to for to, _ in told(system)] == ["old@example.org"]


async def test_what_waits_for_the_mail_server_goes_out_once(system: System) -> None:
    system.person(emails=ADDRESSES)
    await system.notices.owe(was_reset())
    system.mailer.away = True
    await system.send_all()
    system.mailer.away = False
    for _ in range(4):
        system.clock.advance(60)
        await system.send_all()
    assert [to for to, _ in told(system)] == ["ada@example.org", "old@example.org"]


@pytest.mark.parametrize("language", ["en", "de"])
async def test_an_admins_reset_is_told_to_the_other_admins(system: System, language: str) -> None:
    system.person(roles=("admin",))
    system.person("bo", roles=("admin",), preferred_language=language)
    system.person("cy", roles=("admin",), organization="elsewhere")
    system.person("di")
    await system.notices.owe(was_reset())
    await system.send_all()
    assert [to for to, _ in told(system)] == ["ada@example.org", "bo@example.org"]
    (mail,) = [each for each in system.mailer.taken if each.to == "bo@example.org"]
    assert mail.subject == WORDS.text("mail.admin-password-reset.subject", language)
    assert "ada@example.org" in mail.text


async def test_the_admins_are_told_who_asks_for_help_and_when(system: System) -> None:
    for sub in ("bo", "cy"):
        system.person(sub, roles=("admin",))
    await system.notices.owe(help_asked("ada", at=AT))
    await system.send_all()
    assert [to for to, _ in told(system)] == ["bo@example.org", "cy@example.org"]
    for mail in system.mailer.taken:
        assert "ada@example.org" in mail.text
        assert WORDS.moment(AT, "en") in mail.text


@pytest.mark.parametrize("reason", ["not-enabled", "not-registered"])
@pytest.mark.parametrize("language", ["en", "de"])
async def test_the_owner_hears_once_a_day_why_a_reset_was_refused(
    system: System, reason: str, language: str
) -> None:
    system.person(preferred_language=language)
    for hours in (0, 1, 1, 3):
        at = AT + timedelta(hours=hours)
        await system.notices.owe_of_refused_reset(reset_refused("ada", "halden", reason, at=at))
    await system.send_all()
    (mail,) = system.mailer.taken
    assert (mail.to, mail.subject) == (
        "ada@example.org",
        WORDS.text(f"mail.reset-{reason}.subject", language),
    )
    assert WORDS.moment(AT, language) in mail.text
    assert "desk@halden.example" in mail.text
    assert "ada" not in mail.message_id
    at = AT + timedelta(days=1)
    await system.notices.owe_of_refused_reset(reset_refused("ada", "halden", "not-enabled", at=at))
    await system.send_all()
    assert len(system.mailer.taken) == 2


async def test_nobody_hears_of_other_reasons_or_entries(system: System) -> None:
    for reason in ("disabled", "locked", "throttled", "unknown"):
        await system.notices.owe_of_refused_reset(reset_refused("ada", "halden", reason, at=AT))
    await system.notices.owe_of_refused_reset(reset_done("ada", "halden", at=AT))
    admin = Actor(sub="bo", organization="halden")
    other = Audited.of(admin, "disable-user", at=AT, subject="ada", reason="not-enabled")
    await system.notices.owe_of_refused_reset(other)
    assert await system.send_all() == 0
