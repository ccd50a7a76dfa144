"""Documents that somebody replaces who may not know what they replace."""

from collections.abc import Collection
from dataclasses import dataclass

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from shared.contracts.refusals import ChangedMeanwhile
from shared.mongo import Document, Session
from shared.policies import Replaced, Telling
from shared.transactions import Transaction, Transactions

_VERSION = {"$ifNull": ["$version", 0]}


@dataclass(frozen=True)
class VersionedDocuments:
    """A collection of them. What was never written is version 0."""

    collection: AsyncCollection[Document]
    transactions: Transactions

    async def install(self) -> None:
        """Create the collection, which no transaction has to do then. Safe to run twice."""
        if self.collection.name not in await self.collection.database.list_collection_names():
            await self.collection.database.create_collection(self.collection.name)

    async def replace(
        self,
        id: str,
        values: Document,
        *,
        replaces: Collection[int] | None,
        told: Telling | None,
        besides: Document | None = None,
        unsaid: Document | None = None,
    ) -> Replaced:
        """Set the values where one of these versions stands, and tell of it, all or nothing.

        Raise `ChangedMeanwhile` where another one does; with no versions named, any may.
        `besides` holds expressions over the document as it was, and `unsaid` what held where it
        said nothing.
        """
        literal = {name: {"$literal": value} for name, value in values.items()}
        risen = {"version": {"$add": [_VERSION, 1]}}
        update = [{"$set": {**literal, **(besides or {}), **risen}}]

        async def work(transaction: Transaction) -> Replaced:
            before = await self._replace(id, update, replaces, transaction.session)
            replaced = Replaced.of({**(unsaid or {}), **before}, values)
            if told is not None and (event := told(replaced)) is not None:
                await transaction.emit(event)
            return replaced

        return await self.transactions.run(work)

    async def _replace(
        self, id: str, update: list[Document], replaces: Collection[int] | None, session: Session
    ) -> Document:
        """Do it in one atomic write, and return what was there before."""
        query: Document = {"_id": id}
        if replaces is not None:
            # What has no version is 0. Said positively, an upsert would write the version down.
            others = [*replaces, *([None] if 0 in replaces else [])]
            query["version"] = {"$not": {"$nin": others}}
        may_be_new = replaces is None or 0 in replaces
        try:
            before = await self.collection.find_one_and_update(
                query, update, upsert=may_be_new, session=session
            )
        except DuplicateKeyError as error:
            raise ChangedMeanwhile from error
        if before is None and not may_be_new:
            raise ChangedMeanwhile
        return before or {}
