"""What this service keeps of people and where, and the records of who was erased."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pymongo import ASCENDING, DESCENDING, ReturnDocument

from services.profile.errors import NoSuchPerson, NotDeleted
from services.profile.model import user_id_key
from shared.contracts.accounts import DeletedDays
from shared.contracts.events import Event
from shared.contracts.personal_data import KEEPERS, Erasure, FoundSubject
from shared.contracts.profile import AddPerson
from shared.mongo import Database, Document, Session, present
from shared.personal_data import Holding
from shared.transactions import Transaction, Transactions

ERASURES = "erasures"
_AGAIN_SECONDS = 30
_AT_LEAST_SECONDS = 60
"""No request takes as long: what one that had begun before has written is erased the last time."""
_RECORD = tuple(name for name in AddPerson.model_fields if name != "by")
_DELETED_SINCE: Document = {"$subtract": ["$$NOW", DeletedDays * 24 * 3600 * 1000]}


def holdings(database: Database) -> Callable[[str], Awaitable[Sequence[Holding]]]:
    """Return what tells where a subject's record, photo, decisions, mails and audit entries are."""

    async def of(sub: str) -> tuple[Holding, ...]:
        own = {"sub": sub}
        person = await database["people"].find_one({"_id": sub}, {"user_id": 1})
        # Who invited a user ID that nobody had yet has written it down all the same.
        named = [{"user_id_key": user_id_key(person["user_id"])}] if person else []
        return (
            Holding(
                "person", database["people"], {"_id": sub},
                ("_id", *_RECORD, "revision", "disabled", "deleted_at", "added_as"),
            ),
            Holding("photo", database["photos"], {"_id": sub}, ("image", "media_type")),
            Holding(
                "terms", database["terms-decisions"], own,
                ("document", "number", "version", "title", "language", "decision", "at",
                 "valid_days", "where"),
                by="document",
            ),
            Holding(
                "organizations", database["memberships"], own,
                ("organization", "role", "groups", "state", "invited_by", "joined_at", "ended_at",
                 "ended_by"),
                by="organization",
            ),
            Holding(
                "invitations", database["invitations"], {"$or": [own, *named]},
                ("organization", "user_id", "role", "groups", "invited_by", "invited_at"),
                by="invited_at",
            ),
            Holding(
                "mails", database["notices"], own,
                ("cause", "about", "codes_left", "to", "committed_at", "owed_at", "outcome",
                 "reason", "closed_at"),
                by="committed_at",
            ),
            Holding(
                "audit", database["audit"], {"$or": [{"subject": sub}, {"actor": sub}]},
                ("sequence", "at", "organization", "actor", "subject", "action", "outcome",
                 "reason", "details"),
                by="sequence", outlasts=True,
            ),
        )  # fmt: skip

    return of


async def erased_among(
    database: Database, subs: Sequence[str], session: Session | None = None
) -> set[str]:
    """Return those of these subjects of whom nothing may be written any more."""
    found = database[ERASURES].find({"_id": {"$in": [*subs]}}, {"_id": 1}, session=session)
    return {each["_id"] async for each in found}


@dataclass(frozen=True)
class MongoErasureStore:
    """One document per subject, for good: it names nobody."""

    database: Database
    transactions: Transactions

    async def install(self) -> None:
        """Create indexes. Safe to run twice."""
        await self.database["people"].create_index("deleted_at", sparse=True)
        await self.database["notices"].create_index("sub")
        for name in ("actor", "subject"):
            in_order = [(name, ASCENDING), ("sequence", ASCENDING)]
            await self.database["audit"].create_index(in_order)
        await self.database[ERASURES].create_index("due_at", sparse=True)
        await self.database[ERASURES].create_index([("asked_at", DESCENDING)])

    async def find(self, name: str) -> FoundSubject | None:
        """Look in the user IDs, then in the records."""
        found = await self.database["people"].find_one({"user_id_key": user_id_key(name)})
        if found is not None:
            return FoundSubject(
                sub=found["_id"], organization=found["organization"], deleted="deleted_at" in found
            )
        known = await self.database[ERASURES].find_one({"_id": name})
        return FoundSubject(sub=name, deleted=True) if known else None

    async def begin(self, sub: str, told: Callable[[str | None], Sequence[Event]]) -> Erasure:
        """Write the record and what tells of it, in one transaction."""

        async def work(transaction: Transaction) -> Erasure:
            return await self._begin(sub, told, transaction)

        return await self.transactions.run(work)

    async def _begin(
        self, sub: str, told: Callable[[str | None], Sequence[Event]], transaction: Transaction
    ) -> Erasure:
        session = transaction.session
        person = await self.database["people"].find_one_and_update(
            {"_id": sub}, {"$set": {"erased": True}}, session=session
        )
        known = await self.database[ERASURES].find_one({"_id": sub}, session=session)
        if person is None and known is None:
            raise NoSuchPerson
        if person is not None and "deleted_at" not in person:
            raise NotDeleted
        is_first = person is not None and known is None
        for event in told(person["organization"] if person is not None and is_first else None):
            await transaction.emit(event)
        return await self._write(sub, session)

    async def record(self, sub: str, told: Event) -> None:
        """Write the record of somebody whom a backup may have brought back, and tell of it."""

        async def work(transaction: Transaction) -> None:
            await self._write(sub, transaction.session)
            await transaction.emit(told)

        await self.transactions.run(work)

    async def _write(self, sub: str, session: Session) -> Erasure:
        fresh = {"asked_at": "$$NOW", "confirmed": {"$literal": {}}, "due_at": _later()}
        written = await self.database[ERASURES].find_one_and_update(
            {"_id": sub},
            [{"$set": fresh}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        return _erasure(present(written))

    async def erasure(self, sub: str) -> Erasure | None:
        """Read the record."""
        found = await self.database[ERASURES].find_one({"_id": sub})
        return _erasure(found) if found else None

    async def all_after(self, sub: str, *, limit: int) -> list[Erasure]:
        """Read a page in order of the ids."""
        found = self.database[ERASURES].find({"_id": {"$gt": sub}}).sort("_id", ASCENDING)
        return [_erasure(each) async for each in found.limit(limit)]

    async def confirm(self, sub: str, keeper: str) -> None:
        """Date it by the server's clock."""
        confirmed = {"$currentDate": {f"confirmed.{keeper}": True}}
        await self.database[ERASURES].update_one({"_id": sub}, confirmed)

    async def tell_again(self, event_of: Callable[[str], Event]) -> bool:
        """Take one that is due and put it off, or let it rest where all is done."""
        due: Document = {"$expr": {"$lte": ["$due_at", "$$NOW"]}, "due_at": {"$exists": True}}
        if await self.database[ERASURES].find_one(due, {"_id": 1}) is None:
            return False

        async def work(transaction: Transaction) -> None:
            found = await self.database[ERASURES].find_one_and_update(
                due, [{"$set": {"due_at": _unless_done()}}], session=transaction.session
            )
            if found is not None:
                await transaction.emit(event_of(found["_id"]))

        await self.transactions.run(work)
        return True

    async def next_forgotten(self) -> str | None:
        """Look through the index of who was deleted."""
        long_ago = {"$lt": ["$deleted_at", _DELETED_SINCE]}
        query: Document = {"deleted_at": {"$exists": True}, "erased": None, "$expr": long_ago}
        found = await self.database["people"].find_one(query, {"_id": 1})
        return found["_id"] if found else None


def _later() -> Document:
    return {"$add": ["$$NOW", _AGAIN_SECONDS * 1000]}


def _unless_done() -> Document:
    """Return when it is told again: never, once all have confirmed and enough time is over."""
    confirmed = [{"$ne": [{"$type": f"$confirmed.{each}"}, "missing"]} for each in KEEPERS]
    settled = {"$lte": ["$asked_at", {"$subtract": ["$$NOW", _AT_LEAST_SECONDS * 1000]}]}
    return {"$cond": [{"$and": [*confirmed, settled]}, "$$REMOVE", _later()]}


def _erasure(document: Document) -> Erasure:
    return Erasure(
        sub=document["_id"], asked_at=document["asked_at"], confirmed=document["confirmed"]
    )
