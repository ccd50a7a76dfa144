"""Mails that are owed: once per change, in the user's language, until they are taken."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.profile.model import Notice, OrganizationRecord, PersonRecord
from services.profile.notices import TEXTS, Notices
from services.sessions.model import device_disabled, new_devices
from shared.contracts.events import (
    Cause,
    CredentialChange,
    CredentialChangePayload,
    SignedOutEverywhere,
    SignedOutEverywherePayload,
)
from shared.contracts.profile import AddPerson, Helpdesk
from shared.texts import Catalogues
from tests.memory.clock import StoppedClock
from tests.memory.epochs import MemoryEpochs
from tests.memory.profile import MemoryNotices, MemoryPeople, Postbox

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
WORDS = Catalogues.load(TEXTS)


@dataclass
class System:
    """Everything of the notices but the bus and the servers."""

    clock: StoppedClock
    store: MemoryNotices
    people: MemoryPeople
    mailer: Postbox
    notices: Notices

    def person(self, sub: str = "ada", **more: Any) -> None:
        usual = {
            "organization": "halden",
            "user_id": f"{sub}@example.org",
            "display_name": "Ada Marsh",
            "emails": (f"{sub}@example.org",),
        }
        record = AddPerson.model_validate(usual | more)
        self.people.persons[sub] = PersonRecord(sub, record)

    def helpdesk(self, **how: str) -> None:
        organization = OrganizationRecord("halden", "Halden Logistics", Helpdesk(**how))
        self.people.organizations["halden"] = organization

    async def send_all(self) -> int:
        sent = 0
        while await self.notices.send_due():
            sent += 1
        return sent


@pytest.fixture
def system() -> System:
    clock = StoppedClock()
    store = MemoryNotices(clock, MemoryEpochs(clock))
    people, mailer = MemoryPeople(), Postbox()
    notices = Notices(store, people, mailer, WORDS, "https://portal.example", "mail.example")
    made = System(clock, store, people, mailer, notices)
    made.person()
    made.helpdesk(email="desk@halden.example", phone="112")
    return made


def changed(sub: str = "ada", receipt: str = "receipt-1", event_id: str = "") -> CredentialChange:
    return CredentialChange(
        id=event_id or receipt,
        subject=sub,
        occurred_at=AT,
        initiating_entity="user",
        payload=CredentialChangePayload(
            credential_type="password",
            change_type="update",
            cause="password-changed",
            epoch=2,
            receipt=receipt,
        ),
    )


def signed_out(sub: str = "ada", receipt: str = "receipt-2") -> SignedOutEverywhere:
    cause: Cause = "signed-out-everywhere"
    return SignedOutEverywhere(
        id=receipt,
        subject=sub,
        occurred_at=AT,
        initiating_entity="user",
        payload=SignedOutEverywherePayload(cause=cause, epoch=2, receipt=receipt),
    )


async def test_a_change_is_told_by_one_mail_to_the_first_address(system: System) -> None:
    system.person(emails=("first@example.org", "second@example.org"))
    await system.notices.owe(changed())
    await system.send_all()
    (mail,) = system.mailer.taken
    assert mail.to == "first@example.org"
    assert mail.subject == WORDS.text("mail.password-changed.subject", "en")


@pytest.mark.parametrize(
    ("asked", "written"),
    [("de", "de"), ("de-AT", "de"), ("DE", "de"), ("en", "en"), (None, "en"), ("xx", "en")],
)
async def test_a_mail_is_written_in_the_users_language(
    system: System, asked: str | None, written: str
) -> None:
    system.person(preferred_language=asked)
    await system.notices.owe(signed_out())
    await system.send_all()
    (mail,) = system.mailer.taken
    assert mail.subject == WORDS.text("mail.signed-out-everywhere.subject", written)


@pytest.mark.parametrize("language", ["en", "de"])
async def test_mails_tell_of_disabled_and_of_new_devices(system: System, language: str) -> None:
    system.person(preferred_language=language)
    for event in (
        device_disabled("ada", "laptop", receipt="receipt-1", at=AT),
        new_devices("ada", ("phone",), at=AT),
    ):
        await system.notices.owe(event)
    await system.send_all()
    told = {mail.subject for mail in system.mailer.taken}
    causes = ("device-disabled", "new-device")
    assert told == {WORDS.text(f"mail.{each}.subject", language) for each in causes}
    assert not any(
        word in mail.text for mail in system.mailer.taken for word in ("laptop", "phone")
    )


async def test_a_mail_says_who_what_when_and_whom_to_ask(system: System) -> None:
    await system.notices.owe(changed())
    await system.send_all()
    (mail,) = system.mailer.taken
    for told in (
        "Ada Marsh",
        "ada@example.org",
        "Halden Logistics",
        "desk@halden.example",
        "https://portal.example",
        WORDS.moment(AT, "en"),
    ):
        assert told in mail.text


async def test_a_mail_carries_no_secret_and_no_receipt(system: System) -> None:
    await system.notices.owe(changed())
    await system.send_all()
    (mail,) = system.mailer.taken
    assert "receipt-1" not in mail.text
    assert mail.message_id == "<receipt-1@mail.example>"


async def test_names_with_braces_are_written_as_they_are(system: System) -> None:
    system.person(display_name="{user_id} {0} %s")
    await system.notices.owe(changed())
    await system.send_all()
    assert "{user_id} {0} %s" in system.mailer.taken[0].text


async def test_without_an_address_of_the_helpdesk_its_number_is_given(system: System) -> None:
    system.helpdesk(phone="+49 421 112")
    await system.notices.owe(changed())
    await system.send_all()
    assert "+49 421 112" in system.mailer.taken[0].text


async def test_without_an_organization_a_mail_goes_out_all_the_same(system: System) -> None:
    system.people.organizations.clear()
    await system.notices.owe(changed())
    await system.send_all()
    assert len(system.mailer.taken) == 1


async def test_events_that_come_twice_make_one_mail(system: System) -> None:
    for event in (changed(), changed(), changed(event_id="told again")):
        await system.notices.owe(event)
    await system.send_all()
    await system.notices.owe(changed())
    assert await system.send_all() == 0
    assert len(system.mailer.taken) == 1


async def test_each_change_has_a_mail_of_its_own_in_whatever_order(system: System) -> None:
    system.person("bob")
    for event in (signed_out(receipt="r3"), changed("bob", "r2"), changed(receipt="r1")):
        await system.notices.owe(event)
    assert await system.send_all() == 3
    ids = {mail.message_id for mail in system.mailer.taken}
    assert ids == {f"<{receipt}@mail.example>" for receipt in ("r1", "r2", "r3")}


async def test_a_mail_server_that_is_away_gets_the_mail_when_it_is_back(system: System) -> None:
    system.mailer.away = True
    await system.notices.owe(changed())
    assert await system.send_all() == 1
    system.mailer.away = False
    assert await system.send_all() == 0
    system.clock.advance(2)
    assert await system.send_all() == 1
    assert len(system.mailer.taken) == 1


async def test_attempts_grow_apart_up_to_a_minute(system: System) -> None:
    system.mailer.away = True
    await system.notices.owe(changed())
    pauses = []
    for _ in range(8):
        assert await system.send_all() == 1
        due_at = system.store.owed["receipt-1"].due_at
        pauses.append(due_at - system.clock.monotonic())
        system.clock.advance(pauses[-1])
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


async def test_an_address_that_is_refused_is_not_tried_again(system: System) -> None:
    system.mailer.refused.add("ada@example.org")
    await system.notices.owe(changed())
    assert await system.send_all() == 1
    system.clock.advance(3600)
    assert await system.send_all() == 0
    assert system.store.owed["receipt-1"].outcome == "undeliverable"


async def test_a_refused_address_is_followed_by_the_next_and_one_mail_is_sent(
    system: System,
) -> None:
    system.person(emails=("gone@example.org", "here@example.org", "third@example.org"))
    system.mailer.refused.add("gone@example.org")
    await system.notices.owe(changed())
    assert await system.send_all() == 1
    assert [mail.to for mail in system.mailer.taken] == ["here@example.org"]
    assert system.store.owed["receipt-1"].outcome == "sent"


async def test_a_server_that_is_away_is_no_reason_to_try_the_next_address(system: System) -> None:
    system.person(emails=("first@example.org", "second@example.org"))
    system.mailer.away = True
    await system.notices.owe(changed())
    await system.send_all()
    system.mailer.away = False
    system.clock.advance(2)
    await system.send_all()
    assert [mail.to for mail in system.mailer.taken] == ["first@example.org"]


async def test_a_notice_that_fails_as_nobody_foresaw_stops_no_other(system: System) -> None:
    system.person("bob")
    system.mailer.broken_for.add("ada@example.org")
    await system.notices.owe(changed("ada", "r1"))
    await system.notices.owe(changed("bob", "r2"))
    assert await system.send_all() == 2
    assert [mail.to for mail in system.mailer.taken] == ["bob@example.org"]
    system.mailer.broken_for.clear()
    system.clock.advance(2)
    assert await system.send_all() == 1
    assert len(system.mailer.taken) == 2


async def test_a_cause_of_a_newer_version_is_told_in_general_words(system: System) -> None:
    newer: Any = "totp-removed"
    await system.store.owe("event-1", Notice("r1", "ada", newer, AT))
    await system.notices.owe(changed(receipt="r2"))
    assert await system.send_all() == 2
    assert [mail.subject for mail in system.mailer.taken] == [
        WORDS.text("mail.account-changed.subject", "en"),
        WORDS.text("mail.password-changed.subject", "en"),
    ]


async def test_a_mail_that_takes_too_long_waits_before_another_mailer_may_take_it(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.owed.SendingSeconds", 0.01)
    monkeypatch.setattr(system.mailer, "send", lambda _mail: asyncio.sleep(5))
    await system.notices.owe(changed())
    async with asyncio.timeout(2):
        assert await system.send_all() == 1
    assert system.store.owed["receipt-1"].outcome is None


async def test_a_mail_is_tried_however_often_it_was_tried(system: System) -> None:
    system.mailer.away = True
    await system.notices.owe(changed())
    owed = system.store.owed["receipt-1"]
    system.store.owed["receipt-1"] = replace(owed, notice=replace(owed.notice, attempts=5000))
    assert await system.send_all() == 1
    assert system.store.owed["receipt-1"].due_at - system.clock.monotonic() == 60


@pytest.mark.parametrize("sub", ["nobody", "mute"])
async def test_who_has_no_address_gets_no_mail_and_stops_nobody(system: System, sub: str) -> None:
    system.person("mute", emails=())
    await system.notices.owe(changed(sub, "r1"))
    await system.notices.owe(changed("ada", "r2"))
    assert await system.send_all() == 2
    assert [mail.to for mail in system.mailer.taken] == ["ada@example.org"]
    assert system.store.owed["r1"].outcome == "undeliverable"


async def test_a_mailer_that_died_with_a_mail_in_hand_leaves_it_to_the_next(
    system: System,
) -> None:
    await system.notices.owe(changed())
    await system.store.claim()
    assert await system.send_all() == 0
    system.clock.advance(10)
    assert await system.send_all() == 1


async def test_a_change_whose_event_was_lost_is_told_all_the_same(system: System) -> None:
    system.store.epochs.epochs["ada"] = 1
    raised = system.store.epochs.raise_("ada", "password-changed")
    seen = await system.notices.owe_missed(None)
    await system.send_all()
    assert [mail.message_id for mail in system.mailer.taken] == [f"<{raised.receipt}@mail.example>"]
    await system.notices.owe(changed(receipt=raised.receipt, event_id="late"))
    await system.notices.owe_missed(seen)
    assert await system.send_all() == 0


def every_cause() -> list[str]:
    causes = ("password-changed", "signed-out-everywhere", "account-changed")
    return [f"mail.{cause}.{part}" for cause in causes for part in ("subject", "text")]


@pytest.mark.parametrize("text_id", every_cause())
def test_every_cause_that_is_told_has_a_text_in_every_language(text_id: str) -> None:
    assert all(text_id in texts for texts in WORDS.texts.values())


async def test_a_password_that_an_admin_set_is_told_the_user_and_the_other_admins(
    system: System,
) -> None:
    for sub in ("root", "mei"):
        system.person(sub, roles=("admin",))
    system.person("gone", roles=("admin",))
    system.people.persons["gone"] = replace(system.people.persons["gone"], disabled=True)
    system.person("zoe", roles=("admin",), organization="elsewhere")
    told = changed()
    payload = told.payload.model_copy(update={"cause": "password-set-by-admin", "by": "root"})
    told = told.model_copy(update={"payload": payload, "initiating_entity": "admin"})
    for _ in range(2):
        await system.notices.owe(told)
    await system.send_all()
    mails = {mail.to: mail for mail in system.mailer.taken}
    assert len(system.mailer.taken) == 2
    assert set(mails) == {"ada@example.org", "mei@example.org"}
    assert mails["ada@example.org"].subject == WORDS.text(
        "mail.password-set-by-admin.subject", "en"
    )
    assert "Ada Marsh (ada@example.org)" in mails["mei@example.org"].text


async def test_a_notice_for_one_address_goes_there_and_nowhere_else(system: System) -> None:
    system.person(emails=("new@example.org",))
    for number, address in enumerate(("old@example.org", "new@example.org")):
        notice = Notice(f"change.{number}", "ada", "addresses-changed", AT, to=address)
        await system.store.owe(f"change.{number}", notice)
    system.mailer.refused.add("old@example.org")
    await system.send_all()
    assert [mail.to for mail in system.mailer.taken] == ["new@example.org"]
    assert system.store.owed["change.0"].outcome == "undeliverable"
