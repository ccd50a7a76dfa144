"""People, their organizations and photos in MongoDB."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pymongo import ASCENDING
from pymongo.collation import Collation, CollationStrength
from pymongo.errors import DuplicateKeyError

from services.profile.model import (
    Noted,
    Notice,
    OrganizationRecord,
    PersonRecord,
    new_sub,
    user_id_key,
)
from services.profile.mongo_notices import insert_notice
from services.profile.store import nothing_told
from shared.contracts.accounts import DeletedDays
from shared.contracts.events import Event
from shared.contracts.policy import PortalPolicy
from shared.contracts.portal import PortalRules
from shared.contracts.profile import AddPerson, Helpdesk, Photo
from shared.contracts.refusals import ChangedMeanwhile, UnknownCursor
from shared.mongo import Database, Document, linearizable
from shared.policies import Replaced, Telling
from shared.transactions import Transaction, Transactions
from shared.versions import VersionedDocuments

T = TypeVar("T")

SEARCHED = ("user_id_key", "display_name", "emails")
ANY_CASE = Collation("en", strength=CollationStrength.SECONDARY)

_FORGOTTEN: Document = {"$subtract": ["$$NOW", DeletedDays * 24 * 3600 * 1000]}
_NOT_KEPT = {"by"}
_NOT_DELETED: Document = {"deleted_at": {"$exists": False}}


def admins_of(organization: str) -> Document:
    """Return the query for who is an admin and can act as one."""
    return {"organization": organization, "roles": "admin", "disabled": {"$ne": True}}


def beginning(search: str) -> Document:
    """Return the query for whom something begins so, each by an index of its own."""
    # Nothing sorts behind what is written in U+FFFF (UTS #35, 5.1), in any collation.
    span = {"$gte": search, "$lt": f"{search}\uffff"}
    by_field = [{field: {"$elemMatch": span} if field == "emails" else span} for field in SEARCHED]
    return {"$or": by_field}


def _person(document: Document) -> PersonRecord:
    record = {name: document[name] for name in AddPerson.model_fields if name in document}
    added_as = document.get("added_as")
    return PersonRecord(
        document["_id"],
        AddPerson(**record),
        # What an earlier version added has none of these.
        revision=document.get("revision", 1),
        disabled=document.get("disabled", False),
        deleted="deleted_at" in document,
        added_as=AddPerson(**added_as) if added_as else None,
    )


@dataclass(frozen=True)
class MongoUserTransaction:
    """The changes of one transaction."""

    database: Database
    transaction: Transaction

    async def user(self, organization: str, sub: str) -> PersonRecord | None:
        """Look the subject up."""
        whose = {"_id": sub, "organization": organization, **_NOT_DELETED}
        found = await self.database["people"].find_one(whose, session=self.transaction.session)
        return _person(found) if found else None

    async def has_another_admin(self, organization: str, sub: str) -> bool:
        """Write to the organization first: of two transactions that do so, one begins anew."""
        session = self.transaction.session
        await self.database["organizations"].update_one(
            {"_id": organization}, {"$inc": {"admins_asked": 1}}, session=session
        )
        another = {"_id": {"$ne": sub}, **admins_of(organization)}
        found = await self.database["people"].find_one(another, {"_id": 1}, session=session)
        return found is not None

    async def put(self, changed: PersonRecord) -> None:
        """Replace the revision before this one, and no other."""
        before = changed.revision - 1
        # What was never changed does not say which revision it is.
        known = {"revision": before if before > 1 else {"$exists": False}}
        added_as = changed.added_as.model_dump(exclude=_NOT_KEPT) if changed.added_as else None
        replaced = await self.database["people"].update_one(
            {"_id": changed.sub, **known},
            {
                "$set": {
                    **changed.record.model_dump(exclude=_NOT_KEPT),
                    "revision": changed.revision,
                    "added_as": added_as,
                }
            },
            session=self.transaction.session,
        )
        if replaced.modified_count != 1:
            raise ChangedMeanwhile

    async def note_account(self, sub: str, noted: Noted) -> bool:
        """Compare the revisions in the same write."""
        latest: Document = {"$lte" if noted.is_intention else "$lt": noted.revision}
        known = [{"account_revision": latest}, {"account_revision": {"$exists": False}}]
        said: Document = {"disabled": noted.disabled, "account_revision": noted.revision}
        deleted: Document = {"$currentDate": {"deleted_at": True}} if noted.deleted else {}
        changed = await self.database["people"].update_one(
            {"_id": sub, "$or": known},
            {"$set": said, **deleted},
            session=self.transaction.session,
        )
        return changed.matched_count == 1

    async def forget_memberships(self, sub: str) -> None:
        """Delete them, with what they are invited to."""
        for name in ("memberships", "invitations"):
            await self.database[name].delete_many({"sub": sub}, session=self.transaction.session)

    async def owe(self, notices: Iterable[Notice]) -> None:
        """Insert beside the change."""
        for notice in notices:
            await insert_notice(self.database, notice, self.transaction.session)

    async def emit(self, event: Event) -> None:
        """Write the event beside the change."""
        await self.transaction.emit(event)


@dataclass(frozen=True)
class MongoPeopleStore:
    """People, organizations and photos."""

    database: Database
    transactions: Transactions

    async def install(self) -> None:
        """Create indexes. Safe to run twice."""
        people = self.database["people"]
        await people.create_index("user_id_key", unique=True)
        await people.create_index([("organization", ASCENDING), ("user_id_key", ASCENDING)])
        await people.create_index([("organization", ASCENDING), ("roles", ASCENDING)])
        for field in SEARCHED:
            await people.create_index(
                [("organization", ASCENDING), (field, ASCENDING)],
                collation=ANY_CASE,
                name=f"{field} in any case",
            )
        await self.transactions.install()

    async def put_organization(self, organization: OrganizationRecord) -> None:
        """Replace or insert, in one write that looks whose the helpdesk is."""
        helpdesk = {"$literal": organization.helpdesk.model_dump()}
        is_the_admins = {"$gt": ["$version", 0]}
        kept = {"$cond": [is_the_admins, "$helpdesk", helpdesk]}
        await self.database["organizations"].update_one(
            {"_id": organization.id},
            [{"$set": {"name": {"$literal": organization.name}, "helpdesk": kept}}],
            upsert=True,
        )

    async def put_portal_policy(
        self,
        organization: str,
        policy: PortalPolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Replace it in the organization's document, whose version is that of the policy."""
        organizations = VersionedDocuments(self.database["organizations"], self.transactions)
        return await organizations.replace(
            organization,
            policy.model_dump(mode="json"),
            replaces=replaces,
            told=told,
            unsaid=PortalRules().model_dump(mode="json"),
        )

    async def organization(self, organization_id: str) -> OrganizationRecord | None:
        """Look the id up."""
        found = await self.database["organizations"].find_one({"_id": organization_id})
        if found is None:
            return None
        # One that was put before there were rules has none of them.
        rules = {name: found[name] for name in PortalRules.model_fields if name in found}
        return OrganizationRecord(
            found["_id"],
            found["name"],
            Helpdesk(**found["helpdesk"]),
            found.get("version", 0),
            PortalRules(**rules),
        )

    async def add_person(
        self, record: AddPerson, told: Callable[[str], Event | None] = nothing_told
    ) -> tuple[PersonRecord, bool]:
        """Insert; the unique index on the user ID decides between two at once."""
        key = user_id_key(record.user_id)
        await self._free(key)
        said = record.model_dump(exclude=_NOT_KEPT)
        document = {"_id": new_sub(), "user_id_key": key, **said}

        async def work(transaction: Transaction) -> None:
            await self.database["people"].insert_one(document, session=transaction.session)
            if (event := told(document["_id"])) is not None:
                await transaction.emit(event)

        try:
            await self.transactions.run(work)
        except DuplicateKeyError:
            found = await self.database["people"].find_one({"user_id_key": key})
            if found is None:
                raise
            return _person(found), False
        return _person(document), True

    async def _free(self, key: str) -> None:
        """Let go of the user ID of somebody who was deleted long ago."""
        await self.database["people"].update_one(
            {
                "user_id_key": key,
                "$expr": {"$lt": [{"$ifNull": ["$deleted_at", "$$NOW"]}, _FORGOTTEN]},
            },
            # Nobody can be called this.
            [{"$set": {"user_id_key": {"$concat": ["\0", "$_id"]}}}],
        )

    async def in_transaction(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do the work in one transaction."""
        return await self.transactions.run(lambda tx: work(MongoUserTransaction(self.database, tx)))

    async def user_now(self, sub: str) -> PersonRecord | None:
        """Read linearizably: a member that is no longer primary cannot answer with an old role."""
        people = linearizable(self.database["people"])
        found = await people.find_one({"_id": sub})
        return _person(found) if found else None

    async def person_called(self, user_id: str) -> PersonRecord | None:
        """Look through the index on user IDs."""
        key = {"user_id_key": user_id_key(user_id), **_NOT_DELETED}
        found = await self.database["people"].find_one(key)
        return _person(found) if found else None

    async def admins(self, organization: str) -> list[PersonRecord]:
        """Look through the index on roles."""
        found = self.database["people"].find(admins_of(organization))
        return [_person(document) async for document in found]

    async def person(self, sub: str) -> PersonRecord | None:
        """Look the subject up."""
        found = await self.database["people"].find_one({"_id": sub})
        return _person(found) if found else None

    async def people(
        self, organization: str, *, after: str | None, limit: int, search: str | None = None
    ) -> list[PersonRecord]:
        """Return a page in order of user IDs."""
        query: Document = {"organization": organization, **_NOT_DELETED}
        # A cursor of another organization would tell where that person's user ID sorts.
        cursor = {"_id": after, "organization": organization}
        if after is not None:
            last = await self.database["people"].find_one(cursor, {"user_id_key": 1})
            if last is None:
                raise UnknownCursor
            query["user_id_key"] = {"$gt": last["user_id_key"]}
        people = self.database["people"].find(query)
        if search is not None:
            people = self.database["people"].find(query | beginning(search), collation=ANY_CASE)
        found = people.sort("user_id_key", ASCENDING).limit(limit)
        return [_person(document) async for document in found]

    async def persons_of(self, subs: Collection[str]) -> list[PersonRecord]:
        """Look them up together."""
        found = self.database["people"].find({"_id": {"$in": [*subs]}})
        return [_person(document) async for document in found]

    async def put_photo(self, sub: str, photo: Photo) -> None:
        """Replace or insert."""
        await self.database["photos"].replace_one({"_id": sub}, photo.model_dump(), upsert=True)

    async def photo(self, sub: str) -> Photo | None:
        """Look the subject up."""
        found = await self.database["photos"].find_one({"_id": sub})
        return Photo(image=found["image"], media_type=found["media_type"]) if found else None
