"""What every CredentialStore does, in memory and in MongoDB alike."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from services.credentials.errors import PasswordChangedMeanwhile
from services.credentials.model import Password, password_changed
from services.credentials.mongo.accounts import MongoCredentialStore
from services.credentials.store import CredentialStore, CredentialTransaction
from shared.contracts.accounts import DeletedDays
from shared.contracts.epochs import NoEpoch, Raised, Standing
from shared.mongo import Document
from shared.wiring import Wiring
from tests.memory.credentials import MemoryCredentials

AT = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
ADA = Password("ada", "ada@example.org", "verifier-1", temporary=False, version=1, changed_at=AT)


@dataclass(frozen=True)
class Case:
    """A store, and a look at the events that were committed in it."""

    store: CredentialStore
    emitted: Callable[[], Awaitable[list[str]]]


def _in_memory() -> Case:
    store = MemoryCredentials()

    async def emitted() -> list[str]:
        return list(store.epochs.outbox)

    return Case(store, emitted)


def _in_mongodb(wiring: Wiring) -> Case:
    async def emitted() -> list[str]:
        return [row["_id"] async for row in wiring.database["outbox"].find()]

    store = MongoCredentialStore(wiring.database, wiring.epochs, wiring.transactions)
    return Case(store, emitted)


@pytest.fixture(params=["memory", "mongodb"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        return _in_memory()
    return _in_mongodb(request.getfixturevalue("credentials"))


@pytest.fixture
def store(case: Case) -> CredentialStore:
    return case.store


async def open_account(store: CredentialStore, password: Password) -> bool:
    return await store.in_transaction(lambda tx: tx.open_account(password))


async def put(store: CredentialStore, changed: Password) -> None:
    await store.in_transaction(lambda tx: tx.put_password(changed))


async def test_an_account_is_found_by_its_name_and_its_subject(store: CredentialStore) -> None:
    assert await open_account(store, ADA)
    assert await store.password_named("ada@example.org") == ADA
    assert await store.password_of("ada") == ADA


async def test_an_account_opens_with_the_first_epoch(store: CredentialStore) -> None:
    assert await store.standing_of("ada") == Standing(NoEpoch, password_version=0)
    await open_account(store, ADA)
    assert await store.standing_of("ada") == Standing(1, password_version=1)


async def test_whom_nobody_knows_has_nothing(store: CredentialStore) -> None:
    assert await store.settled_password_of("nobody") is None
    assert await store.password_named("nobody@example.org") is None
    assert await store.password_of("nobody") is None
    assert await store.standing_of("nobody") == Standing(NoEpoch, password_version=0)


async def test_an_account_may_come_without_a_password(store: CredentialStore) -> None:
    await open_account(store, replace(ADA, verifier=None, temporary=True))
    found = await store.password_of("ada")
    assert found is not None
    assert found.verifier is None
    assert found.temporary


async def test_a_name_belongs_to_one_account(store: CredentialStore) -> None:
    await open_account(store, ADA)
    assert not await open_account(store, replace(ADA, sub="impostor", verifier="theirs"))
    assert await store.password_named("ada@example.org") == ADA
    assert (await store.standing_of("impostor")).epoch == NoEpoch


async def test_a_subject_has_one_account(store: CredentialStore) -> None:
    await open_account(store, ADA)
    assert not await open_account(store, replace(ADA, user_id="other@example.org"))
    assert await store.password_named("other@example.org") is None


async def test_of_many_who_take_a_name_at_once_one_has_it(store: CredentialStore) -> None:
    rivals = [replace(ADA, sub=f"rival-{number}") for number in range(6)]
    opened = await asyncio.gather(*(open_account(store, rival) for rival in rivals))
    assert sorted(opened) == [False] * 5 + [True]
    found = await store.password_named("ada@example.org")
    assert found == rivals[opened.index(True)]


async def test_a_change_replaces_the_version_before_it(store: CredentialStore) -> None:
    await open_account(store, ADA)
    changed = ADA.changed("verifier-2", at=AT, history=3)
    await put(store, changed)
    assert await store.password_of("ada") == changed
    assert await store.settled_password_of("ada") == changed
    assert changed.former == ("verifier-1",)


async def test_a_change_of_an_older_version_is_refused(store: CredentialStore) -> None:
    await open_account(store, ADA)
    await put(store, ADA.changed("verifier-2", at=AT, history=1))
    with pytest.raises(PasswordChangedMeanwhile):
        await put(store, ADA.changed("verifier-3", at=AT, history=1))
    found = await store.password_of("ada")
    assert found is not None
    assert found.verifier == "verifier-2"


async def test_a_change_of_nobodys_password_is_refused(store: CredentialStore) -> None:
    with pytest.raises(PasswordChangedMeanwhile):
        await put(store, replace(ADA, version=2))
    assert await store.password_of("ada") is None


async def test_of_many_changes_at_once_one_is_kept(store: CredentialStore) -> None:
    await open_account(store, ADA)
    changes = [ADA.changed(f"rival-{number}", at=AT, history=1) for number in range(6)]
    outcomes = await asyncio.gather(*(put(store, each) for each in changes), return_exceptions=True)
    kept = [change for change, outcome in zip(changes, outcomes, strict=True) if outcome is None]
    assert [await store.password_of("ada")] == kept
    assert sum(isinstance(each, PasswordChangedMeanwhile) for each in outcomes) == 5


async def test_an_epoch_rises_by_one_and_each_raise_has_a_receipt_of_its_own(
    store: CredentialStore,
) -> None:
    await open_account(store, ADA)
    first = await store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    second = await store.in_transaction(lambda tx: tx.raise_epoch("ada", "password-changed"))
    assert (first.epoch, second.epoch) == (2, 3)
    assert first.receipt != second.receipt
    assert first.receipt_token != second.receipt_token
    assert await store.standing_of("ada") == Standing(3, password_version=1)


async def test_the_epoch_of_nobody_cannot_be_raised(store: CredentialStore) -> None:
    with pytest.raises(LookupError):
        await store.in_transaction(lambda tx: tx.raise_epoch("nobody", "password-changed"))
    assert (await store.standing_of("nobody")).epoch == NoEpoch


async def test_a_transaction_that_fails_leaves_nothing(case: Case) -> None:
    await open_account(case.store, ADA)

    async def work(tx: CredentialTransaction) -> None:
        await tx.put_password(ADA.changed("verifier-2", at=AT, history=1))
        raised = await tx.raise_epoch("ada", "password-changed", password_version=2)
        await tx.emit(password_changed(raised, at=AT))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await case.store.in_transaction(work)
    assert await case.store.password_of("ada") == ADA
    assert await case.store.standing_of("ada") == Standing(1, password_version=1)
    assert await case.emitted() == []


async def test_a_change_and_its_event_are_committed_together(case: Case) -> None:
    await open_account(case.store, ADA)

    async def work(tx: CredentialTransaction) -> Raised:
        await tx.put_password(ADA.changed("verifier-2", at=AT, history=1))
        raised = await tx.raise_epoch("ada", "password-changed", password_version=2)
        await tx.emit(password_changed(raised, at=AT))
        return raised

    raised = await case.store.in_transaction(work)
    assert await case.emitted() == [raised.receipt]
    assert await case.store.standing_of("ada") == Standing(2, password_version=2)


async def test_installing_tells_older_epochs_of_their_password(credentials: Wiring) -> None:
    store = MongoCredentialStore(credentials.database, credentials.epochs, credentials.transactions)
    await open_account(store, ADA)
    epochs = credentials.epochs.database["epochs"]
    await epochs.insert_one({"_id": "nobody", "epoch": 4})
    await put(store, ADA.changed("verifier-2", at=AT, history=1))
    await epochs.update_one({"_id": "ada"}, {"$unset": {"password_version": ""}})
    for _ in range(2):
        await store.install()
        assert await store.standing_of("ada") == Standing(1, password_version=2)
    assert await epochs.find_one({"_id": "nobody"}) == {"_id": "nobody", "epoch": 4}


async def test_a_rehash_changes_the_verifier_and_nothing_else(store: CredentialStore) -> None:
    await open_account(store, ADA)
    await store.rehashed(ADA, "stronger")
    assert await store.password_of("ada") == replace(ADA, verifier="stronger")


async def test_a_rehash_of_what_was_changed_meanwhile_is_dropped(store: CredentialStore) -> None:
    await open_account(store, ADA)
    changed = ADA.changed("verifier-2", at=AT, history=1)
    await put(store, changed)
    await store.rehashed(ADA, "stronger, but of the old password")
    assert await store.password_of("ada") == changed


def verifier(cost: str) -> str:
    return f"{cost}$c2FsdHNhbHRzYWx0$ZGlnZXN0ZGlnZXN0"


CHEAP, CHEAP_IN_LANES, DEAR = (
    f"$argon2id$v=19$m={memory},t=2,p={lanes}" for memory, lanes in ((8, 1), (8, 16), (64, 1))
)


async def open_accounts(store: CredentialStore, *verifiers: str | None) -> None:
    for number, each in enumerate(verifiers):
        name = f"user-{number}"
        assert await open_account(store, replace(ADA, sub=name, user_id=name, verifier=each))


async def test_the_costs_in_use_are_those_of_the_verifiers_that_are_kept(
    store: CredentialStore,
) -> None:
    assert await store.costs_in_use() == set()
    kept = [verifier(each) for each in (CHEAP, CHEAP_IN_LANES, DEAR) for _ in range(3)]
    await open_accounts(store, None, "", "nonsense", *kept, "$argon2id$v=19$m=8")
    assert await store.costs_in_use() == {CHEAP, CHEAP_IN_LANES, DEAR}


async def test_a_cost_is_in_use_until_the_last_verifier_was_made_anew(
    store: CredentialStore,
) -> None:
    await open_accounts(store, verifier(CHEAP), verifier(CHEAP), verifier(DEAR))
    for name, left in (("user-0", {CHEAP, DEAR}), ("user-1", {DEAR})):
        password = await store.password_of(name)
        assert password is not None
        await store.rehashed(password, verifier(DEAR))
        assert await store.costs_in_use() == left


async def test_a_changed_password_is_in_use_at_its_own_cost(store: CredentialStore) -> None:
    await open_account(store, replace(ADA, verifier=verifier(CHEAP)))
    password = await store.password_of("ada")
    assert password is not None
    await put(store, password.changed(verifier(DEAR), at=AT, history=2))
    assert await store.costs_in_use() == {DEAR}


async def test_the_costs_in_use_are_read_from_the_index(credentials: Wiring) -> None:
    store = MongoCredentialStore(credentials.database, credentials.epochs, credentials.transactions)
    await open_accounts(store, *[verifier(CHEAP)] * 20, verifier(DEAR))

    async def looked_up() -> int:
        stages: list[Document] = [{"$indexStats": {}}, {"$match": {"name": "verifier_1"}}]
        (index,) = await (await store.database["passwords"].aggregate(stages)).to_list()
        return int(index["accesses"]["ops"])

    before = await looked_up()
    assert await store.costs_in_use() == {CHEAP, DEAR}
    # One for each, and one that finds no more.
    assert await looked_up() - before == 3


async def test_an_account_stays_shut_whatever_becomes_of_its_password(
    store: CredentialStore,
) -> None:
    await open_account(store, ADA)
    shut = ADA.shut("receipt", deleted=False)
    await put(store, shut)
    assert await store.password_of("ada") == shut
    changed = shut.set_by_admin("verifier-2", at=AT, history=1)
    await put(store, changed)
    assert await store.password_of("ada") == changed
    assert changed.disabled
    opened = changed.opened()
    await put(store, opened)
    kept = await store.password_of("ada")
    assert kept == opened
    assert kept is not None
    assert not kept.disabled


async def test_what_is_known_of_a_password_can_change_under_the_same_epoch(
    store: CredentialStore,
) -> None:
    await open_account(store, ADA)
    await store.in_transaction(lambda tx: tx.note_password("ada", 7))
    assert await store.standing_of("ada") == Standing(1, password_version=7)


async def test_the_name_of_a_deleted_account_is_not_free_yet(store: CredentialStore) -> None:
    await open_account(store, ADA)
    await put(store, ADA.shut("receipt", deleted=True))
    assert not await open_account(store, replace(ADA, sub="successor"))
    found = await store.password_of("ada")
    assert found is not None
    assert found.deleted


async def test_the_name_of_an_account_that_was_deleted_long_ago_is_free(
    credentials: Wiring,
) -> None:
    store = _in_mongodb(credentials).store
    await open_account(store, ADA)
    await put(store, ADA.shut("receipt", deleted=True))
    long_ago = {"$subtract": ["$deleted_at", (DeletedDays * 24 * 3600 + 60) * 1000]}
    await credentials.database["passwords"].update_one(
        {"_id": "ada"}, [{"$set": {"deleted_at": long_ago}}]
    )
    successor = replace(ADA, sub="successor")
    assert await open_account(store, successor)
    assert await store.password_named(ADA.user_id) == successor
    found = await store.password_of("ada")
    assert found is not None
    assert found.deleted
