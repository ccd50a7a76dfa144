"""Memberships and invitations in MongoDB, which prunes what is over."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from services.profile.errors import AlreadyInvited
from services.profile.memberships import UNDATED, Invitation, Membership
from services.profile.model import Notice, user_id_key
from services.profile.mongo import admins_of
from services.profile.mongo_notices import insert_notice
from shared.contracts.events import Event
from shared.contracts.organizations import KeptDays, LeavePolicy, MembershipState
from shared.contracts.refusals import ChangedMeanwhile, UnknownCursor
from shared.mongo import Database, Document, Session, present
from shared.policies import Replaced, Telling
from shared.transactions import Transaction, Transactions
from shared.versions import VersionedDocuments

T = TypeVar("T")

_MEMBERSHIP = [each.name for each in fields(Membership)]
_INVITATION = [each.name for each in fields(Invitation) if each.name != "id"]
_NEWEST_FIRST = [("invited_at", DESCENDING), ("_id", ASCENDING)]
_IN_WHILE: Document = {"$add": ["$$NOW", KeptDays * 24 * 3600 * 1000]}
# The server prunes once a minute; nobody finds what is over until then. Null is before any time.
_KEPT: Document = {
    "$expr": {"$or": [{"$gt": ["$over_at", "$$NOW"]}, {"$eq": [{"$type": "$over_at"}, "null"]}]}
}


def _key(membership: Membership) -> str:
    # No subject has a slash in it.
    return f"{membership.sub}/{membership.organization}"


def _membership(document: Mapping[str, Any]) -> Membership:
    said = {name: document[name] for name in _MEMBERSHIP}
    return Membership(**said | {"groups": tuple(document["groups"])})


def _invitation(document: Mapping[str, Any]) -> Invitation:
    said = {name: document[name] for name in _INVITATION}
    return Invitation(document["_id"], **said | {"groups": tuple(document["groups"])})


def _dated(values: Mapping[str, Any]) -> Document:
    return {
        name: "$$NOW" if value == UNDATED else {"$literal": value} for name, value in values.items()
    }


@dataclass(frozen=True)
class _Reading:
    """What is read inside of a transaction or outside of one."""

    database: Database
    session: Session | None = None

    async def membership(self, organization: str, sub: str) -> Membership | None:
        """Look the key up."""
        found = await self.database["memberships"].find_one(
            {"_id": f"{sub}/{organization}", **_KEPT}, session=self.session
        )
        return _membership(found) if found else None

    async def leave_policy(self, organization: str) -> tuple[LeavePolicy, int]:
        """Look the organization up; where nothing was said, the usual holds."""
        found = await self.database["leave-policies"].find_one(
            {"_id": organization}, session=self.session
        )
        if found is None:
            return LeavePolicy(), 0
        return LeavePolicy(allowed=found["allowed"], contact=found["contact"]), found["version"]

    async def has_another_owner(self, organization: str, sub: str) -> bool:
        """Look through the index on roles, then through the guests that have this one."""
        people = self.database["people"]
        if await people.find_one(admins_of(organization), {"_id": 1}, session=self.session):
            return True
        owners = await self.database["memberships"].distinct(
            "sub",
            {"organization": organization, "state": "active", "role": "owner"},
            session=self.session,
        )
        others = {"_id": {"$in": [each for each in owners if each != sub]}}
        let_in = {"disabled": {"$ne": True}, "deleted_at": {"$exists": False}}
        found = await people.find_one(others | let_in, {"_id": 1}, session=self.session)
        return found is not None


@dataclass(frozen=True)
class MongoMembershipTransaction(_Reading):
    """The changes of one transaction."""

    transaction: Transaction = field(kw_only=True)

    async def has_another_owner(self, organization: str, sub: str) -> bool:
        """Write to the organization first: of two transactions that do so, one begins anew."""
        await self.database["organizations"].update_one(
            {"_id": organization}, {"$inc": {"admins_asked": 1}}, session=self.session
        )
        return await super().has_another_owner(organization, sub)

    async def put(self, changed: Membership) -> Membership:
        """Replace the revision before this one; where there is none, insert, or collide."""
        key, memberships = _key(changed), self.database["memberships"]
        values = _dated(asdict(changed) | {"groups": list(changed.groups)})
        # What ended is pruned a while later.
        values["over_at"] = None if changed.is_active else _IN_WHILE
        before: Document = {"_id": key, "revision": changed.revision - 1}
        if changed.revision == 1:
            # One that is over and not pruned yet is as good as none.
            await memberships.delete_one(
                {"_id": key, "$expr": {"$lte": ["$over_at", "$$NOW"]}, "over_at": {"$ne": None}},
                session=self.session,
            )
        try:
            kept = await memberships.find_one_and_update(
                before,
                [{"$set": values}],
                upsert=changed.revision == 1,
                return_document=ReturnDocument.AFTER,
                session=self.session,
            )
        except DuplicateKeyError as error:
            raise ChangedMeanwhile from error
        if kept is None:
            raise ChangedMeanwhile
        return _membership(kept)

    async def invite(self, made: Invitation) -> Invitation:
        """Insert; the unique index on what was typed decides between two at once."""
        invitations = self.database["invitations"]
        typed = {"organization": made.organization, "user_id_key": user_id_key(made.user_id)}
        over = {**typed, "$expr": {"$lte": ["$over_at", "$$NOW"]}}
        await invitations.delete_one(over, session=self.session)
        said = asdict(made) | typed | {"groups": list(made.groups)}
        del said["id"]
        values = _dated(said) | {"over_at": _IN_WHILE}
        if await invitations.find_one(typed, {"_id": 1}, session=self.session):
            raise AlreadyInvited
        kept = await invitations.find_one_and_update(
            {"_id": made.id},
            [{"$set": values}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self.session,
        )
        return _invitation(present(kept))

    async def take_invitation(
        self,
        invitation_id: str | None = None,
        *,
        sub: str | None = None,
        organization: str | None = None,
    ) -> Invitation | None:
        """Delete it by all that is known of it."""
        known = {"_id": invitation_id, "sub": sub, "organization": organization}
        query = {name: value for name, value in known.items() if value is not None}
        found = await self.database["invitations"].find_one_and_delete(
            {**query, **_KEPT}, session=self.session
        )
        return _invitation(found) if found else None

    async def owe(self, notices: Iterable[Notice]) -> None:
        """Insert beside the change."""
        for notice in notices:
            await insert_notice(self.database, notice, self.session)

    async def emit(self, event: Event) -> None:
        """Write the event beside the change."""
        await self.transaction.emit(event)


@dataclass(frozen=True)
class MongoMembershipStore(_Reading):
    """One document per membership, per invitation and per policy."""

    transactions: Transactions = field(kw_only=True)

    @property
    def _policies(self) -> VersionedDocuments:
        return VersionedDocuments(self.database["leave-policies"], self.transactions)

    async def install(self) -> None:
        """Create collections and indexes. Safe to run twice."""
        memberships, invitations = self.database["memberships"], self.database["invitations"]
        await memberships.create_index("sub")
        place = [("organization", ASCENDING), ("state", ASCENDING), ("sub", ASCENDING)]
        await memberships.create_index(place)
        await invitations.create_index("sub")
        typed = [("organization", ASCENDING), ("user_id_key", ASCENDING)]
        await invitations.create_index(typed, unique=True)
        await invitations.create_index([("organization", ASCENDING), ("invited_at", DESCENDING)])
        for pruned in (memberships, invitations):
            await pruned.create_index("over_at", expireAfterSeconds=0)
        await self._policies.install()
        await self.transactions.install()

    async def in_transaction(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do the work in one transaction."""

        async def attempt(transaction: Transaction) -> T:
            return await work(
                MongoMembershipTransaction(
                    self.database, transaction.session, transaction=transaction
                )
            )

        return await self.transactions.run(attempt)

    async def memberships_of(self, sub: str) -> list[Membership]:
        """Look through the index on subjects."""
        query = {"sub": sub, "state": "active"}
        found = self.database["memberships"].find(query).sort("organization", ASCENDING)
        return [_membership(each) async for each in found]

    async def invitations_to(self, sub: str) -> list[Invitation]:
        """Look through the index on subjects."""
        found = self.database["invitations"].find({"sub": sub, **_KEPT})
        return [_invitation(each) async for each in found.sort(_NEWEST_FIRST)]

    async def members(
        self, organization: str, state: MembershipState, *, after: str | None, limit: int
    ) -> list[Membership]:
        """Read a page along the index."""
        memberships = self.database["memberships"]
        query: Document = {"organization": organization, "state": state, **_KEPT}
        if after is not None:
            if await memberships.find_one({"_id": f"{after}/{organization}"}, {"_id": 1}) is None:
                raise UnknownCursor
            query["sub"] = {"$gt": after}
        found = memberships.find(query).sort("sub", ASCENDING).limit(limit)
        return [_membership(each) async for each in found]

    async def invitations(
        self, organization: str, *, after: str | None, limit: int
    ) -> list[Invitation]:
        """Read a page along the index."""
        invitations = self.database["invitations"]
        query: Document = {"organization": organization, **_KEPT}
        if after is not None:
            last = await invitations.find_one({"_id": after, "organization": organization})
            if last is None:
                raise UnknownCursor
            at = last["invited_at"]
            query["$or"] = [{"invited_at": {"$lt": at}}, {"invited_at": at, "_id": {"$gt": after}}]
        found = invitations.find(query).sort(_NEWEST_FIRST).limit(limit)
        return [_invitation(each) async for each in found]

    async def put_leave_policy(
        self,
        organization: str,
        policy: LeavePolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Replace it under its version."""
        return await self._policies.replace(
            organization, policy.model_dump(), replaces=replaces, told=told
        )
