"""What is remembered for a second is read once a second, and never outlives a change's answer."""

import pytest

from shared.contracts.refusals import NotFound, Refusal, Unavailable
from shared.lease import Lease, LeaseSeconds
from tests.memory.clock import StoppedClock


class Book:
    """Something that is read, and how often that was."""

    def __init__(self) -> None:
        self.clock = StoppedClock()
        self.says, self.reads = "old", 0
        self.refusal: Refusal | None = None
        self.lease = Lease(self.read, self.clock, self.clock.pause)

    async def read(self, _key: str) -> str:
        self.reads += 1
        if self.refusal is not None:
            raise self.refusal
        return self.says

    async def read_slowly(self, key: str) -> str:
        said = await self.read(key)
        self.clock.advance(LeaseSeconds / 2)
        return said


async def test_it_is_read_once_a_second() -> None:
    book = Book()
    for _ in range(5):
        assert await book.lease.of("halden") == "old"
        book.clock.advance(LeaseSeconds / 5)
    assert book.reads == 1
    book.clock.advance(0.001)
    await book.lease.of("halden")
    assert book.reads == 2


async def test_each_key_is_remembered_by_itself() -> None:
    book = Book()
    await book.lease.of("halden")
    await book.lease.of("elsewhere")
    assert book.reads == 2


async def test_the_second_begins_before_the_reading() -> None:
    book = Book()
    slow = Lease(book.read_slowly, book.clock, book.clock.pause)
    await slow.of("halden")
    book.clock.advance(LeaseSeconds / 2)
    book.says = "new"
    assert await slow.of("halden") == "new"


async def test_when_a_change_is_answered_no_process_goes_by_what_was_before() -> None:
    book = Book()
    other = Lease(book.read, book.clock, book.clock.pause)
    for lease in (book.lease, other):
        await lease.of("halden")
    book.says = "new"
    await book.lease.lapse()
    assert [await lease.of("halden") for lease in (book.lease, other)] == ["new", "new"]


async def test_what_was_said_last_holds_while_a_store_is_away_that_is_asked_once_a_second() -> None:
    book = Book()
    assert await book.lease.known("halden") == "old"
    book.refusal = Unavailable()
    book.clock.advance(60)
    for _ in range(5):
        assert await book.lease.known("halden") == "old"
        assert await book.lease.known("elsewhere") is None
    assert book.reads == 3
    book.refusal, book.says = None, "new"
    book.clock.advance(1)
    assert await book.lease.known("halden") == await book.lease.known("elsewhere") == "new"


async def test_what_a_store_refuses_is_no_outage() -> None:
    book = Book()
    book.refusal = NotFound()
    with pytest.raises(NotFound):
        await book.lease.known("halden")


async def test_it_does_not_grow_without_end() -> None:
    book = Book()
    for number in range(3000):
        await book.lease.of(str(number))
    assert len(book.lease.kept) <= 1000
