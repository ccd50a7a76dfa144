"""What a service keeps of people: told to them page by page, and erased when they are purged.

A service names once what it keeps and where. Both go by that list, so nothing is kept that its
owner is not told of and that is not erased.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bson import json_util
from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection

from shared.clock import Clock
from shared.contracts.events import AccountErased, AccountPurged
from shared.contracts.personal_data import Keeper, PersonalDataPage, ReadPersonalData
from shared.contracts.refusals import UnknownCursor
from shared.mongo import Document
from shared.transactions import Transactions

NOT_SHOWN = "kept_but_not_shown"


def _as_it_is(document: Document) -> Document:
    return document


@dataclass(frozen=True)
class Holding:
    """What one collection keeps of a subject, found by the `query`.

    `shown` are the fields that its owner is told, in the order of the field `by`; of the `secret`
    ones only that they are there. A dotted name is that of a part, in a list of each item. What
    `outlasts` an erasure names its owner by nothing but the subject, which is random. `opened`
    adds to a document what stands in it sealed and is its owner's own.
    """

    section: str
    collection: AsyncCollection[Document]
    query: Document
    shown: tuple[str, ...]
    secret: tuple[str, ...] = ()
    by: str = "_id"
    outlasts: bool = False
    opened: Callable[[Document], Document] = _as_it_is

    async def page(self, after: Sequence[Any] | None, limit: int) -> list[Document]:
        """Return what comes after a value of the field `by` and an id."""
        query = self.query
        if after is not None:
            value, last = after
            # Nothing is greater than what is not there; it comes first all the same.
            greater = {"$ne": None} if value is None else {"$gt": value}
            later = [{self.by: greater}, {self.by: value, "_id": {"$gt": last}}]
            query = {"$and": [query, {"$or": later}]}
        order = dict.fromkeys((self.by, "_id"), ASCENDING)
        return await self.collection.find(query).sort(order).limit(limit).to_list()

    async def erase(self) -> None:
        """Delete it all."""
        await self.collection.delete_many(self.query)

    def item(self, document: Document) -> Document:
        """Return what is shown of a document."""
        shown = _parts(self.opened(document), self.shown)
        if "_id" in shown:
            shown = {"id": shown.pop("_id"), **shown}
        hidden = [name for name in self.secret if any(_leaves(_parts(document, [name])))]
        return shown | ({NOT_SHOWN: hidden} if hidden else {})


async def _nothing_more(_sub: str) -> None:
    """Do nothing: what the collections keep is all there is."""


@dataclass(frozen=True)
class PersonalData:
    """One service's part of what is told and of what is erased.

    `holdings` are those of a subject; the first is erased last, since others may be found by it.
    `first` is what else is to be done before they are.
    """

    service: Keeper
    holdings: Callable[[str], Awaitable[Sequence[Holding]]]
    transactions: Transactions
    clock: Clock
    first: Callable[[str], Awaitable[None]] = _nothing_more

    async def read(self, asked: ReadPersonalData) -> PersonalDataPage:
        """Return a page of what is kept of a subject."""
        holdings = await self.holdings(asked.sub)
        number, after = _opened(asked.after, len(holdings))
        holding = holdings[number]
        found = await holding.page(after, asked.limit + 1)
        page = found[: asked.limit]
        following: list[Any] | None = None
        if len(found) > asked.limit:
            following = [number, [page[-1].get(holding.by), page[-1]["_id"]]]
        elif number + 1 < len(holdings):
            following = [number + 1, None]
        return PersonalDataPage(
            section=holding.section,
            items=tuple(map(holding.item, page)),
            next=json_util.dumps(following) if following else None,
        )

    async def erase(self, event: AccountPurged) -> None:
        """Delete what is kept of the subject and confirm it; the event may come again and again.

        It is no single transaction: what is left when it breaks off is deleted the next time, and
        nothing is confirmed before.
        """
        await self.first(event.subject)
        for holding in reversed(await self.holdings(event.subject)):
            if not holding.outlasts:
                await holding.erase()
        confirmation = AccountErased.of(event, self.service, at=self.clock.now())
        await self.transactions.run(lambda transaction: transaction.emit(confirmation))


def _opened(cursor: str | None, number: int) -> tuple[int, Sequence[Any] | None]:
    """Return which holding a cursor is in, and after what of it."""
    if cursor is None:
        return 0, None
    try:
        place, after = json_util.loads(cursor)
    except (TypeError, ValueError) as error:
        raise UnknownCursor from error
    if place not in range(number):
        raise UnknownCursor
    return place, after


def _parts(document: Document, names: Iterable[str]) -> Document:
    """Return these parts of a document; those of a list are taken of each of its items."""
    inside: dict[str, list[str]] = {}
    for name in names:
        head, _, rest = name.partition(".")
        inside.setdefault(head, []).extend([rest] if rest else [])
    return {
        head: _inside(document[head], rests) for head, rests in inside.items() if head in document
    }


def _inside(value: Any, names: list[str]) -> Any:
    if not names:
        return value
    if isinstance(value, list):
        return [_inside(each, names) for each in value]
    return _parts(value, names) if isinstance(value, dict) else value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _leaves(each)
    else:
        yield value
