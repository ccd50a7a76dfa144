"""Throttling on counters and a store in memory: the rules, and what losing either one does."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from services.credentials.errors import SignInThrottled
from services.credentials.model import ACCOUNT, ADDRESS, Counted, Ended, Guesses, Held, Limit, Turn
from services.credentials.throttling import Throttle
from shared.contracts.refusals import Busy
from tests.memory.clock import StoppedClock
from tests.memory.guesses import MemoryCounters, MemoryGuesses

ADA = Guesses("ada", ACCOUNT)
HOME = Guesses("192.0.2.7", ADDRESS)


@dataclass
class System:
    """A throttle on memory, and the clock that it lives by."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    evaluated: int = 0

    def __post_init__(self) -> None:
        self.store = MemoryGuesses(self.clock)
        self.counters = MemoryCounters(self.clock)
        self.throttle = Throttle(self.store, self.counters)

    async def guess(self, said: str, *keys: Guesses) -> None:
        """Try a password; "right" is the right one."""
        async with self.throttle.attempt(*(keys or (ADA, HOME))) as attempt:
            self.evaluated += 1
            await asyncio.sleep(0)
            if said == "right":
                attempt.right()
            else:
                attempt.wrong(said)

    async def wait_after(self, said: str, *keys: Guesses) -> int:
        """Try a password that is not even looked at, and return the seconds to wait."""
        evaluated = self.evaluated
        with pytest.raises(SignInThrottled) as refused:
            await self.guess(said, *keys)
        assert self.evaluated == evaluated
        assert refused.value.retry_after is not None
        return refused.value.retry_after

    async def lock(self, *keys: Guesses, prefix: str = "wrong") -> None:
        """Fail ten times."""
        for number in range(10):
            await self.guess(f"{prefix}-{number}", *keys)

    async def failures(self, guesses: Guesses = ADA) -> int:
        """Return what the store has counted."""
        (counted,) = await self.store.counted([guesses])
        return counted.failures


@pytest.fixture
def system() -> System:
    return System()


@pytest.mark.asvs("6.3.1")
async def test_the_tenth_wrong_password_locks_for_a_minute(system: System) -> None:
    for number in range(9):
        await system.guess(f"wrong-{number}")
    await system.guess("the tenth")
    assert system.evaluated == 10
    assert await system.wait_after("the eleventh") == 60


async def test_the_right_password_is_not_even_tried_during_a_lock(system: System) -> None:
    await system.lock()
    assert await system.wait_after("right") == 60
    system.clock.advance(59)
    assert await system.wait_after("right") == 1
    system.clock.advance(1)
    await system.guess("right")


@pytest.mark.asvs("6.3.1")
async def test_each_lock_is_twice_as_long_up_to_an_hour(system: System) -> None:
    waits = []
    for round_number in range(8):
        await system.lock(prefix=f"round-{round_number}")
        waits.append(await system.wait_after("another"))
        system.clock.advance(waits[-1])
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]


async def test_a_day_without_failures_makes_locks_short_again(system: System) -> None:
    await system.lock(prefix="first")
    system.clock.advance(60)
    await system.lock(prefix="second")
    assert await system.wait_after("another") == 120
    system.clock.advance(25 * 3600)
    system.counters.lose_everything()
    await system.lock(prefix="third")
    assert await system.wait_after("another") == 60


async def test_repeating_one_of_the_last_three_wrong_passwords_does_not_count(
    system: System,
) -> None:
    for said in ("a", "b", "c"):
        await system.guess(said)
    for said in ("a", "b", "c") * 10:
        await system.guess(said)
    assert await system.failures() == 3


async def test_repeating_a_wrong_password_still_counts_for_the_address(system: System) -> None:
    for _ in range(600):
        await system.guess("the same", ADA, HOME)
    assert await system.failures() == 1
    assert await system.wait_after("the same", ADA, HOME) == 60


async def test_repeating_an_older_wrong_password_counts(system: System) -> None:
    for said in ("a", "b", "c", "d", "a"):
        await system.guess(said)
    assert await system.failures() == 5


async def test_a_success_forgets_the_failures_of_the_account_only(system: System) -> None:
    for number in range(9):
        await system.guess(f"wrong-{number}")
    await system.guess("right")
    assert await system.failures() == 0
    assert await system.failures(HOME) == 9
    await system.lock()
    assert await system.wait_after("right") == 60


async def test_a_success_writes_nothing_where_nothing_was_counted(system: System) -> None:
    @dataclass
    class Silent(MemoryGuesses):
        async def clear(self, guesses: Guesses) -> Counted:
            raise AssertionError("What was clean was cleared.")

    system.throttle.store = Silent(system.clock)
    for _ in range(3):
        await system.guess("right")


async def test_what_succeeds_is_never_slowed(system: System) -> None:
    for _ in range(200):
        await system.guess("right")
    assert system.evaluated == 200


@pytest.mark.asvs("6.3.1")
async def test_a_known_device_is_counted_apart_and_signs_in_during_the_lock(
    system: System,
) -> None:
    device = Guesses("ada on her laptop", ACCOUNT)
    await system.lock()
    assert await system.wait_after("right") == 60
    await system.guess("right", device, HOME)


async def test_a_locked_device_leaves_other_ways_in_alone(system: System) -> None:
    device = Guesses("ada on her laptop", ACCOUNT)
    await system.lock(device, HOME)
    assert await system.wait_after("right", device, HOME) == 60
    await system.guess("right", ADA, HOME)


@pytest.mark.asvs("6.3.1")
async def test_one_address_is_stopped_over_all_accounts(system: System) -> None:
    for number in range(600):
        await system.guess("wrong", Guesses(f"user-{number}", ACCOUNT), HOME)
    assert await system.wait_after("wrong", Guesses("one more", ACCOUNT), HOME) == 60
    await system.guess("right", ADA, Guesses("198.51.100.9", ADDRESS))


async def test_a_guess_refused_by_its_address_leaves_the_account_as_it_was(
    system: System,
) -> None:
    narrow = Guesses("narrow", Limit(1, 600, 60, 60))
    await system.guess("wrong", Guesses("somebody", ACCOUNT), narrow)
    for _ in range(20):
        await system.wait_after("wrong", ADA, narrow)
    assert await system.failures() == 0
    await system.guess("right", ADA)


async def test_of_two_hundred_guesses_at_once_ten_are_evaluated(system: System) -> None:
    outcomes = await asyncio.gather(
        *(system.guess(f"wrong-{number}") for number in range(200)), return_exceptions=True
    )
    assert system.evaluated == 10
    assert sum(isinstance(each, SignInThrottled) for each in outcomes) == 190
    assert await system.wait_after("right") == 60


@dataclass
class Slow(MemoryGuesses):
    """A store whose answers take their time, each another, and so overtake one another."""

    dice: random.Random = field(default_factory=lambda: random.Random(7))

    async def count(self, guesses: Guesses, guess: str) -> Counted:
        """Count at once and tell late."""
        counted = await super().count(guesses, guess)
        await asyncio.sleep(self.dice.random() / 20)
        return counted


@pytest.mark.parametrize("seed", range(5))
async def test_ten_are_evaluated_even_when_answers_overtake_one_another(
    system: System, seed: int
) -> None:
    system.throttle.store = Slow(system.clock, dice=random.Random(seed))
    await asyncio.gather(
        *(system.guess(f"wrong-{number}", ADA) for number in range(200)), return_exceptions=True
    )
    assert system.evaluated == 10


@dataclass
class Flighty(MemoryCounters):
    """Counters that now and then do not answer, or have forgotten everything."""

    dice: random.Random = field(default_factory=lambda: random.Random(7))
    moods: tuple[str, ...] = ()

    async def reserve(self, asked: Mapping[Guesses, Held]) -> list[Turn | None]:
        """Take one guess of each, or fail."""
        await self._suffer()
        return await super().reserve(asked)

    async def load(self, counted: Mapping[Guesses, Counted]) -> None:
        """Take over the durable state, or fail."""
        await self._suffer()
        await super().load(counted)

    async def release(self, ended: Sequence[Ended]) -> None:
        """Give guesses back, or fail."""
        await self._suffer()
        await super().release(ended)

    async def _suffer(self) -> None:
        await asyncio.sleep(self.dice.random() / 500)
        mood = self.dice.choice((*self.moods, "well"))
        if mood == "forgetful":
            self.lose_everything()
        self.away = mood == "away"


@pytest.mark.parametrize("moods", [("away",), ("forgetful",), ("away", "forgetful")])
@pytest.mark.parametrize("seed", range(2))
async def test_ten_are_evaluated_when_redis_answers_some_and_not_others(
    system: System, seed: int, moods: tuple[str, ...]
) -> None:
    dice = random.Random(seed)
    system.throttle.store = Slow(system.clock, dice=dice)
    system.throttle.counters = Flighty(system.clock, dice=dice, moods=moods)
    await asyncio.gather(
        *(system.guess(f"wrong-{number}", ADA) for number in range(200)), return_exceptions=True
    )
    assert system.evaluated == 10
    assert (await system.throttle.store.counted([ADA]))[0].locked_seconds == 60


async def test_guesses_under_way_count_beside_failures_when_redis_goes_away(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.credentials.throttling._LONGEST_WAIT_SECONDS", 0.3)
    for number in range(5):
        await system.guess(f"before-{number}", ADA)
    async with AsyncExitStack() as under_way:
        for _ in range(3):
            await under_way.enter_async_context(system.throttle.attempt(ADA))
        system.counters.away = True
        await asyncio.gather(
            *(system.guess(f"wrong-{number}", ADA) for number in range(9)), return_exceptions=True
        )
        assert system.evaluated == 7


async def test_what_one_process_holds_alone_counts_beside_what_another_told_redis(
    system: System,
) -> None:
    other = Throttle(system.store, system.counters)
    async with AsyncExitStack() as under_way:
        system.counters.away = True
        for _ in range(5):
            await under_way.enter_async_context(system.throttle.attempt(ADA))
        system.counters.away = False
        for _ in range(5):
            await under_way.enter_async_context(other.attempt(ADA))
        asked = asyncio.create_task(system.guess("one more", ADA))
        await asyncio.sleep(0.1)
        assert system.evaluated == 0
    await asked
    assert system.evaluated == 1


async def test_redis_that_forgot_everything_is_told_by_the_store(system: System) -> None:
    for number in range(9):
        await system.guess(f"wrong-{number}")
    system.counters.lose_everything()
    await system.guess("the tenth")
    assert await system.wait_after("right") == 60
    system.counters.lose_everything()
    assert await system.wait_after("right") == 60


async def test_without_redis_the_tenth_wrong_password_locks_too(system: System) -> None:
    system.counters.away = True
    await system.lock()
    assert await system.wait_after("right") == 60
    system.clock.advance(60)
    await system.guess("right")
    assert await system.failures() == 0


async def test_without_redis_guesses_at_once_are_bounded(system: System) -> None:
    system.counters.away = True
    await asyncio.gather(
        *(system.guess(f"wrong-{number}") for number in range(200)), return_exceptions=True
    )
    assert system.evaluated == 10
    assert await system.wait_after("right") == 60


async def test_what_failed_while_redis_was_away_counts_when_it_is_back(system: System) -> None:
    await system.guess("before")
    system.counters.away = True
    for number in range(8):
        await system.guess(f"during-{number}")
    system.counters.away = False
    await system.guess("after")
    assert await system.wait_after("right") == 60


async def test_redis_that_goes_away_during_a_guess_leaves_the_failure_counted(
    system: System,
) -> None:
    async with system.throttle.attempt(ADA) as attempt:
        system.counters.away = True
        attempt.wrong("wrong")
    assert await system.failures() == 1


async def test_a_guess_begun_without_redis_and_ended_with_it_is_counted_once(
    system: System,
) -> None:
    system.counters.away = True
    async with system.throttle.attempt(ADA) as attempt:
        system.counters.away = False
        attempt.wrong("wrong")
    assert await system.failures() == 1
    for number in range(9):
        await system.guess(f"wrong-{number}", ADA)
    assert await system.wait_after("right", ADA) == 60


async def test_no_count_of_this_process_outlives_its_guess(system: System) -> None:
    system.counters.away = True
    for number in range(30):
        await system.guess("wrong", Guesses(f"user-{number}", ACCOUNT))
        system.counters.away = number % 2 == 0
    throttle = system.throttle
    assert (dict(throttle._held), dict(throttle._untold), len(throttle._asking)) == ({}, {}, 0)


async def test_nobody_waits_for_redis_to_hear_of_a_right_guess_and_everybody_of_a_wrong_one(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, hears = system.counters.release, asyncio.Event()

    async def when_it_hears(ended: Sequence[Ended]) -> None:
        await hears.wait()
        await release(ended)

    monkeypatch.setattr(system.counters, "release", when_it_hears)
    await asyncio.wait_for(system.guess("right"), 5)
    wrong = asyncio.create_task(system.guess("wrong"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(system.counters.under_way[ADA.key]) == 2
    assert not wrong.done()
    hears.set()
    await wrong
    assert system.counters.under_way[ADA.key] == {}
    assert system.throttle._releasing == set()


async def test_what_was_prepared_is_not_read_again_while_somebody_waits(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await system.guess("wrong")
    system.counters.lose_everything()
    await system.throttle.prepare(ADA)
    read: list[Guesses] = []

    async def noted(guesses: Sequence[Guesses]) -> list[Counted]:
        read.extend(guesses)
        return [Counted() for _ in guesses]

    monkeypatch.setattr(system.store, "counted", noted)
    async with system.throttle.attempt(ADA, HOME):
        assert read == [HOME]
        assert system.counters.counters[ADA.key].failures == 1


async def test_what_cannot_be_prepared_is_read_when_it_is_due(system: System) -> None:
    await system.lock()
    system.counters.lose_everything()
    system.counters.away = True
    await system.throttle.prepare(ADA)
    system.counters.away = False
    assert await system.wait_after("right") == 60


async def test_a_guess_whose_outcome_nobody_told_opens_nothing(system: System) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with system.throttle.attempt(ADA, HOME):
                raise ZeroDivisionError
    assert await system.failures() == 0
    await system.lock()
    assert await system.wait_after("right") == 60


async def test_a_client_that_goes_away_does_not_leave_its_guess_uncounted(
    system: System,
) -> None:
    told = asyncio.Event()

    async def guess() -> None:
        async with system.throttle.attempt(ADA) as attempt:
            attempt.wrong("wrong")
            told.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(guess())
    await told.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(5):
        # What was begun is finished in its own time, which takes turns of the loop only.
        await asyncio.sleep(0)
    assert await system.failures() == 1


async def test_a_process_that_died_with_guesses_under_way_gives_nobody_more(
    system: System,
) -> None:
    for _ in range(4):
        # What a killed process leaves behind: taken, and never given back.
        await system.counters.load({ADA: Counted()})
        await system.counters.reserve({ADA: Held()})
    for number in range(6):
        await system.guess(f"wrong-{number}", ADA)
    assert system.evaluated == 6
    system.clock.advance(31)
    for number in range(4):
        await system.guess(f"later-{number}", ADA)
    assert system.evaluated == 10


async def test_a_lock_from_when_redis_was_away_holds_at_once_when_it_is_back(
    system: System,
) -> None:
    await system.guess("before")
    system.counters.away = True
    for number in range(9):
        await system.guess(f"during-{number}")
    system.counters.away = False
    assert await system.wait_after("right") == 60


async def test_a_lock_that_redis_was_not_told_of_holds_all_the_same(system: System) -> None:
    for number in range(9):
        await system.guess(f"wrong-{number}", ADA)
    async with system.throttle.attempt(ADA) as attempt:
        system.counters.away = True
        attempt.wrong("the tenth")
    system.counters.away = False
    assert await system.wait_after("right", ADA) == 60


async def test_who_waits_too_long_for_a_turn_is_told_to_come_back(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.credentials.throttling._LONGEST_WAIT_SECONDS", 0.1)
    await system.counters.load({ADA: Counted()})
    for _ in range(10):
        await system.counters.reserve({ADA: Held()})
    with pytest.raises(Busy):
        await system.guess("right", ADA)
    assert system.evaluated == 0


async def test_who_waits_for_a_turn_gets_it_when_one_is_over(system: System) -> None:
    await system.counters.load({ADA: Counted()})
    for _ in range(10):
        (turn,) = await system.counters.reserve({ADA: Held()})
    assert turn is not None
    waiting = asyncio.create_task(system.guess("right", ADA))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await system.counters.release([Ended(ADA, turn)])
    await waiting


async def test_no_key_is_looked_at_without_its_counters(system: System) -> None:
    asked: list[Sequence[Guesses]] = []

    @dataclass
    class Watched(MemoryGuesses):
        async def counted(self, guesses: Sequence[Guesses]) -> list[Counted]:
            asked.append(guesses)
            return await super().counted(guesses)

    system.throttle.store = Watched(system.clock)
    await system.guess("right")
    asked.clear()
    await system.guess("right")
    assert asked == []
