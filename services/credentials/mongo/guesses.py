"""Counts: wrong guesses with the locks they bring, and what may be done only so often."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from uuid import uuid4

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from services.credentials.model import (
    Counted,
    Guesses,
    Lock,
    LockToldSeconds,
    Quota,
)
from shared.contracts.events import SignInLocked
from shared.mongo import Database, Document, Session
from shared.transactions import Transaction, Transactions

_RECENT = 3
_LEFT = {"$max": [0, {"$divide": [{"$subtract": ["$locked_until", "$$NOW"]}, 1000]}]}
_STATE = {"failures": 1, "recent": 1, "revision": 1, "left": _LEFT}
# It goes on from the time, so that it is higher too than in a document that was forgotten.
_NEXT_REVISION = {"$max": [{"$add": [{"$ifNull": ["$revision", 0]}, 1]}, {"$toLong": "$$NOW"}]}


@dataclass(frozen=True)
class MongoGuessStore:
    """Failed guesses, one document per key, changed only in single atomic writes."""

    database: Database

    async def counted(self, guesses: Sequence[Guesses]) -> list[Counted]:
        """Return the state of each key; what is past its window does not count any more."""
        found = self.database["guesses"].find(
            {
                "_id": {"$in": [each.key for each in guesses]},
                "$expr": {"$gt": ["$forget_at", "$$NOW"]},
            },
            _STATE,
        )
        by_key = {each["_id"]: each async for each in found}
        return [_counted(by_key.get(each.key)) for each in guesses]

    async def count(self, guesses: Guesses, guess: str) -> Counted:
        """Count a failure; the one that reaches the limit locks and begins a new count."""
        return await self._changed(guesses, _counting(guesses, guess))

    async def clear(self, guesses: Guesses) -> Counted:
        """Begin anew; the document stays for its revision, until it would have been forgotten."""
        return await self._changed(guesses, _clearing(guesses))

    async def _changed(self, guesses: Guesses, pipeline: list[Document]) -> Counted:
        try:
            return await self._change(guesses.key, pipeline)
        except DuplicateKeyError:
            # Two first changes of a key met at its insertion; the document is there now.
            return await self._change(guesses.key, pipeline)

    async def _change(self, key: str, pipeline: list[Document]) -> Counted:
        await self.database["guesses"].update_one({"_id": key}, pipeline, upsert=True)
        # It may show a change that came in between, but then with that one's revision.
        return _counted(await self.database["guesses"].find_one({"_id": key}, _STATE))


def _clearing(guesses: Guesses) -> list[Document]:
    forget_at = {"$add": ["$$NOW", guesses.limit.window_seconds * 1000]}
    cleared = {"failures": 0, "locks": 0, "recent": [], "locked_until": None}
    return [{"$set": {**cleared, "revision": _NEXT_REVISION, "forget_at": forget_at}}]


def _counting(guesses: Guesses, guess: str) -> list[Document]:
    limit = guesses.limit
    fresh = {"$gt": [{"$ifNull": ["$forget_at", "$$NOW"]}, "$$NOW"]}
    reached = {"$gte": ["$failures", limit.failures]}
    lock_seconds = {
        "$min": [
            limit.longest_lock_seconds,
            {"$multiply": [limit.first_lock_seconds, {"$pow": [2, {"$subtract": ["$locks", 1]}]}]},
        ]
    }
    newest = [{"$literal": guess}]
    recent = {"$slice": [{"$concatArrays": [newest, {"$ifNull": ["$recent", []]}]}, _RECENT]}
    return [
        {
            "$set": {
                "failures": {"$cond": [fresh, {"$add": [{"$ifNull": ["$failures", 0]}, 1]}, 1]},
                "locks": {"$cond": [fresh, {"$ifNull": ["$locks", 0]}, 0]},
                "recent": {"$cond": [fresh, recent, newest]},
                "revision": _NEXT_REVISION,
            }
        },
        {"$set": {"locks": {"$cond": [reached, {"$add": ["$locks", 1]}, "$locks"]}}},
        {
            "$set": {
                "locked_until": {
                    "$cond": [
                        reached,
                        {"$add": ["$$NOW", {"$multiply": [lock_seconds, 1000]}]},
                        "$locked_until",
                    ]
                },
                "failures": {"$cond": [reached, 0, "$failures"]},
                "first_lock": {"$and": [reached, {"$eq": ["$locks", 1]}]},
            }
        },
        # A whole series of locks is told once.
        *_noting(guesses.locks),
        # The window begins when the lock ends, or a long lock would be forgotten before it is over.
        {
            "$set": {
                "forget_at": {
                    "$add": [{"$max": ["$locked_until", "$$NOW"]}, limit.window_seconds * 1000]
                }
            }
        },
    ]


def _noting(lock: Lock | None) -> list[Document]:
    noted = {"$cond": ["$first_lock", {"$literal": asdict(lock)}, "$untold"]} if lock else "$untold"
    return [{"$set": {"untold": noted}}, {"$unset": "first_lock"}]


@dataclass(frozen=True)
class MongoLockStore:
    """The notes that the guess store leaves beside its counts."""

    database: Database
    transactions: Transactions

    async def install(self) -> None:
        """Create indexes. Safe to run twice."""
        await self.database["guesses"].create_index("untold", sparse=True)
        await self.database["locks_told"].create_index("at", expireAfterSeconds=LockToldSeconds)

    async def tell_next(self, event_of: Callable[[Lock], SignInLocked]) -> bool:
        """Look first, so that a transaction is begun only where there is something to tell."""
        untold: Document = {"untold": {"$exists": True}}
        if await self.database["guesses"].find_one(untold, {"_id": 1}) is None:
            return False

        async def work(transaction: Transaction) -> None:
            found = await self.database["guesses"].find_one_and_update(
                untold, {"$unset": {"untold": ""}}, session=transaction.session
            )
            lock = Lock(**found["untold"]) if found else None
            if lock is not None and await self._is_news(lock, transaction.session):
                await transaction.emit(event_of(lock))

        await self.transactions.run(work)
        return True

    async def _is_news(self, lock: Lock, session: Session) -> bool:
        owner = {"_id": lock.sub}
        if await self.database["passwords"].find_one(owner, {"_id": 1}, session=session) is None:
            return False
        key, told = f"{lock.sub} {lock.cause}", self.database["locks_told"]
        since = {"$subtract": ["$$NOW", LockToldSeconds * 1000]}
        # The server forgets about once a minute, so the time is compared here.
        recent = {"_id": key, "$expr": {"$gt": ["$at", since]}}
        if await told.find_one(recent, session=session) is not None:
            return False
        await told.update_one(
            {"_id": key}, {"$currentDate": {"at": True}}, upsert=True, session=session
        )
        return True


def _counted(document: Document | None) -> Counted:
    if document is None:
        return Counted()
    return Counted(
        failures=document["failures"],
        locked_seconds=document["left"],
        recent=tuple(document["recent"]),
        # What an earlier release counted has none.
        revision=document.get("revision", 0),
    )


@dataclass(frozen=True)
class MongoQuotaStore:
    """The times at which something was taken, one document per key."""

    database: Database

    async def install(self) -> None:
        """Create the index by which the server forgets what is over. Safe to run twice."""
        await self.database["quotas"].create_index("forget_at", expireAfterSeconds=0)

    async def take(self, quota: Quota) -> float:
        """Add a time where there is room; whether it is in the document then is the answer."""
        mine = uuid4().hex
        try:
            taken = await self._take(quota, mine)
        except DuplicateKeyError:
            # Two first ones of a key met at its insertion; the document is there now.
            taken = await self._take(quota, mine)
        if any(each["by"] == mine for each in taken["taken"]):
            return 0.0
        oldest = min(each["at"] for each in taken["taken"])
        since = (taken["asked_at"] - oldest).total_seconds()
        return max(quota.seconds - float(since), 1.0)

    async def clear(self, key: str) -> None:
        """Delete the key's document."""
        await self.database["quotas"].delete_one({"_id": key})

    async def _take(self, quota: Quota, mine: str) -> Document:
        begins = {"$subtract": ["$$NOW", quota.seconds * 1000]}
        kept = {
            "$filter": {
                "input": {"$ifNull": ["$taken", []]},
                "cond": {"$gt": ["$$this.at", begins]},
            }
        }
        one_more = {"$concatArrays": ["$taken", [{"at": "$$NOW", "by": mine}]]}
        has_room = {"$lt": [{"$size": "$taken"}, quota.most]}
        found = await self.database["quotas"].find_one_and_update(
            {"_id": quota.key},
            [
                {"$set": {"taken": kept, "asked_at": "$$NOW"}},
                {"$set": {"taken": {"$cond": [has_room, one_more, "$taken"]}}},
                {"$set": {"forget_at": {"$add": ["$$NOW", quota.seconds * 1000]}}},
            ],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return found or {"taken": []}
