"""Argon2id in its pool: right, wrong, unknown, full, and never on the event loop."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from services.credentials.hashing import Hasher
from services.credentials.model import HashParameters
from shared.contracts.refusals import Busy
from tests.memory.clock import StoppedClock
from tests.unit.credentials.system import CHEAP, DEARER

DEAREST = HashParameters(memory=24, passes=3, lanes=1)
SLOW = HashParameters(memory=32_768, passes=1, lanes=1)


@dataclass
class Kept:
    """The costs of the verifiers that a store keeps."""

    costs: set[str] = field(default_factory=set)
    asked: int = 0
    away: bool = False
    wait: asyncio.Event | None = None

    async def costs_in_use(self) -> set[str]:
        self.asked += 1
        if self.wait is not None:
            await self.wait.wait()
        if self.away:
            raise ConnectionError
        return set(self.costs)


@dataclass
class Replicas:
    """Processes on one store, each with a cost of its own."""

    kept: Kept = field(default_factory=Kept)
    clock: StoppedClock = field(default_factory=StoppedClock)
    started: list[Hasher] = field(default_factory=list)

    def start(self, parameters: HashParameters = CHEAP, *, threads: int = 2) -> Hasher:
        made = Hasher(parameters, self.kept, self.clock, threads=threads, queue=3)
        self.started.append(made)
        return made

    async def keep(self, hasher: Hasher) -> str:
        """Let the store keep a verifier, and return it."""
        verifier = await hasher.hash("seven quiet boats")
        self.kept.costs.add(cost(verifier))
        return verifier


@pytest.fixture
def replicas() -> Iterator[Replicas]:
    made = Replicas()
    yield made
    for hasher in made.started:
        hasher.close()


@pytest.fixture
def hasher(replicas: Replicas) -> Hasher:
    return replicas.start()


async def test_a_password_matches_its_own_verifier_only(hasher: Hasher) -> None:
    verifier = await hasher.hash("seven quiet boats")
    assert verifier.startswith("$argon2id$")
    assert "seven" not in verifier
    assert await hasher.verify(verifier, "seven quiet boats")
    assert not await hasher.verify(verifier, "seven quiet boat")
    assert not await hasher.verify(verifier, "")


async def test_the_same_password_has_a_new_verifier_each_time(hasher: Hasher) -> None:
    assert await hasher.hash("seven quiet boats") != await hasher.hash("seven quiet boats")


async def test_nobodys_password_is_never_right(hasher: Hasher) -> None:
    for guess in ("", "\0", "seven quiet boats"):
        assert not await hasher.verify(None, guess)


async def test_what_cannot_be_a_password_is_never_right(hasher: Hasher) -> None:
    verifier = await hasher.hash("seven quiet boats")
    for guess in ("", "\0", "seven\nquiet boats", "\ud800", "seven quiet boats\0"):
        assert not await hasher.verify(verifier, guess)


@pytest.mark.parametrize("verifier", ["", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$broken"])
async def test_a_broken_verifier_is_never_right(hasher: Hasher, verifier: str) -> None:
    assert not await hasher.verify(verifier, "seven quiet boats")


async def test_composed_and_decomposed_input_is_one_password(hasher: Hasher) -> None:
    verifier = await hasher.hash("M\u00e4rz und B\u00f6en")
    assert await hasher.verify(verifier, "Ma\u0308rz und Bo\u0308en")


@pytest.mark.asvs("6.2.8")
async def test_every_character_of_a_long_password_counts(hasher: Hasher) -> None:
    verifier = await hasher.hash("a" * 255 + "b")
    assert not await hasher.verify(verifier, "a" * 255 + "c")
    assert await hasher.verify(verifier, "a" * 255 + "b")


async def test_stronger_parameters_make_older_verifiers_outdated(
    replicas: Replicas, hasher: Hasher
) -> None:
    stronger = replicas.start(DEARER)
    verifier = await hasher.hash("seven quiet boats")
    assert not hasher.outdated(verifier)
    assert stronger.outdated(verifier)
    assert await stronger.verify(verifier, "seven quiet boats")


async def test_no_more_than_there_is_room_for_are_begun(hasher: Hasher) -> None:
    go_on = threading.Event()
    begun = [asyncio.create_task(hasher._run(lambda: go_on.wait(10))) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refused:
        async with asyncio.timeout(5):
            await hasher.verify(None, "one too many")
    assert refused.value.status == 503
    assert refused.value.retry_after == 1
    go_on.set()
    await asyncio.gather(*begun)
    assert not await hasher.verify(None, "there is room again")


async def test_room_comes_back_when_work_fails_or_is_given_up(hasher: Hasher) -> None:
    def failing() -> None:
        raise ZeroDivisionError

    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            await hasher._run(failing)
    go_on = threading.Event()
    given_up = [asyncio.create_task(hasher._run(lambda: go_on.wait(10))) for _ in range(5)]
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()
    await asyncio.gather(*given_up, return_exceptions=True)
    go_on.set()
    assert not await hasher.verify(None, "there is room again")


async def test_the_event_loop_goes_on_while_passwords_are_hashed(replicas: Replicas) -> None:
    slow = replicas.start(SLOW, threads=1)
    threads: set[int] = set()
    original = slow._matches

    def matches(verifier: str | None, password: str) -> bool:
        threads.add(threading.get_ident())
        return original(verifier, password)

    slow._matches = matches  # type: ignore[method-assign]
    work = asyncio.gather(*(slow.verify(None, "a guess") for _ in range(4)))
    turns = 0
    while not work.done():
        await asyncio.sleep(0.001)
        turns += 1
    await work
    assert threading.get_ident() not in threads
    assert turns > 10


def cost(verifier: str) -> str:
    return verifier.rpartition("$")[0].rpartition("$")[0]


async def work(hasher: Hasher, verifier: str | None) -> list[str]:
    """Return at which costs a wrong password is checked."""
    computed: list[str] = []
    original = hasher._equals

    def equals(verifier: str, password: str) -> bool:
        computed.append(cost(verifier))
        return original(verifier, password)

    hasher._equals = equals  # type: ignore[method-assign]
    assert not await hasher.verify(verifier, "a guess")
    hasher._equals = original  # type: ignore[method-assign]
    return computed


async def test_unknown_and_wrong_take_the_same_work(hasher: Hasher) -> None:
    verifier = await hasher.hash("seven quiet boats")
    assert await work(hasher, None) == await work(hasher, verifier) == [cost(verifier)]


async def test_whoever_is_checked_first_after_the_cost_was_raised_takes_the_same_work(
    replicas: Replicas, hasher: Hasher
) -> None:
    older = await replicas.keep(hasher)
    newer = await replicas.keep(replicas.start(DEARER))
    both = sorted([cost(older), cost(newer)])
    for verifier in (None, older, newer):
        # Each is the first that its process checks.
        assert await work(replicas.start(DEARER), verifier) == both
    raised = replicas.start(DEARER)
    assert await raised.verify(older, "seven quiet boats")
    assert await raised.verify(newer, "seven quiet boats")
    assert not await raised.verify(None, "seven quiet boats")


async def test_a_cost_that_another_replica_began_is_known_a_second_later(
    replicas: Replicas, hasher: Hasher
) -> None:
    alone = await work(hasher, None)
    newer = await replicas.keep(replicas.start(DEARER))
    replicas.clock.advance(1)
    assert await work(hasher, None) == sorted([*alone, cost(newer)])


async def test_a_cost_that_nobody_has_any_more_is_no_longer_paid(
    replicas: Replicas, hasher: Hasher
) -> None:
    raised = replicas.start(DEARER)
    await replicas.keep(hasher)
    assert len(await work(raised, None)) == 2
    replicas.kept.costs.clear()
    replicas.clock.advance(1)
    assert await work(raised, None) == [cost(await raised.hash("any"))]


async def test_a_former_password_is_checked_whatever_it_cost(
    replicas: Replicas, hasher: Hasher
) -> None:
    former = await replicas.start(DEAREST).hash("seven quiet boats")
    assert await hasher.verify(former, "seven quiet boats")
    assert not await hasher.verify(former, "eight quiet boats")


async def test_many_checks_at_once_ask_for_the_costs_once(
    replicas: Replicas, hasher: Hasher
) -> None:
    replicas.kept.wait = asyncio.Event()
    waiting = [asyncio.create_task(hasher.verify(None, "a guess")) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # Who goes takes the reading away from nobody.
    waiting[0].cancel()
    replicas.kept.wait.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [False] * 4
    assert replicas.kept.asked == 1


async def test_a_process_starts_without_the_store_and_checks_nothing_until_it_is_there(
    replicas: Replicas, hasher: Hasher
) -> None:
    older = await replicas.keep(hasher)
    replicas.kept.away = True
    raised = replicas.start(DEARER)
    for verifier in (None, older):
        with pytest.raises(ConnectionError):
            await raised.verify(verifier, "a guess")
    replicas.kept.away = False
    assert len(await work(raised, None)) == 2


@pytest.mark.parametrize("verifier", ["", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$broken"])
async def test_a_broken_verifier_takes_the_work_of_an_unknown_user(
    hasher: Hasher, verifier: str
) -> None:
    assert await work(hasher, verifier) == await work(hasher, None)
