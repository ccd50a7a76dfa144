"""What the profile service is told, through RabbitMQ: twice or out of order, it does no harm."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from services.credentials.model import (
    Lock,
    account_enabled,
    help_asked,
    password_changed,
    reset_refused,
    sign_in_locked,
)
from services.profile.audit import Audit
from services.profile.erasures import Erasures
from services.profile.model import Notice
from services.profile.mongo import MongoPeopleStore
from services.profile.mongo_audit import MongoAuditStore
from services.profile.mongo_notices import MongoNoticeStore
from services.profile.mongo_personal_data import MongoErasureStore
from services.profile.mongo_personal_data import holdings as kept_by_profile
from services.profile.notices import TEXTS, Notices
from services.profile.people import People
from services.profile.subscribers import subscribe as profile_hears
from services.profile.trail import Seal
from services.profile.users import Users
from services.sessions.model import device_disabled, new_devices
from shared.clock import SystemClock
from shared.contracts.audit import Actor
from shared.contracts.epochs import Raised
from shared.contracts.events import AccountErased, AccountPurged, Audited
from shared.contracts.personal_data import KEEPERS, AskErasure, ReadErasure
from shared.contracts.profile import AddPerson
from shared.personal_data import PersonalData
from shared.texts import Catalogues
from shared.wiring import Wiring
from tests.contract.brokers import Brokers
from tests.contract.events.telling import (
    ADA,
    AT,
    KINDS,
    Line,
    changed,
    disabled,
    each_kind,
    signed_out,
)
from tests.memory.profile import Postbox


@dataclass
class ProfileSide:
    """The profile service behind its bus."""

    notices: Notices
    mailer: Postbox
    line: Line
    trail: MongoAuditStore
    wiring: Wiring
    erasures: Erasures

    async def mailed(self) -> list[str]:
        while await self.notices.send_due():
            pass
        return [mail.message_id.partition("@")[0].lstrip("<") for mail in self.mailer.taken]


@pytest.fixture
async def profile_side(profile: Wiring, brokers: Brokers) -> ProfileSide:
    people = MongoPeopleStore(profile.database, profile.transactions)
    document = {"_id": "ada", "organization": "halden", "user_id": "ada", "display_name": "Ada"}
    await profile.database["people"].insert_one({**document, "emails": ["ada@example.org"]})
    mailer = Postbox()
    store = MongoNoticeStore(profile.database, profile.epochs, profile.transactions)
    notices = Notices(
        store, people, mailer, Catalogues.load(TEXTS), "https://portal.example", "mail"
    )
    trail = MongoAuditStore(profile.database, profile.transactions, Seal(b"a test's key"))
    bus = brokers.bus()
    users = Users(people, People(people, SystemClock()), SystemClock())
    audit = Audit(trail, people, SystemClock())
    erasures = Erasures(MongoErasureStore(profile.database, profile.transactions), SystemClock())
    kept = kept_by_profile(profile.database)
    data = PersonalData("profile", kept, profile.transactions, SystemClock())
    profile_hears(bus, notices, audit, users, erasures, data)
    await brokers.run(bus)
    return ProfileSide(notices, mailer, Line(brokers, bus), trail, profile, erasures)


@each_kind
async def test_profile_mails_once_what_it_is_told_twice(
    profile_side: ProfileSide, kind: str
) -> None:
    tell, _ = KINDS[kind]
    told = tell(Raised("ada", 2, "r1", "t"))
    await profile_side.line.bring(told, told)
    assert await profile_side.mailed() == ["r1"]
    await profile_side.line.bring(told)
    assert await profile_side.mailed() == ["r1"]


@each_kind
async def test_profile_mails_once_what_many_deliveries_tell_at_once(
    profile_side: ProfileSide, kind: str
) -> None:
    tell, _ = KINDS[kind]
    await profile_side.line.bring_at_once(*[tell(Raised("ada", 2, "r1", "t"))] * 5)
    assert await profile_side.mailed() == ["r1"]


@each_kind
async def test_profile_mails_each_change_when_events_come_in_reverse(
    profile_side: ProfileSide, kind: str
) -> None:
    tell, _ = KINDS[kind]
    first, second = (tell(Raised("ada", epoch, f"r{epoch}", "t")) for epoch in (2, 3))
    await profile_side.line.bring(second, first, second)
    assert sorted(await profile_side.mailed()) == ["r2", "r3"]


async def test_profile_knows_of_an_account_what_happened_last_in_whatever_order_it_is_told(
    profile_side: ProfileSide,
) -> None:
    people = profile_side.notices.people
    record = AddPerson(organization="halden", user_id="bo@example.org", display_name="Bo")
    person, _ = await people.add_person(record)
    shut = disabled(Raised(person.sub, 2, "r2", "t"))
    opened = account_enabled(replace(ADA, sub=person.sub, version=3), at=AT)
    await profile_side.line.bring_at_once(opened, shut, opened, shut)
    known = await people.person(person.sub)
    assert known is not None
    assert not known.disabled
    await profile_side.line.bring(disabled(Raised(person.sub, 4, "r4", "t")), opened)
    known = await people.person(person.sub)
    assert known is not None
    assert known.disabled


async def test_profile_does_not_mail_again_what_it_caught_up_with_before(
    profile_side: ProfileSide,
) -> None:
    notice = Notice("r1", "ada", "password-changed", AT)
    await profile_side.notices.store.owe("caught-up", notice)
    await profile_side.line.bring(changed(Raised("ada", 2, "r1", "t")))
    assert await profile_side.mailed() == ["r1"]


async def test_profile_mails_each_lock_once_in_whatever_order(profile_side: ProfileSide) -> None:
    first, second = (
        sign_in_locked(Lock("ada", cause), at=AT) for cause in ("sign-in-locked", "codes-locked")
    )
    await profile_side.line.bring(second, first, second, first)
    assert sorted(await profile_side.mailed()) == sorted([first.id, second.id])


async def test_profile_mails_each_disabled_and_each_new_device_once_in_whatever_order(
    profile_side: ProfileSide,
) -> None:
    new = new_devices("ada", ("laptop", "phone"), at=AT)
    disabled = device_disabled("ada", "laptop", receipt="r1", at=AT)
    await profile_side.line.bring(disabled, new, disabled, new)
    assert sorted(await profile_side.mailed()) == ["new-device.laptop", "r1"]


async def test_profile_tells_the_admins_once_of_each_who_asks_for_help(
    profile_side: ProfileSide,
) -> None:
    people = profile_side.notices.people
    admin = AddPerson(organization="halden", user_id="bo", display_name="Bo", roles=("admin",))
    added, _ = await people.add_person(admin.model_copy(update={"emails": ("bo@example.org",)}))
    first, second = (help_asked("ada", at=AT) for _ in range(2))
    await profile_side.line.bring(second, first, second, first)
    await profile_side.line.bring_at_once(first, second)
    expected = sorted(f"{each.id}.{added.sub}" for each in (first, second))
    assert sorted(await profile_side.mailed()) == expected


@pytest.mark.parametrize("times", [1, 3])
async def test_profile_tells_each_address_once_of_a_reset(
    profile_side: ProfileSide, times: int
) -> None:
    addresses = {"emails": ["ada@example.org", "old@example.org"]}
    people = profile_side.wiring.database["people"]
    await people.update_one({"_id": "ada"}, {"$set": addresses})
    told = password_changed(Raised("ada", 2, "r1", "t"), at=AT, cause="password-reset")
    await profile_side.line.bring_at_once(*[told] * times)
    assert sorted(await profile_side.mailed()) == ["r1.0", "r1.1"]


async def test_profile_audits_once_what_it_is_told_twice(profile_side: ProfileSide) -> None:
    actor = Actor(sub="ada", organization="halden")
    first, second = (Audited.of(actor, "add-user", at=AT, subject=each) for each in ("bo", "cy"))
    await profile_side.line.bring_at_once(second, first, second, first)
    entries = await profile_side.trail.entries("halden", after=0, limit=9)
    assert {each.told.id for each in entries} == {first.id, second.id}
    assert [each.sequence for each in entries] == [1, 2]
    assert await profile_side.mailed() == []


async def test_profile_tells_the_owner_once_of_refused_resets_of_a_day(
    profile_side: ProfileSide,
) -> None:
    told = [
        reset_refused("ada", "halden", "not-registered", at=AT + timedelta(hours=hours))
        for hours in (0, 1)
    ]
    await profile_side.line.bring_at_once(*told, *told)
    assert len(await profile_side.mailed()) == 1
    entries = await profile_side.trail.entries("halden", after=0, limit=9)
    assert {each.told.id for each in entries} == {each.id for each in told}


async def test_profile_writes_nothing_of_who_was_erased_whatever_it_is_told_late(
    profile_side: ProfileSide,
) -> None:
    people, notices = (profile_side.wiring.database[each] for each in ("people", "notices"))
    await people.update_one({"_id": "ada"}, {"$set": {"deleted_at": AT}})
    late = password_changed(Raised("ada", 2, "r1", "t"), at=AT, cause="password-reset")
    await profile_side.line.bring(late)
    await profile_side.mailed()
    assert await notices.count_documents({"to": "ada@example.org"}) == 1
    await profile_side.erasures.ask(AskErasure(sub="ada"))
    purged = AccountPurged.of("ada", at=AT)
    await profile_side.line.bring_at_once(purged, purged)
    assert await people.count_documents({}) == await notices.count_documents({}) == 0
    another = password_changed(Raised("ada", 3, "r2", "t"), at=AT)
    await profile_side.line.bring(late, another, signed_out(Raised("ada", 4, "r3", "t")))
    assert await notices.count_documents({}) == 0
    other = password_changed(Raised("bo", 2, "r4", "t"), at=AT)
    await profile_side.line.bring(other)
    assert await notices.count_documents({"sub": "bo"}) == 1


async def test_profile_notes_each_confirmation_in_whatever_order_and_number(
    profile_side: ProfileSide,
) -> None:
    people = profile_side.wiring.database["people"]
    await people.update_one({"_id": "ada"}, {"$set": {"deleted_at": AT}})
    asked = await profile_side.erasures.ask(AskErasure(sub="ada"))
    assert asked.waits_for == KEEPERS
    purged = AccountPurged.of("ada", at=AT)
    told = [AccountErased.of(purged, each, at=AT) for each in ("sessions", "credentials")]
    stranger = AccountErased.of(AccountPurged.of("bo", at=AT), "sessions", at=AT)
    await profile_side.line.bring_at_once(*told, *reversed(told), stranger)
    known = await profile_side.erasures.read(ReadErasure(sub="ada"))
    assert known.waits_for == ("profile",)
