"""What every UserStore does, in memory and in MongoDB alike."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from services.profile.errors import LastAdmin, UserExists
from services.profile.model import Noted, OrganizationRecord, PersonRecord
from services.profile.mongo import MongoPeopleStore
from services.profile.people import People
from services.profile.store import UserTransaction
from services.profile.users import Users
from shared.clock import SystemClock
from shared.contracts.accounts import DeletedDays
from shared.contracts.audit import Actor
from shared.contracts.events import AccountDisabled, AccountDisabledPayload
from shared.contracts.profile import AddPerson, Helpdesk
from shared.contracts.refusals import ChangedMeanwhile
from shared.contracts.users import ChangeUser, NoteAccount, ReadUser, RecordChanges
from shared.wiring import Wiring
from tests.memory.clock import StoppedClock
from tests.memory.epochs import MemoryEpochs
from tests.memory.profile import MemoryPeople

Store = MemoryPeople | MongoPeopleStore
ADMIN = Actor(sub="root", organization="halden")


@pytest.fixture(params=["memory", "mongodb"])
def empty(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryPeople(epochs=MemoryEpochs(StoppedClock()))
    wiring: Wiring = request.getfixturevalue("profile")
    return MongoPeopleStore(wiring.database, wiring.transactions)


@pytest.fixture
async def store(empty: Store) -> Store:
    await empty.put_organization(OrganizationRecord("halden", "Halden", Helpdesk()))
    return empty


@pytest.fixture
def users(store: Store) -> Users:
    return Users(store, People(store, SystemClock()), SystemClock())


def record(name: str = "ada", *, admin: bool = False) -> AddPerson:
    return AddPerson(
        organization="halden",
        user_id=f"{name}@example.org",
        display_name=name,
        emails=(f"{name}@example.org",),
        roles=("admin",) if admin else (),
    )


async def added(store: Store, name: str = "ada", *, admin: bool = False) -> PersonRecord:
    return (await store.add_person(record(name, admin=admin)))[0]


def change(sub: str, **said: object) -> ChangeUser:
    changes = RecordChanges.model_validate(said)
    return ChangeUser(sub=sub, organization="halden", changes=changes, by=ADMIN)


def note(sub: str, revision: int, *, disabled: bool = True, deleted: bool = False) -> NoteAccount:
    return NoteAccount(
        sub=sub, organization="halden", disabled=disabled, deleted=deleted, revision=revision
    )


async def test_a_changed_record_is_kept_with_its_revision_and_how_it_was_added(
    store: Store, users: Users
) -> None:
    ada = await added(store)
    await users.change(change(ada.sub, groups=("b", "a"), emails=("new@example.org",)))
    changed = await users.change(change(ada.sub, office="Bremen"))
    assert (changed.revision, changed.groups, changed.office) == (3, ("a", "b"), "Bremen")
    kept = await store.user_now(ada.sub)
    assert kept is not None
    assert kept.was_added_as(record())
    assert await store.add_person(record()) == (kept, False)


async def test_of_changes_to_one_revision_at_once_one_is_made(store: Store, users: Users) -> None:
    ada = await added(store)
    asked = [
        change(ada.sub, office=f"Room {number}").model_copy(update={"revisions": (1,)})
        for number in range(5)
    ]
    done = await asyncio.gather(*map(users.change, asked), return_exceptions=True)
    assert sum(isinstance(each, ChangedMeanwhile) for each in done) == 4
    assert (await users.read(ReadUser(sub=ada.sub))).revision == 2


async def test_a_record_that_was_changed_since_it_was_read_is_not_put(store: Store) -> None:
    ada = await added(store)
    once = ada.with_record(ada.record.model_copy(update={"office": "Bremen"}))
    await store.in_transaction(lambda tx: tx.put(once))
    for stale in (once, replace(once, revision=4)):
        with pytest.raises(ChangedMeanwhile):
            await store.in_transaction(partial(_put, stale))


@pytest.mark.parametrize("how", ["demote", "disable", "both"])
async def test_of_two_admins_who_end_each_other_at_once_one_stays(
    store: Store, users: Users, how: str
) -> None:
    ada, bo = [await added(store, name, admin=True) for name in ("ada", "bo")]
    demotions = [change(each.sub, roles=()) for each in (ada, bo)]
    shut = [note(each.sub, 1) for each in (ada, bo)]
    asked: dict[str, list[Coroutine[Any, Any, Any]]] = {
        "demote": [users.change(each) for each in demotions],
        "disable": [users.note_account(each) for each in shut],
        "both": [users.change(demotions[0]), users.note_account(shut[1])],
    }
    for left in (each for name, waiting in asked.items() if name != how for each in waiting):
        left.close()
    done = await asyncio.gather(*asked[how], return_exceptions=True)
    assert [type(each) for each in done].count(LastAdmin) == 1
    assert len(await store.admins("halden")) == 1


async def test_what_is_known_of_an_account_is_the_latest_however_late_the_rest_comes(
    store: Store, users: Users
) -> None:
    ada = await added(store)

    async def known() -> tuple[bool, bool]:
        found = await store.user_now(ada.sub)
        assert found is not None
        return found.disabled, found.deleted

    async def told(noted: Noted) -> bool:
        return await store.in_transaction(lambda tx: tx.note_account(ada.sub, noted))

    await users.note_account(note(ada.sub, 1))
    assert await known() == (True, False)
    # What came before, or was known already, ends no intention.
    assert not await told(Noted(1, disabled=False))
    assert await known() == (True, False)
    # So does an admin who finds it open still, and whose call was held up.
    await users.note_account(note(ada.sub, 1, disabled=False))
    assert await known() == (True, False)
    await users.note_account(note(ada.sub, 2, disabled=False))
    assert await known() == (False, False)
    assert await told(Noted(4, disabled=True, deleted=True))
    assert not await told(Noted(3, disabled=False))
    assert await known() == (True, True)
    assert not await store.in_transaction(
        lambda tx: tx.note_account("nobody", Noted(9, disabled=True))
    )


async def test_the_event_of_a_deletion_takes_somebody_out_of_the_list(
    store: Store, users: Users
) -> None:
    ada, bo = [await added(store, name) for name in ("ada", "bo")]
    event = AccountDisabled(
        id="receipt",
        subject=ada.sub,
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        initiating_entity="admin",
        payload=AccountDisabledPayload(
            cause="account-deleted", epoch=2, receipt="receipt", revision=2
        ),
    )
    for _ in range(2):
        await users.follow(event)
    listed = await store.people("halden", after=None, limit=9)
    assert [each.sub for each in listed] == [bo.sub]
    # They are kept for who reads what was done.
    assert (await store.user_now(ada.sub)) is not None


async def test_a_user_id_is_free_again_only_long_after_its_user_was_deleted(
    store: Store, users: Users
) -> None:
    ada = await added(store)
    await users.note_account(note(ada.sub, 2, deleted=True))
    people = People(store, SystemClock())
    with pytest.raises(UserExists):
        await people.add(record())
    await _pass(store, ada.sub, timedelta(days=DeletedDays, seconds=60))
    successor = await people.add(record())
    assert successor.created
    assert successor.sub != ada.sub


async def test_a_deletion_of_which_the_event_was_faster_is_noted_again(
    store: Store, users: Users
) -> None:
    ada = await added(store)
    for _ in range(2):
        await users.note_account(note(ada.sub, 2, deleted=True))
    noted = await store.user_now(ada.sub)
    assert noted is None or noted.deleted


async def _put(changed: PersonRecord, tx: UserTransaction) -> None:
    await tx.put(changed)


async def _pass(store: Store, sub: str, time: timedelta) -> None:
    if isinstance(store, MongoPeopleStore):
        deleted_at = {"$subtract": ["$deleted_at", int(time.total_seconds() * 1000)]}
        await store.database["people"].update_one(
            {"_id": sub}, [{"$set": {"deleted_at": deleted_at}}]
        )
        return
    assert isinstance(store.epochs.clock, StoppedClock)
    store.epochs.clock.advance(time.total_seconds())
