"""Argon2id in its pool: right, wrong, unknown, full, and never on the event loop."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from services.credentials.hashing import Hasher
from services.credentials.model import HashParameters
from shared.contracts.refusals import Busy

CHEAP = HashParameters(memory=8, passes=1, lanes=1)


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    made = Hasher(CHEAP, threads=2, queue=3)
    yield made
    made.close()


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


async def test_every_character_of_a_long_password_counts(hasher: Hasher) -> None:
    verifier = await hasher.hash("a" * 255 + "b")
    assert not await hasher.verify(verifier, "a" * 255 + "c")
    assert await hasher.verify(verifier, "a" * 255 + "b")


async def test_stronger_parameters_make_older_verifiers_outdated(hasher: Hasher) -> None:
    stronger = Hasher(HashParameters(memory=16, passes=2, lanes=1), threads=1, queue=1)
    verifier = await hasher.hash("seven quiet boats")
    assert not hasher.outdated(verifier)
    assert stronger.outdated(verifier)
    assert await stronger.verify(verifier, "seven quiet boats")
    stronger.close()


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


async def test_the_event_loop_goes_on_while_passwords_are_hashed() -> None:
    slow = Hasher(HashParameters(memory=32_768, passes=1, lanes=1), threads=1, queue=4)
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
    slow.close()
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


async def test_unknown_and_wrong_take_the_same_work_after_the_parameters_were_raised(
    hasher: Hasher,
) -> None:
    raised = Hasher(HashParameters(memory=16, passes=2, lanes=1), threads=1, queue=1)
    older, newer = await hasher.hash("seven quiet boats"), await raised.hash("seven quiet boats")
    outdated = await work(raised, older)
    assert sorted(outdated) == sorted([cost(older), cost(newer)])
    assert await work(raised, None) == await work(raised, newer) == outdated
    assert await raised.verify(older, "seven quiet boats")
    assert await raised.verify(newer, "seven quiet boats")
    assert not await raised.verify(None, "seven quiet boats")
    raised.close()


@pytest.mark.parametrize("verifier", ["", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$broken"])
async def test_a_broken_verifier_takes_the_work_of_an_unknown_user(
    hasher: Hasher, verifier: str
) -> None:
    assert await work(hasher, verifier) == await work(hasher, None)
