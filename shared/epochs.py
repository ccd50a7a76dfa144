"""The security epoch of each user, and the revocations that raised it.

The one database that services share. An epoch is raised in the transaction of the change that
asks for it; whatever was issued under a lower one is not accepted any more. Each raise leaves a
revocation, which is the user's receipt and what the sessions service works off.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pymongo
from pymongo import ASCENDING, DESCENDING, ReturnDocument

from shared.cache import AcceptanceCache
from shared.contracts.epochs import NoEpoch, Raised, Standing
from shared.contracts.events import Cause
from shared.mongo import Database, Document, Session, linearizable, present
from shared.together import Together

_DAY_SECONDS = 24 * 3600
_MORE_THAN_SINCE_ANY_BACKUP = 1_000_000
_RAISING_ALL_SECONDS = 600.0
# Several of one epoch are those of devices, which raise none, after the one that raised it.
_NEWEST_FIRST = ("sub", "epoch", "committed_at", "_id")


def token_hash(token: str) -> str:
    """Return how a receipt's token is stored. It is long and random, so a plain hash holds."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class Epochs:
    """Read and raise epochs, and make a raise hold everywhere before it is answered."""

    database: Database
    cache: AcceptanceCache

    async def install(self) -> None:
        """Create the collections and indexes. Safe to run twice."""
        revocations = self.database["revocations"]
        await revocations.create_index(
            [(name, DESCENDING if name != "sub" else ASCENDING) for name in _NEWEST_FIRST]
        )
        await revocations.create_index(
            [("committed_at", ASCENDING)],
            name="incomplete",
            partialFilterExpression={"incomplete": True},
        )
        await revocations.create_index(
            [("committed_at", ASCENDING), ("_id", ASCENDING)], name="recent"
        )
        existing = await self.database.list_collection_names()
        if "epochs" not in existing:
            await self.database.create_collection("epochs")

    async def open(self, sub: str, session: Session, *, password_version: int = 1) -> None:
        """Give a new subject its first epoch."""
        first = {"_id": sub, "epoch": 1, "password_version": password_version}
        await self.database["epochs"].insert_one(first, session=session)

    async def current(self, sub: str) -> int:
        """Return the epoch that everything accepted must have been issued under.

        The read is linearizable: a member that was primary a moment ago and has not noticed
        that it no longer is cannot answer it with an epoch of before a raise.
        """
        epochs = linearizable(self.database["epochs"])
        document = await epochs.find_one({"_id": sub}, {"epoch": 1})
        return int(document["epoch"]) if document else NoEpoch

    async def recent(self, sub: str) -> int:
        """Return the epoch as the primary has it, which costs no write.

        For where an epoch that is too old is found out later, or where a write of one's own that
        the majority acknowledged has just shown that the primary was one.
        """
        document = await self._together.one(sub)
        return int(document["epoch"]) if document else NoEpoch

    async def within(self, sub: str, session: Session) -> int:
        """Return the epoch as the caller's transaction sees it; what it writes shows it was so."""
        document = await self.database["epochs"].find_one({"_id": sub}, session=session)
        return int(document["epoch"]) if document else NoEpoch

    async def standing(self, sub: str) -> Standing:
        """Return the epoch as `recent` does, and the password that was valid under it."""
        document = await self._together.one(sub)
        if document is None:
            return Standing(NoEpoch, password_version=0)
        return Standing(
            int(document["epoch"]),
            int(document["password_version"]),
            is_guarded=document.get("guarded", False),
        )

    @cached_property
    def _together(self) -> Together[str, Document]:
        return Together(self._found)

    async def _found(self, subs: Sequence[str]) -> dict[str, Document]:
        found = self.database["epochs"].find({"_id": {"$in": subs}})
        return {document["_id"]: document for document in await found.to_list()}

    async def guard(self, sub: str, session: Session, *, guarded: bool) -> None:
        """Say in the caller's transaction whether the password needs a second factor beside it."""
        await self.database["epochs"].update_one(
            {"_id": sub}, {"$set": {"guarded": guarded}}, session=session
        )

    async def note_password(self, sub: str, session: Session, *, version: int) -> None:
        """Say in the caller's transaction which version of the password is valid from now on."""
        await self.database["epochs"].update_one(
            {"_id": sub}, {"$set": {"password_version": version}}, session=session
        )

    async def bury(self, sub: str) -> None:
        """Raise the epoch of somebody who is erased for the last time, and keep nothing else.

        It outlasts whatever was issued under an earlier one, which so stays refused. Safe to
        repeat. The version before cannot do without a password's version: no password has this one.
        """
        raised = {"_id": "$_id", "epoch": {"$add": ["$epoch", 1]}}
        await self.database["epochs"].update_one(
            {"_id": sub, "buried": None},
            [{"$replaceWith": {**raised, "password_version": {"$literal": 0}, "buried": True}}],
        )
        await self.settle(sub)

    async def raise_(
        self, sub: str, cause: Cause, session: Session, *, password_version: int | None = None
    ) -> Raised:
        """Raise the epoch in the caller's transaction and leave the receipt beside it.

        The version is that of the password from now on, where it is the password that changes.
        """
        changed = {} if password_version is None else {"password_version": password_version}
        epoch = await self.database["epochs"].find_one_and_update(
            {"_id": sub},
            {"$inc": {"epoch": 1}} | ({"$set": changed} if changed else {}),
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        return await self._leave_receipt(sub, int(present(epoch)["epoch"]), cause, session)

    async def raise_all(self) -> int:
        """Raise everybody's, after a backup was put back, and return how many there are.

        They rise above whatever was given since the backup, or what was issued under that would
        count again. It leaves no receipts: nobody asked for it.
        """
        far = {"$inc": {"epoch": _MORE_THAN_SINCE_ANY_BACKUP}}
        # Takes longer than any other operation may where people are many, and would as patiently
        # wait for a store that is away.
        await self.database.command("ping")
        with pymongo.timeout(_RAISING_ALL_SECONDS):
            raised = await self.database["epochs"].update_many({}, far)
        return raised.matched_count

    async def leave_receipt(
        self, sub: str, cause: Cause, session: Session, *, device: str
    ) -> Raised:
        """Leave the receipt of what ends on one device, in the caller's transaction.

        The epoch stays: it is told for where the receipt stands among the others.
        """
        found = await self.database["epochs"].find_one({"_id": sub}, session=session)
        epoch = int(found["epoch"]) if found else NoEpoch
        return await self._leave_receipt(sub, epoch, cause, session, device=device)

    async def _leave_receipt(
        self, sub: str, epoch: int, cause: Cause, session: Session, **more: str
    ) -> Raised:
        raised = Raised(
            sub=sub,
            epoch=epoch,
            receipt=secrets.token_urlsafe(16),
            receipt_token=secrets.token_urlsafe(32),
        )
        await self.database["revocations"].update_one(
            {"_id": raised.receipt},
            {
                "$set": {
                    "sub": sub,
                    "cause": cause,
                    "epoch": raised.epoch,
                    "token_hash": token_hash(raised.receipt_token),
                    "incomplete": True,
                    "completed_at": None,
                    "sessions": [],
                    **more,
                },
                # The server's clock, so that no clock of ours can date a receipt.
                "$currentDate": {"committed_at": True},
            },
            upsert=True,
            session=session,
        )
        return raised

    async def settle(self, sub: str) -> None:
        """Return once the raise holds at every reader; called between commit and answer."""
        await self.cache.forget(sub)

    async def revocation(self, receipt: str) -> Document | None:
        """Return the revocation behind a receipt."""
        return await self.database["revocations"].find_one({"_id": receipt})

    async def revocation_after(self, sub: str, epoch: int) -> Document | None:
        """Return the raise that ended what was issued under `epoch`."""
        return await self.database["revocations"].find_one(
            {"sub": sub, "epoch": {"$gt": epoch}, "device": None}, sort=[("epoch", ASCENDING)]
        )

    async def revocations_of(
        self, sub: str, *, after: tuple[int, datetime, str] | None, limit: int
    ) -> list[Document]:
        """Return a subject's revocations, newest first.

        A page begins after the epoch, the time and the receipt that the last one ended with.
        """
        query: Document = {"sub": sub}
        if after is not None:
            epoch, at, receipt = after
            query["$or"] = [
                {"epoch": {"$lt": epoch}},
                {"epoch": epoch, "committed_at": {"$lt": at}},
                {"epoch": epoch, "committed_at": at, "_id": {"$lt": receipt}},
            ]
        order = [(name, DESCENDING) for name in _NEWEST_FIRST[1:]]
        return await self.database["revocations"].find(query).sort(order).limit(limit).to_list()

    async def incomplete(
        self,
        *,
        older_than_seconds: float,
        limit: int,
        after: tuple[datetime, str] | None = None,
    ) -> list[Document]:
        """Return revocations that nobody has worked off yet, oldest first.

        A page begins after the time and the receipt that the last one ended with.
        """
        cutoff = {"$subtract": ["$$NOW", int(older_than_seconds * 1000)]}
        query: Document = {"incomplete": True, "$expr": {"$lt": ["$committed_at", cutoff]}}
        if after is not None:
            at, receipt = after
            query["$or"] = [
                {"committed_at": {"$gt": at}},
                {"committed_at": at, "_id": {"$gt": receipt}},
            ]
        cursor = self.database["revocations"].find(query)
        ordered = cursor.sort([("committed_at", ASCENDING), ("_id", ASCENDING)])
        return await ordered.limit(limit).to_list()

    async def committed(
        self, *, after: datetime | None, older_than_seconds: float
    ) -> list[Document]:
        """Return the revocations of the last day, or since `after`, oldest first.

        Without the sessions that they have ended, which may be many.
        """
        age = {"$subtract": ["$$NOW", int(older_than_seconds * 1000)]}
        since = after or {"$subtract": ["$$NOW", _DAY_SECONDS * 1000]}
        dated = [{"$gte": ["$committed_at", since]}, {"$lt": ["$committed_at", age]}]
        cursor = self.database["revocations"].find({"$expr": {"$and": dated}}, {"sessions": 0})
        return await cursor.sort("committed_at", ASCENDING).to_list()

    async def epochs_of(self, subs: list[str]) -> dict[str, int]:
        """Return the epochs of many subjects at once."""
        cursor = self.database["epochs"].find({"_id": {"$in": subs}})
        return {document["_id"]: int(document["epoch"]) async for document in cursor}
