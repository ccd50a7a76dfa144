"""What every MethodStore does, in memory and in MongoDB alike."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from services.credentials.errors import (
    MethodsChangedMeanwhile,
    PasskeyTaken,
    TooManyAppPasswords,
)
from services.credentials.kinds import MethodChanges
from services.credentials.method import Method
from services.credentials.methods import Asked, Changed, LastChange, SecurityInfo
from services.credentials.mongo.methods import MongoMethodStore
from services.credentials.passkeys import Passkey
from services.credentials.store import MethodStore
from shared.clock import SystemClock
from shared.contracts.audit import Actor
from shared.contracts.events import Audited
from shared.contracts.refusals import Busy
from shared.wiring import Wiring
from tests.memory.credentials import MemoryMethods

AT = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
PHONE = Method("phone", "authenticator", "Phone", AT, proved=True, sealed=b"\0sealed", last_step=7)
NUMBER = Method(
    "number", "sms", "", AT, proved=True, sealed=b"\0sealed", hint="+49 … 47", mark="keyed hash"
)
CODES = Method("codes", "recovery-codes", "", AT, proved=True, codes=("a", "b"))
MAIL = Method("mail", "app-password", "Mail", AT, proved=True, mark="keyed hash", epoch=1)
KEY = Passkey("credential", "handle", b"\0public", 7, ("usb", "nfc"), "cross-platform", aaguid="0")
PASSKEY = Method("key", "passkey", "Key", AT, proved=True, passkey=KEY)


@dataclass(frozen=True)
class Case:
    """A store, and a look at the events that were committed in it."""

    store: MethodStore
    emitted: Callable[[], Awaitable[list[str]]]


def _in_memory() -> Case:
    store = MemoryMethods()

    async def emitted() -> list[str]:
        return list(store.epochs.outbox)

    return Case(store, emitted)


def _in_mongodb(wiring: Wiring) -> Case:
    async def emitted() -> list[str]:
        return [row["_id"] async for row in wiring.database["outbox"].find()]

    return Case(MongoMethodStore(wiring.database, wiring.epochs, wiring.transactions), emitted)


@pytest.fixture(params=["memory", "mongodb"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        return _in_memory()
    return _in_mongodb(request.getfixturevalue("credentials"))


@pytest.fixture
def store(case: Case) -> MethodStore:
    return case.store


async def test_who_has_no_methods_has_none(store: MethodStore) -> None:
    assert await store.security_info("ada") == SecurityInfo("ada")
    assert await store.epoch_of("ada") == 0


async def test_what_was_put_is_there_as_the_next_version(store: MethodStore) -> None:
    info = SecurityInfo("ada", methods=(PHONE, NUMBER, CODES, MAIL), default="phone")
    await store.put(info, None)
    assert await store.security_info("ada") == replace(info, version=1)
    assert await store.security_info("eve") == SecurityInfo("eve")


async def test_a_change_of_an_older_version_changes_nothing_and_tells_nobody(case: Case) -> None:
    await case.store.put(SecurityInfo("ada", methods=(PHONE,)), None)
    event = Changed(SecurityInfo("ada"), PHONE, "delete").event("ada", at=AT)
    for late in (None, event):
        with pytest.raises(MethodsChangedMeanwhile):
            await case.store.put(SecurityInfo("ada"), late)
    with pytest.raises(MethodsChangedMeanwhile):
        await case.store.put(SecurityInfo("ada", version=2), None)
    assert (await case.store.security_info("ada")).methods == (PHONE,)
    assert await case.emitted() == []


async def test_a_change_of_what_never_was_is_refused(store: MethodStore) -> None:
    with pytest.raises(MethodsChangedMeanwhile):
        await store.put(SecurityInfo("ada", version=3, methods=(PHONE,)), None)
    assert await store.security_info("ada") == SecurityInfo("ada")


async def test_the_event_goes_with_the_change(case: Case) -> None:
    event = Changed(SecurityInfo("ada"), PHONE, "create").event("ada", at=AT)
    assert event is not None
    await case.store.put(SecurityInfo("ada", methods=(PHONE,)), event)
    assert await case.emitted() == [event.id]


async def test_what_is_told_besides_goes_with_the_change_alone(case: Case) -> None:
    actor = Actor(sub="root", organization="halden")
    also = (Audited.of(actor, "require-security-info", at=AT, subject="ada"),)
    with pytest.raises(MethodsChangedMeanwhile):
        await case.store.put(SecurityInfo("ada", version=3), None, also=also)
    assert await case.emitted() == []
    await case.store.put(SecurityInfo("ada"), None, also=also)
    assert await case.emitted() == [also[0].id]


@pytest.mark.parametrize("tells", [False, True])
async def test_of_many_changes_at_once_one_is_kept(case: Case, *, tells: bool) -> None:
    rivals = [
        SecurityInfo("ada", methods=(replace(PHONE, label=f"Phone {number}"),))
        for number in range(6)
    ]

    def event(info: SecurityInfo) -> Changed:
        return Changed(info, PHONE if tells else None)

    outcomes = await asyncio.gather(
        *(case.store.put(each, event(each).event("ada", at=AT)) for each in rivals),
        return_exceptions=True,
    )
    assert sum(each is None for each in outcomes) == 1
    assert sum(isinstance(each, MethodsChangedMeanwhile) for each in outcomes) == 5
    kept = await case.store.security_info("ada")
    assert kept == replace(rivals[outcomes.index(None)], version=1)
    assert len(await case.emitted()) == int(tells)


async def test_who_has_to_register_is_kept_so_and_nobody_need_be_told(case: Case) -> None:
    info = SecurityInfo("ada").cleared()
    await case.store.put(info, None)
    assert await case.store.security_info("ada") == replace(info, version=1)
    assert await case.emitted() == []


async def test_a_sign_in_looks_at_the_methods_of_who_has_to_register(
    credentials: Wiring, open_subject: Callable[[Wiring, str], Awaitable[None]]
) -> None:
    await open_subject(credentials, "ada")
    store = _in_mongodb(credentials).store
    await store.put(SecurityInfo("ada").cleared(), None)
    assert (await credentials.epochs.standing("ada")).is_guarded


async def test_what_says_nothing_is_not_written_for_replicas_that_do_not_know_it(
    credentials: Wiring,
) -> None:
    database = credentials.database
    store = MongoMethodStore(database, credentials.epochs, credentials.transactions)
    await store.put(SecurityInfo("ada", methods=(PHONE, NUMBER)), None)
    document = await database["security_info"].find_one({"_id": "ada"})
    assert document is not None
    phone, number = document["methods"]
    assert not {"hint", "mark", "epoch"} & set(phone)
    assert {"hint", "mark"} <= set(number)


async def test_methods_and_epoch_are_read_as_they_were_answered_last(store: MethodStore) -> None:
    assert await store.settled("ada") == (SecurityInfo("ada"), 0)
    info = SecurityInfo("ada", methods=(PHONE, MAIL))
    await store.put(info, None)
    assert await store.settled("ada") == (replace(info, version=1), 0)


async def test_an_epoch_is_read_with_the_methods(
    credentials: Wiring, open_subject: Callable[[Wiring, str], Awaitable[None]]
) -> None:
    await open_subject(credentials, "ada")
    store = _in_mongodb(credentials).store
    assert await store.settled("ada") == (SecurityInfo("ada"), 1)


async def test_of_fifty_app_passwords_at_once_each_that_is_kept_was_counted(case: Case) -> None:
    # Whose policy holds is asked before, and not by what makes the change.
    changes = MethodChanges(case.store, cast("Any", None), SystemClock())

    def one_more(number: int) -> Callable[[SecurityInfo], Changed]:
        new = replace(MAIL, id=f"mail {number}", mark=f"hash {number}")
        return lambda info: Changed(info.with_active(new))

    outcomes: list[object] = []
    for _ in range(2):
        outcomes += await asyncio.gather(
            *(changes.make("ada", one_more(len(outcomes) + each)) for each in range(25)),
            return_exceptions=True,
        )
    made = sum(isinstance(each, Changed) for each in outcomes)
    assert {type(each) for each in outcomes} <= {Changed, TooManyAppPasswords, Busy}
    assert len((await case.store.security_info("ada")).methods) == made <= 40


async def test_a_passkey_is_kept_and_found_by_its_credential(store: MethodStore) -> None:
    info = SecurityInfo("ada", methods=(PHONE, PASSKEY), default="phone")
    await store.put(info, None)
    assert await store.with_passkey("credential") == replace(info, version=1)
    assert await store.with_passkey("another") is None


async def test_a_passkey_is_one_persons_and_free_again_once_removed(case: Case) -> None:
    store = case.store
    await store.put(SecurityInfo("ada", methods=(PHONE, PASSKEY)), None)
    event = Changed(SecurityInfo("eve"), PASSKEY, "create").event("eve", at=AT)
    for told in (None, event):
        with pytest.raises(PasskeyTaken):
            await store.put(SecurityInfo("eve", methods=(PASSKEY,)), told)
    assert await case.emitted() == []
    await store.put(SecurityInfo("ada", version=1, methods=(PHONE,)), None)
    assert await store.with_passkey("credential") is None
    await store.put(SecurityInfo("eve", methods=(PASSKEY,)), event)
    found = await store.with_passkey("credential")
    assert found is not None
    assert found.sub == "eve"


async def test_any_number_of_people_have_no_passkey(store: MethodStore) -> None:
    for sub in ("ada", "eve", "kim"):
        await store.put(SecurityInfo(sub), None)
    for sub in ("ada", "eve", "kim"):
        await store.put(SecurityInfo(sub, version=1, methods=(PHONE,)), None)
    one, two = (replace(KEY, credential_id=each) for each in ("one", "two"))
    await store.put(SecurityInfo("ada", 2, (PHONE, replace(PASSKEY, passkey=one))), None)
    await store.put(SecurityInfo("eve", 2, (PHONE, replace(PASSKEY, passkey=two))), None)


async def test_of_two_people_who_register_one_passkey_at_once_one_has_it(case: Case) -> None:
    def event(sub: str) -> Changed:
        return Changed(SecurityInfo(sub), PASSKEY, "create")

    outcomes = await asyncio.gather(
        *(
            case.store.put(SecurityInfo(sub, methods=(PASSKEY,)), event(sub).event(sub, at=AT))
            for sub in ("ada", "eve")
        ),
        return_exceptions=True,
    )
    assert sum(each is None for each in outcomes) == 1
    assert sum(isinstance(each, PasskeyTaken) for each in outcomes) == 1
    assert len(await case.emitted()) == 1


async def test_what_was_asked_for_first_says_until_when_it_can_be_put_off(
    store: MethodStore,
) -> None:
    until = await store.ask(SecurityInfo("ada"), 14)
    first = await store.security_info("ada")
    assert first.asked_since is not None
    assert first == SecurityInfo("ada", version=1, asked_since=first.asked_since)
    assert until == first.asked_since.until == first.asked_since.at + timedelta(days=14)
    assert await store.ask(first, 14) == until
    assert (await store.security_info("ada")).asked_since == first.asked_since


async def test_its_end_is_moved_to_an_earlier_time_alone(store: MethodStore) -> None:
    said = []
    for version, days in enumerate((14, 3, 30, 0, 30)):
        said.append(await store.ask(SecurityInfo("ada", version), days))
    first, shorter, longer, over, ended = said
    assert first is not None
    assert shorter == longer == first - timedelta(days=11)
    assert over is ended is None


async def test_of_many_that_ask_at_once_one_begins_the_period(store: MethodStore) -> None:
    outcomes = await asyncio.gather(
        *(store.ask(SecurityInfo("ada"), 14) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(each, datetime) for each in outcomes) == 1
    assert sum(isinstance(each, MethodsChangedMeanwhile) for each in outcomes) == 5


async def test_no_change_from_before_takes_back_that_it_was_asked_for(store: MethodStore) -> None:
    info = SecurityInfo("ada", methods=(PHONE,), default="phone")
    await store.put(info, None)
    await store.ask(replace(info, version=1), 14)
    for late in (replace(info, version=1), info):
        with pytest.raises(MethodsChangedMeanwhile):
            await store.put(late, None)
        with pytest.raises(MethodsChangedMeanwhile):
            await store.ask(late, 14)
    kept = await store.security_info("ada")
    assert kept == replace(info, version=2, asked_since=kept.asked_since)


async def test_it_is_kept_through_other_changes_and_goes_when_it_is_done(
    store: MethodStore,
) -> None:
    info = SecurityInfo("ada", methods=(PHONE,), default="phone")
    await store.put(info, None)
    await store.ask(replace(info, version=1), 14)
    asked = await store.security_info("ada")
    await store.put(asked.with_changed(replace(PHONE, label="Tablet")), None)
    kept = await store.security_info("ada")
    assert kept.asked_since == asked.asked_since
    await store.put(kept.confirmed(AT), None)
    assert await store.security_info("ada") == replace(
        kept, version=4, asked_since=None, confirmed_at=AT
    )
    await store.put((await store.security_info("ada")).cleared(), None)
    cleared = await store.security_info("ada")
    assert replace(cleared, last_change=None) == SecurityInfo("ada", 5, must_register=True)


async def test_what_is_for_resets_has_an_end_of_its_own(store: MethodStore) -> None:
    for_reset = await store.ask(SecurityInfo("ada"), 3, for_reset=True)
    factor = await store.ask(SecurityInfo("ada", 1), 14)
    kept = await store.security_info("ada")
    assert kept.asked_for_reset is not None
    assert kept.asked_since is not None
    assert (kept.asked_for_reset.until, kept.asked_since.until) == (for_reset, factor)
    app = replace(PHONE, kind="passkey")
    assert kept.with_proved(app).asked_for_reset == kept.asked_for_reset
    after = kept.with_proved(replace(PHONE, kind="email"))
    assert after.asked_since == kept.asked_since
    await store.put(after, None)
    assert (await store.security_info("ada")).asked_for_reset is None


async def test_an_end_that_the_servers_clock_has_passed_is_over(credentials: Wiring) -> None:
    store = _in_mongodb(credentials).store
    await store.ask(SecurityInfo("ada"), 14)
    asked = {"asked": {"at": AT - timedelta(days=14), "until": AT}}
    await credentials.database["security_info"].update_one({"_id": "ada"}, {"$set": asked})
    assert await store.ask(SecurityInfo("ada", 1), 30) is None
    assert (await store.security_info("ada")).asked_since == Asked(AT - timedelta(days=14), AT)


async def test_the_last_change_is_dated_by_the_store_once(store: MethodStore) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    info = SecurityInfo("ada", last_change=LastChange("added", "sms", "+49 … 47"))
    await store.put(info, None)
    kept = await store.security_info("ada")
    assert kept.last_change is not None
    assert kept.last_change.at is not None
    assert began < kept.last_change.at < datetime.now(UTC) + timedelta(seconds=1)
    assert replace(kept.last_change, at=None) == info.last_change
    # What is no change of methods, such as the use of one, leaves it as it was.
    await store.put(replace(kept, methods=(PHONE,)), None)
    assert (await store.security_info("ada")).last_change == kept.last_change


async def test_the_language_of_an_address_does_not_stand_where_older_versions_read(
    credentials: Wiring,
) -> None:
    store = _in_mongodb(credentials).store
    address = replace(PHONE, id="address", kind="email", language="de")
    await store.put(SecurityInfo("ada", methods=(PHONE, address)), None)
    document = await credentials.database["security_info"].find_one({"_id": "ada"})
    assert document is not None
    assert all("language" not in each for each in document["methods"])
    kept = await store.security_info("ada")
    assert kept.methods == (PHONE, address)
    await store.put(replace(kept, methods=(PHONE,)), None)
    document = await credentials.database["security_info"].find_one({"_id": "ada"})
    assert document is not None
    assert "languages" not in document


async def test_a_method_that_a_later_version_knows_more_of_is_read_all_the_same(
    credentials: Wiring,
) -> None:
    store = _in_mongodb(credentials).store
    await store.put(SecurityInfo("ada", methods=(PHONE,)), None)
    added = {"$set": {"methods.0.later": "x"}}
    await credentials.database["security_info"].update_one({"_id": "ada"}, added)
    assert (await store.security_info("ada")).methods == (PHONE,)


async def test_a_use_is_a_change_that_everybody_sees_and_that_is_asked_about(
    store: MethodStore,
) -> None:
    info = SecurityInfo("ada", methods=(PHONE, PASSKEY), default="phone")
    await store.put(info, None)
    used = replace(info, version=1).with_changed(replace(PHONE, last_step=8))
    await store.put_use(used, "first")
    assert await store.security_info("ada") == replace(used, version=2)
    assert await store.is_kept("ada", "first")
    for sub, use in (("ada", "another"), ("ada", ""), ("eve", "first")):
        assert not await store.is_kept(sub, use)
    for late in (info, replace(info, version=1)):
        with pytest.raises(MethodsChangedMeanwhile):
            await store.put_use(late, "late")
    assert await store.is_kept("ada", "first")


async def test_a_use_is_kept_through_other_changes_and_seven_more_uses(store: MethodStore) -> None:
    await store.put(SecurityInfo("ada", methods=(PHONE,)), None)
    await store.put_use(await store.security_info("ada"), "first")
    await store.put(await store.security_info("ada"), None)
    await store.ask(await store.security_info("ada"), 14)
    assert await store.is_kept("ada", "first")
    for number in range(7):
        await store.put_use(await store.security_info("ada"), f"use {number}")
        assert await store.is_kept("ada", f"use {number}")
    assert await store.is_kept("ada", "first")
    await store.put_use(await store.security_info("ada"), "ninth")
    assert not await store.is_kept("ada", "first")
    assert await store.is_kept("ada", "use 0")


async def test_of_fifty_uses_at_once_one_is_taken_and_kept(store: MethodStore) -> None:
    await store.put(SecurityInfo("ada", methods=(PHONE,)), None)
    info = await store.security_info("ada")
    outcomes = await asyncio.gather(
        *(store.put_use(info, f"use {each}") for each in range(50)), return_exceptions=True
    )
    assert sum(each is None for each in outcomes) == 1
    assert sum(isinstance(each, MethodsChangedMeanwhile) for each in outcomes) == 49
    kept = [await store.is_kept("ada", f"use {each}") for each in range(50)]
    assert kept == [each is None for each in outcomes]
