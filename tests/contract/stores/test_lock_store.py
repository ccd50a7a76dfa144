"""Locks that are noted with the guesses that bring them, and told once a day."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.credentials.lockout import Lockouts
from services.credentials.model import Guesses, Limit, Lock, LockToldSeconds
from services.credentials.mongo.accounts import MongoCredentialStore
from services.credentials.mongo.guesses import MongoGuessStore, MongoLockStore
from services.credentials.store import CredentialStore, GuessStore
from shared.clock import SystemClock
from shared.contracts.events import SignInLocked
from shared.wiring import Wiring
from tests.contract.stores.test_credential_store import ADA, open_account
from tests.memory.clock import StoppedClock
from tests.memory.credentials import MemoryCredentials
from tests.memory.epochs import MemoryEpochs
from tests.memory.guesses import MemoryGuesses, MemoryLocks

LIMIT = Limit(
    failures=2, window_seconds=2 * LockToldSeconds, first_lock_seconds=1, longest_lock_seconds=8
)
PASSWORDS, CODES = Lock(ADA.sub, "sign-in-locked"), Lock(ADA.sub, "codes-locked")


@dataclass(frozen=True)
class Case:
    """The stores, two processes that tell, what was told, and a way to let a day pass."""

    credentials: CredentialStore
    guesses: GuessStore
    lockouts: tuple[Lockouts, Lockouts]
    told: Callable[[], Awaitable[list[str]]]
    a_day_passes: Callable[[], Awaitable[None]]

    async def locked(self, lock: Lock, *, times: int = 1, key: str = "") -> None:
        """Guess until it is locked so many times."""
        guesses = Guesses(key or uuid4().hex, LIMIT, lock)
        for number in range(LIMIT.failures * times):
            await self.guesses.count(guesses, str(number))

    async def tell_all(self) -> None:
        """Let both processes tell whatever there is, at once."""
        while any(await asyncio.gather(*(each.tell_next() for each in self.lockouts))):
            pass


def _in_memory() -> Case:
    clock = StoppedClock()
    credentials, guesses = MemoryCredentials(MemoryEpochs(clock)), MemoryGuesses(clock)
    locks = MemoryLocks(guesses, credentials)

    async def told() -> list[str]:
        return [event.subject for event in credentials.epochs.outbox.values()]

    async def a_day_passes() -> None:
        clock.advance(LockToldSeconds)

    both = (Lockouts(locks, clock), Lockouts(locks, clock))
    return Case(credentials, guesses, both, told, a_day_passes)


def _in_mongodb(wiring: Wiring) -> Case:
    async def told() -> list[str]:
        rows = wiring.database["outbox"].find()
        return [SignInLocked.model_validate_json(row["body"]).subject async for row in rows]

    async def a_day_passes() -> None:
        before = {"$set": {"at": datetime.now(UTC) - timedelta(seconds=LockToldSeconds)}}
        await wiring.database["locks_told"].update_many({}, before)

    store = MongoCredentialStore(wiring.database, wiring.epochs, wiring.transactions)
    locks = MongoLockStore(wiring.database, wiring.transactions)
    both = (Lockouts(locks, SystemClock()), Lockouts(locks, SystemClock()))
    return Case(store, MongoGuessStore(wiring.database), both, told, a_day_passes)


@pytest.fixture(params=["memory", "mongodb"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        return _in_memory()
    return _in_mongodb(request.getfixturevalue("credentials"))


async def test_the_first_lock_of_a_series_is_told_once(case: Case) -> None:
    await open_account(case.credentials, ADA)
    await case.guesses.count(Guesses("once", LIMIT, PASSWORDS), "wrong")
    await case.tell_all()
    assert await case.told() == []
    await case.locked(PASSWORDS, times=4, key="ada")
    await case.tell_all()
    assert await case.told() == [ADA.sub]
    await case.a_day_passes()
    await case.locked(PASSWORDS, times=2, key="ada")
    await case.tell_all()
    assert await case.told() == [ADA.sub]


async def test_whoever_guesses_on_makes_one_mail_a_day_of_each_kind(case: Case) -> None:
    await open_account(case.credentials, ADA)
    for _ in range(3):
        await case.locked(PASSWORDS)
        await case.tell_all()
    await case.locked(CODES)
    await case.tell_all()
    assert await case.told() == [ADA.sub] * 2
    await case.a_day_passes()
    await case.locked(PASSWORDS)
    await case.locked(PASSWORDS)
    await case.tell_all()
    assert await case.told() == [ADA.sub] * 3


async def test_a_lock_of_a_user_id_that_nobody_has_is_told_to_nobody(case: Case) -> None:
    await open_account(case.credentials, ADA)
    await case.locked(Lock("nobody", "sign-in-locked"))
    await case.tell_all()
    assert await case.told() == []


async def test_a_lock_is_told_although_a_right_guess_came_after_it(case: Case) -> None:
    await open_account(case.credentials, ADA)
    await case.locked(PASSWORDS, key="ada")
    await case.guesses.clear(Guesses("ada", LIMIT))
    await case.tell_all()
    assert await case.told() == [ADA.sub]


async def test_a_client_that_is_locked_is_nobodys_account(case: Case) -> None:
    for number in range(LIMIT.failures):
        await case.guesses.count(Guesses("192.0.2.7", LIMIT), str(number))
    await case.tell_all()
    assert await case.told() == []
