"""Profiles and notices in MongoDB: the only file of this service that imports the driver."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from services.profile.model import (
    Notice,
    OrganizationRecord,
    PersonRecord,
    new_sub,
    user_id_key,
)
from shared.contracts.profile import AddPerson, Helpdesk, Photo
from shared.contracts.refusals import UnknownCursor
from shared.due import Due
from shared.epochs import Epochs
from shared.mongo import Database, Document, Session
from shared.transactions import Transaction, Transactions

_KEPT_SECONDS = 90 * 24 * 3600
_COMMITS_WITHIN = timedelta(seconds=60)
"""A transaction's revocation may become visible this much later than it is dated."""

_IS_KNOWN: Document = {"$ne": [{"$type": "$owed_at"}, "missing"]}


def _person(document: Document) -> PersonRecord:
    record = {name: document[name] for name in AddPerson.model_fields if name in document}
    return PersonRecord(document["_id"], AddPerson(**record))


@dataclass(frozen=True)
class MongoPeopleStore:
    """People, organizations and photos."""

    database: Database

    async def install(self) -> None:
        """Create indexes. Safe to run twice."""
        people = self.database["people"]
        await people.create_index("user_id_key", unique=True)
        await people.create_index([("organization", ASCENDING), ("user_id_key", ASCENDING)])

    async def put_organization(self, organization: OrganizationRecord) -> None:
        """Replace or insert."""
        document = {"name": organization.name, "helpdesk": organization.helpdesk.model_dump()}
        await self.database["organizations"].replace_one(
            {"_id": organization.id}, document, upsert=True
        )

    async def organization(self, organization_id: str) -> OrganizationRecord | None:
        """Look the id up."""
        found = await self.database["organizations"].find_one({"_id": organization_id})
        if found is None:
            return None
        return OrganizationRecord(found["_id"], found["name"], Helpdesk(**found["helpdesk"]))

    async def add_person(self, record: AddPerson) -> tuple[PersonRecord, bool]:
        """Insert; the unique index on the user ID decides between two at once."""
        key = user_id_key(record.user_id)
        document = {"_id": new_sub(), "user_id_key": key, **record.model_dump()}
        try:
            await self.database["people"].insert_one(document)
        except DuplicateKeyError:
            found = await self.database["people"].find_one({"user_id_key": key})
            if found is None:
                raise
            return _person(found), False
        return _person(document), True

    async def person(self, sub: str) -> PersonRecord | None:
        """Look the subject up."""
        found = await self.database["people"].find_one({"_id": sub})
        return _person(found) if found else None

    async def people(
        self, organization: str, *, after: str | None, limit: int
    ) -> list[PersonRecord]:
        """Return a page in order of user IDs."""
        query: Document = {"organization": organization}
        # A cursor of another organization would tell where that person's user ID sorts.
        cursor = {"_id": after, "organization": organization}
        if after is not None:
            last = await self.database["people"].find_one(cursor, {"user_id_key": 1})
            if last is None:
                raise UnknownCursor
            query["user_id_key"] = {"$gt": last["user_id_key"]}
        found = self.database["people"].find(query).sort("user_id_key", ASCENDING).limit(limit)
        return [_person(document) async for document in found]

    async def admins(self, organization: str) -> list[PersonRecord]:
        """Return who has the role."""
        found = self.database["people"].find({"organization": organization, "roles": "admin"})
        return [_person(document) async for document in found.sort("user_id_key", ASCENDING)]

    async def put_photo(self, sub: str, photo: Photo) -> None:
        """Replace or insert."""
        await self.database["photos"].replace_one({"_id": sub}, photo.model_dump(), upsert=True)

    async def photo(self, sub: str) -> Photo | None:
        """Look the subject up."""
        found = await self.database["photos"].find_one({"_id": sub})
        return Photo(image=found["image"], media_type=found["media_type"]) if found else None


@dataclass(frozen=True)
class MongoNoticeStore:
    """Mails that are owed, one document per receipt."""

    database: Database
    epochs: Epochs
    transactions: Transactions

    async def install(self) -> None:
        """Create indexes. Safe to run twice."""
        await self._due.install(kept_seconds=_KEPT_SECONDS)
        await self.transactions.install()
        await self.epochs.install()

    async def owe(self, event_id: str, notice: Notice) -> None:
        """Insert in the same transaction that remembers the event."""

        async def work(transaction: Transaction) -> None:
            await self._insert(notice, transaction.session)

        await self.transactions.once(event_id, work)

    async def owe_missed(self, after: datetime | None) -> datetime | None:
        """Go through the revocations since then; most are known already."""
        found = await self.epochs.committed(after=after, older_than_seconds=10.0)
        for each in await self._unknown(found):
            notice = Notice(each["_id"], each["sub"], each["cause"], each["committed_at"])
            await self._insert(notice, None)
        return found[-1]["committed_at"] - _COMMITS_WITHIN if found else after

    async def _unknown(self, revocations: list[Document]) -> list[Document]:
        receipts = [each["_id"] for each in revocations]
        known = self.database["notices"].find({"_id": {"$in": receipts}}, {"_id": 1})
        ids = {each["_id"] async for each in known}
        return [each for each in revocations if each["_id"] not in ids]

    async def claim(self) -> Notice | None:
        """Lease the mail that has been due longest, by the server's clock."""
        found = await self._due.claim()
        if found is None:
            return None
        return Notice(
            found["_id"],
            found["sub"],
            found["cause"],
            found["committed_at"],
            found["attempts"],
            # What an earlier version owed has none of these.
            found.get("about"),
            found.get("codes_left"),
            found.get("to"),
            found.get("whose"),
        )

    async def sent(self, notice_id: str) -> None:
        """Close the notice."""
        await self._close(notice_id, {"outcome": "sent"})

    async def undeliverable(self, notice_id: str, reason: str) -> None:
        """Close the notice with why it could not be sent."""
        await self._close(notice_id, {"outcome": "undeliverable", "reason": reason})

    async def postpone(self, notice_id: str, *, seconds: float) -> None:
        """Move the due time."""
        await self._due.postpone(notice_id, seconds=seconds)

    @cached_property
    def _due(self) -> Due:
        return Due(self.database["notices"])

    async def _close(self, receipt: str, outcome: Document) -> None:
        await self.database["notices"].update_one(
            {"_id": receipt},
            {"$set": outcome, "$unset": {"pending": ""}, "$currentDate": {"closed_at": True}},
        )

    async def _insert(self, notice: Notice, session: Session | None) -> None:
        fields = {
            "sub": notice.sub,
            "cause": notice.cause,
            "committed_at": notice.committed_at,
            "about": notice.about,
            "codes_left": notice.codes_left,
            "to": notice.to,
            "whose": notice.whose,
            "attempts": 0,
            "pending": True,
        }
        once: Document = {
            name: {"$ifNull": [f"${name}", {"$literal": value}]} for name, value in fields.items()
        }
        # A closed notice has no `pending` any more and must not get it back.
        once["pending"] = {"$cond": {"if": _IS_KNOWN, "then": "$pending", "else": True}}
        dated = {name: {"$ifNull": [f"${name}", "$$NOW"]} for name in ("owed_at", "due_at")}
        await self.database["notices"].update_one(
            {"_id": notice.receipt}, [{"$set": once}, {"$set": dated}], upsert=True, session=session
        )
