"""Every consumer, fed through RabbitMQ: events that come twice or out of order do no harm."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.credentials.methods import Changed, Method, SecurityInfo
from services.credentials.model import (
    Lock,
    Password,
    account_disabled,
    account_enabled,
    help_asked,
    password_changed,
    reset_refused,
    sign_in_locked,
)
from services.gateway.acceptance import Acceptance
from services.gateway.live import Changed as Told
from services.gateway.live import Ended, LiveSessions
from services.gateway.model import Caller
from services.gateway.subscribers import subscribe as gateway_hears
from services.profile.audit import Audit
from services.profile.erasures import Erasures
from services.profile.model import Notice
from services.profile.mongo import MongoNoticeStore, MongoPeopleStore
from services.profile.mongo_audit import MongoAuditStore
from services.profile.mongo_personal_data import MongoErasureStore
from services.profile.mongo_personal_data import holdings as kept_by_profile
from services.profile.notices import Notices
from services.profile.people import People
from services.profile.subscribers import subscribe as profile_hears
from services.profile.trail import Seal
from services.profile.users import Users
from services.sessions.model import (
    SessionPolicy,
    device_disabled,
    new_devices,
    proof_of,
    sessions_revoked,
    signed_out_everywhere,
)
from services.sessions.mongo.personal_data import holdings
from services.sessions.mongo.sessions import MongoSessionStore
from services.sessions.revocation import Revocations
from services.sessions.subscribers import subscribe as sessions_hears
from shared.broker import Bus
from shared.clock import SystemClock
from shared.contracts.audit import Actor
from shared.contracts.epochs import Raised
from shared.contracts.events import (
    AccountErased,
    AccountPurged,
    Audited,
    Cause,
    Event,
    SessionRevoked,
)
from shared.contracts.personal_data import KEEPERS, AskErasure, ReadErasure
from shared.contracts.profile import AddPerson
from shared.contracts.sessions import EstablishSession, Session, Where
from shared.personal_data import PersonalData
from shared.telemetry import EVENTS_HANDLED
from shared.texts import Catalogues
from shared.wiring import Wiring
from tests.contract.brokers import Brokers, until
from tests.memory.profile import Postbox
from tests.recorded.documents import Subscription, subscriptions
from tests.unit.gateway.sessions import Sessions, token_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA = Password("ada", "ada@example.org", None, temporary=False, version=1, changed_at=AT)
POLICY = SessionPolicy(idle_seconds=3600, lifetime_seconds=24 * 3600)
Tells = Callable[[Raised], Event]


def changed(raised: Raised) -> Event:
    return password_changed(raised, at=AT)


def signed_out(raised: Raised) -> Event:
    return signed_out_everywhere(raised, "signed-out-everywhere", at=AT)


def disabled(raised: Raised) -> Event:
    shut = replace(ADA, version=raised.epoch)
    return account_disabled(raised, shut, "account-disabled", at=AT)


Hears = Callable[[Any], Coroutine[Any, Any, None]]
KINDS: dict[str, tuple[Tells, Cause]] = {
    "credential-change": (changed, "password-changed"),
    "signed-out-everywhere": (signed_out, "signed-out-everywhere"),
    "account-disabled": (disabled, "account-disabled"),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@dataclass
class Line:
    """One service's bus, and a way to bring events to its queues as the broker would."""

    brokers: Brokers
    bus: Bus

    async def bring(self, *events: Event) -> None:
        """Bring events one after the other, each only when the one before was handled."""
        for event in events:
            queue = f"{self.bus.service}.{event.name}"
            handled = self._handled(queue)
            await self.brokers.put(queue, event.model_dump_json().encode(), message_id=event.id)
            await until(lambda: self._handled(queue) == handled + 1)  # noqa: B023 - awaited at once

    async def bring_at_once(self, *events: Event) -> None:
        """Bring events together, and wait until all were handled."""
        queues = [f"{self.bus.service}.{event.name}" for event in events]
        expected = {queue: self._handled(queue) + queues.count(queue) for queue in queues}
        await asyncio.gather(
            *(
                self.brokers.put(queue, event.model_dump_json().encode(), message_id=event.id)
                for queue, event in zip(queues, events, strict=True)
            )
        )
        await until(lambda: all(self._handled(queue) == end for queue, end in expected.items()))

    def _handled(self, queue: str) -> float:
        return float(EVENTS_HANDLED.labels(queue, "done")._value.get())


@dataclass
class SessionsSide:
    """The sessions service behind its bus."""

    wiring: Wiring
    store: MongoSessionStore
    line: Line

    async def begin(self, epoch: int) -> Session:
        asked = EstablishSession(sub="ada", epoch=epoch, where=Where(address="192.0.2.7"))
        return await self.store.add_session(
            asked, device_id="device", proof=proof_of("x"), policy=POLICY
        )

    async def raised(self, cause: Cause) -> Raised:
        return await self.store.in_transaction(lambda tx: tx.raise_epoch("ada", cause))

    async def ended_by(self, session: Session) -> Cause | None:
        state = await self.store.session("ada", session.sid)
        assert state is not None
        return state.ended_by

    async def told(self) -> list[SessionRevoked]:
        rows = self.wiring.database["outbox"].find({"name": "session-revoked"})
        return [SessionRevoked.model_validate_json(row["body"]) async for row in rows]


@pytest.fixture
async def sessions_side(sessions: Wiring, brokers: Brokers) -> SessionsSide:
    store = MongoSessionStore(sessions.database, sessions.epochs, sessions.transactions)
    bus = brokers.bus()
    kept = holdings(sessions.database, sessions.epochs)
    data = PersonalData("sessions", kept, sessions.transactions, SystemClock())
    sessions_hears(bus, Revocations(store, SystemClock()), data)
    await brokers.run(bus)
    await sessions.transactions.run(lambda tx: sessions.epochs.open("ada", tx.session))
    return SessionsSide(sessions, store, Line(brokers, bus))


@each_kind
async def test_sessions_ends_once_what_it_is_told_twice(
    sessions_side: SessionsSide, kind: str
) -> None:
    tell, cause = KINDS[kind]
    begun = [await sessions_side.begin(1) for _ in range(2)]
    raised = await sessions_side.raised(cause)
    await sessions_side.line.bring(tell(raised), tell(raised))
    assert [await sessions_side.ended_by(each) for each in begun] == [cause, cause]
    (told,) = await sessions_side.told()
    assert set(told.payload.sids) == {each.sid for each in begun}
    receipt = await sessions_side.store.revocation(raised.receipt)
    assert receipt is not None
    assert len(receipt.sessions) == 2


@each_kind
async def test_sessions_ends_once_what_many_deliveries_tell_at_once(
    sessions_side: SessionsSide, kind: str
) -> None:
    tell, cause = KINDS[kind]
    await sessions_side.begin(1)
    raised = await sessions_side.raised(cause)
    await sessions_side.line.bring_at_once(*[tell(raised)] * 5)
    assert len(await sessions_side.told()) == 1


@each_kind
async def test_sessions_ends_nothing_newer_when_events_come_in_reverse(
    sessions_side: SessionsSide, kind: str
) -> None:
    tell, cause = KINDS[kind]
    oldest = await sessions_side.begin(1)
    first = await sessions_side.raised(cause)
    middle = await sessions_side.begin(2)
    second = await sessions_side.raised(cause)
    newest = await sessions_side.begin(3)
    await sessions_side.line.bring(tell(second), tell(first))
    assert await sessions_side.ended_by(oldest) == cause
    assert await sessions_side.ended_by(middle) == cause
    assert await sessions_side.ended_by(newest) is None
    for raised in (first, second):
        receipt = await sessions_side.store.revocation(raised.receipt)
        assert receipt is not None
        assert receipt.completed_at is not None


async def test_sessions_takes_both_events_of_one_moment_in_any_order(
    sessions_side: SessionsSide,
) -> None:
    await sessions_side.begin(1)
    first = await sessions_side.raised("password-changed")
    second = await sessions_side.raised("signed-out-everywhere")
    newest = await sessions_side.begin(3)
    await sessions_side.line.bring_at_once(
        signed_out(second), changed(first), changed(first), signed_out(second)
    )
    assert await sessions_side.ended_by(newest) is None
    assert len({event.id for event in await sessions_side.told()}) == 1


async def test_sessions_does_no_harm_with_an_event_that_was_reconciled_before(
    sessions_side: SessionsSide,
) -> None:
    await sessions_side.begin(1)
    raised = await sessions_side.raised("password-changed")
    revocations = Revocations(sessions_side.store, SystemClock())
    waiting = await sessions_side.store.incomplete(older_than_seconds=-60, limit=9)
    assert [each.receipt for each in waiting] == [raised.receipt]
    await revocations.work_off(waiting[0].ending)
    await sessions_side.line.bring(changed(raised))
    assert len(await sessions_side.told()) == 1


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
    notices = Notices(store, people, mailer, Catalogues.load(), "https://portal.example", "mail")
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


@dataclass
class GatewaySide:
    """One gateway's open pages behind its bus."""

    live: LiveSessions
    sessions: Sessions
    bus: Bus
    heard: list[Event]

    def follow(self, session: Session) -> asyncio.Task[list[Any]]:
        caller = Caller(session, token_of(session), Where(address="192.0.2.7"))

        async def collect() -> list[Any]:
            async with asyncio.timeout(30):
                return [said async for said in self.live.follow(caller)]

        return asyncio.create_task(collect())

    async def bring(self, *events: Event) -> None:
        expected = len(self.heard) + len(events)
        for event in events:
            body = event.model_dump_json().encode()
            await self.bus.publish(body, name=event.name, event_id=event.id, mandatory=False)
        await until(lambda: len(self.heard) >= expected)


@pytest.fixture
async def gateway_side(brokers: Brokers) -> AsyncIterator[GatewaySide]:
    sessions = Sessions()
    live = LiveSessions(Acceptance(sessions.cache, sessions))
    heard: list[Event] = []

    def noting(original: Hears) -> Hears:
        async def note(event: Event) -> None:
            await original(event)
            heard.append(event)

        return note

    live.revoked = noting(live.revoked)  # type: ignore[method-assign, assignment]
    live.changed = noting(live.changed)  # type: ignore[method-assign, assignment]
    bus = brokers.bus()
    gateway_hears(bus, live, replica=brokers.name())
    await brokers.run(bus)
    yield GatewaySide(live, sessions, bus, heard)
    live.close()


def over(*sessions: Session) -> SessionRevoked:
    sids = [each.sid for each in sessions]
    (told,) = sessions_revoked("ada", sids, "password-changed", receipt="r1", at=AT)
    return told


async def test_the_gateway_tells_a_page_once_what_it_hears_twice(
    gateway_side: GatewaySide,
) -> None:
    session = gateway_side.sessions.begin()
    page = gateway_side.follow(session)
    await asyncio.sleep(0)
    await gateway_side.bring(over(session), over(session))
    assert await page == [Ended(session.sid, "password-changed", "r1")]


async def test_the_gateway_tells_each_page_its_own_when_events_come_in_reverse(
    gateway_side: GatewaySide,
) -> None:
    first, second, bystander = (gateway_side.sessions.begin() for _ in range(3))
    pages = {each.sid: gateway_side.follow(each) for each in (first, second, bystander)}
    await asyncio.sleep(0)
    await gateway_side.bring(over(second), over(first), over(second))
    assert (await pages[first.sid])[-1].sid == first.sid
    assert (await pages[second.sid])[-1].sid == second.sid
    assert not pages[bystander.sid].done()
    gateway_side.live.close()
    await pages[bystander.sid]


def method_added(revision: int) -> Event:
    info = SecurityInfo("ada", version=revision - 1)
    event = Changed(info, Method("phone", "authenticator", "", AT), "create").event("ada", at=AT)
    assert event is not None
    return event


async def test_the_gateway_tells_a_page_of_a_change_once_and_of_none_after_a_later_one(
    gateway_side: GatewaySide,
) -> None:
    page = gateway_side.follow(gateway_side.sessions.begin())
    await asyncio.sleep(0)
    older, newer = method_added(1), method_added(2)
    await gateway_side.bring(newer, newer, older, newer)
    gateway_side.live.close()
    told = [said for said in await page if isinstance(said, Told)]
    assert told == [Told(AT, "method-added", 2)]


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


async def test_sessions_writes_nothing_of_who_was_erased_whatever_it_is_told_late(
    sessions_side: SessionsSide,
) -> None:
    await sessions_side.begin(1)
    first, late = await sessions_side.raised("password-changed"), await sessions_side.begin(1)
    purged = AccountPurged.of("ada", at=AT)
    await sessions_side.line.bring(changed(first))
    await sessions_side.line.bring_at_once(purged, purged, changed(first))
    await sessions_side.line.bring(
        changed(first), signed_out(replace(first, epoch=7)), disabled(first), purged
    )
    store = sessions_side.store
    for database in (store.database, store.epochs.database):
        for name in await database.list_collection_names():
            if name not in {"outbox", "inbox"}:
                assert await database[name].count_documents({"sub": "ada"}) == 0, name
    assert await store.session("ada", late.sid) is None


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


def test_these_are_all_the_consumers_there_are() -> None:
    assert set(subscriptions()) == {
        Subscription("gateway", "session-revoked", durable=False),
        Subscription("gateway", "credential-change", durable=False),
        Subscription("profile", "sign-in-locked", durable=True),
        Subscription("profile", "audited", durable=True),
        Subscription("profile", "help-asked", durable=True),
        Subscription("profile", "device-disabled", durable=True),
        Subscription("profile", "new-devices", durable=True),
        Subscription("profile", "account-enabled", durable=True),
        Subscription("profile", "account-erased", durable=True),
        *(Subscription(keeper, "account-purged", durable=True) for keeper in KEEPERS),
        *(
            Subscription(service, kind, durable=True)
            for service in ("profile", "sessions")
            for kind in KINDS
        ),
    }
