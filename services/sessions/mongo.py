"""Sessions in MongoDB: the only file of this service that imports the driver."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar

from pymongo import ASCENDING, DESCENDING, ReturnDocument, UpdateOne
from pymongo.read_concern import ReadConcern

from services.sessions.model import (
    Batch,
    KnownDevice,
    Revocation,
    SessionPolicy,
    SessionState,
    new_id,
)
from services.sessions.store import Overtaken
from shared.contracts.epochs import NoEpoch, Raised
from shared.contracts.events import Cause, Event
from shared.contracts.refusals import UnknownCursor
from shared.contracts.sessions import EndedSession, EstablishSession, Session, StepUp
from shared.contracts.trust import DeviceTrust, TrustTerms
from shared.epochs import Epochs
from shared.mongo import Database, Document, present
from shared.policies import Replaced, Telling
from shared.together import Together
from shared.transactions import Transaction, Transactions
from shared.versions import VersionedDocuments

T = TypeVar("T")

_DAY_SECONDS = 24 * 3600
_FORGET_SESSIONS_SECONDS = 30 * 24 * 3600
_FORGET_FACTORS_SECONDS = 24 * 3600
_SESSION_FIELDS = frozenset(Session.model_fields) - {"sid"}
_DESCRIBING_FIELDS = ["created_at", "address", "user_agent"]
# A session is in the index of open ones for a moment after a change has ended it.
_OPEN: Document = {"open": True, "ended_by": None}
_UNEXPIRED: Document = {"$expr": {"$gt": ["$expires_at", "$$NOW"]}}


def _in_seconds(seconds: int) -> Document:
    return {"$add": ["$$NOW", seconds * 1000]}


def _session(document: Document) -> Session:
    # What came with a later version is not in the records of before it.
    fields = {name: document[name] for name in _SESSION_FIELDS if name in document}
    return Session(sid=document["_id"], **fields)


def _revocation(document: Document) -> Revocation:
    return Revocation(
        receipt=document["_id"],
        sub=document["sub"],
        cause=document["cause"],
        epoch=document["epoch"],
        committed_at=document["committed_at"],
        token_hash=document["token_hash"],
        completed_at=document["completed_at"],
        sessions=tuple(EndedSession(**each) for each in document["sessions"]),
    )


def _named(batch: Batch) -> Document:
    # A receipt keeps this of a session; the rest is read from its record while there is one.
    return {"sessions": {"$each": [{"sid": sid, "ended_at": batch.at} for sid in batch.valid]}}


def _new(device: KnownDevice, key_hash: str) -> UpdateOne:
    fixed = {"sub": device.sub, "name": device.name, "key_hash": key_hash}
    now = {"first_seen_at": True, "last_seen_at": True}
    return UpdateOne({"_id": device.id}, {"$setOnInsert": fixed, "$currentDate": now}, upsert=True)


def _device(document: Document) -> KnownDevice:
    trust = None
    if document["is_trusted"]:
        given = document["trust"]
        trust = DeviceTrust(
            epoch=given["epoch"],
            factor=given["factor"],
            version=given["version"],
            given_seconds_ago=document["given_seconds_ago"],
        )
    return KnownDevice(id=document["_id"], sub=document["sub"], name=document["name"], trust=trust)


@dataclass(frozen=True)
class MongoSessionTransaction:
    """The changes of one transaction."""

    database: Database
    epochs: Epochs
    transaction: Transaction

    async def raise_epoch(self, sub: str, cause: Cause) -> Raised:
        """Raise the epoch beside its revocation."""
        return await self.epochs.raise_(sub, cause, self.transaction.session)

    async def close(self, batch: Batch, cause: Cause) -> None:
        """End in bulk: one write, however many there are."""
        await self._close(batch.valid, cause, batch)
        await self._close(batch.expired, "expired", batch)

    async def close_older(self, sub: str, epoch: int, cause: Cause) -> int:
        """End in one write, dated by the server's clock.

        It touches no index, which takes half of the time; `tidy` does afterwards.
        """
        closed = await self.database["sessions"].update_many(
            {"sub": sub, **_OPEN, "epoch": {"$lt": epoch}},
            {"$set": {"ended_by": cause}, "$currentDate": {"ended_at": True}},
            session=self.transaction.session,
        )
        return closed.modified_count

    async def end(self, sub: str, sid: str, cause: Cause) -> bool:
        """End one session."""
        ended = await self.database["sessions"].update_one(
            {"_id": sid, "sub": sub, **_OPEN, **_UNEXPIRED},
            {
                "$set": {"ended_by": cause},
                "$unset": {"open": ""},
                "$currentDate": {"ended_at": True},
            },
            session=self.transaction.session,
        )
        return ended.modified_count == 1

    async def note(self, receipt: str, batch: Batch) -> None:
        """Add to the receipt."""
        await self.epochs.database["revocations"].update_one(
            {"_id": receipt, "incomplete": True},
            {"$push": _named(batch)},
            session=self.transaction.session,
        )

    async def complete(self, receipt: str, batch: Batch) -> float | None:
        """Close the receipt, by the server's clock."""
        closed = await self.epochs.database["revocations"].find_one_and_update(
            {"_id": receipt, "incomplete": True},
            {
                "$push": _named(batch),
                "$unset": {"incomplete": ""},
                "$currentDate": {"completed_at": True},
            },
            projection=["committed_at", "completed_at"],
            return_document=ReturnDocument.AFTER,
            session=self.transaction.session,
        )
        if closed is None:
            return None
        took: timedelta = closed["completed_at"] - closed["committed_at"]
        return took.total_seconds()

    async def emit(self, event: Event) -> None:
        """Write the event beside the change."""
        await self.transaction.emit(event)

    async def _close(self, sids: Sequence[str], cause: Cause, batch: Batch) -> None:
        if not sids:
            return
        closed = await self.database["sessions"].update_many(
            {"_id": {"$in": list(sids)}, **_OPEN},
            {"$set": {"ended_by": cause, "ended_at": batch.at}, "$unset": {"open": ""}},
            session=self.transaction.session,
        )
        if closed.modified_count != len(sids):
            raise Overtaken


@dataclass(frozen=True)
class MongoSessionStore:
    """Sessions and devices in this service's database, epochs in the shared one."""

    database: Database
    epochs: Epochs
    transactions: Transactions

    async def install(self) -> None:
        """Create collections and indexes. Safe to run twice."""
        sessions = self.database["sessions"]
        await sessions.create_index(
            [("sub", ASCENDING), ("epoch", ASCENDING)],
            name="open",
            partialFilterExpression={"open": True},
        )
        await sessions.create_index("expires_at", expireAfterSeconds=_FORGET_SESSIONS_SECONDS)
        await self.database["devices"].create_index("key_hash", unique=True)
        await self.database["devices"].create_index("sub")
        await self.database["gone_factors"].create_index(
            "at", expireAfterSeconds=_FORGET_FACTORS_SECONDS
        )
        await self.transactions.install()
        await self.epochs.install()

    async def in_transaction(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do the work in one transaction."""
        return await self.transactions.run(lambda tx: work(self._bound(tx)))

    async def add_session(
        self, asked: EstablishSession, *, device_id: str, proof: str, policy: SessionPolicy
    ) -> Session:
        """Insert by upsert, so that the server's clock dates the session."""
        fixed = {
            "sub": asked.sub,
            "epoch": asked.epoch,
            "device_id": device_id,
            "proof": proof,
            "address": asked.where.address,
            "user_agent": asked.where.user_agent,
            "app": asked.app,
            "amr": list(asked.amr),
            "aal": asked.aal,
            "factor": asked.factor,
            "organization": asked.organization,
            "open": True,
        }
        dated = {
            "created_at": "$$NOW",
            "last_seen_at": "$$NOW",
            "auth_time": "$$NOW",
            "lifetime_ends_at": _in_seconds(policy.lifetime_seconds),
            "expires_at": _in_seconds(min(policy.idle_seconds, policy.lifetime_seconds)),
        }
        literal = {name: {"$literal": value} for name, value in fixed.items()}
        document = await self.database["sessions"].find_one_and_update(
            {"_id": new_id()},
            [{"$set": literal | dated}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return _session(present(document))

    async def session(self, sub: str, sid: str) -> SessionState | None:
        """Read linearizably: an end that was acknowledged is seen, whoever is primary now."""
        sessions = self.database["sessions"].with_options(read_concern=ReadConcern("linearizable"))
        now = {
            "seconds_left": {"$divide": [{"$subtract": ["$expires_at", "$$NOW"]}, 1000]},
            "unseen_seconds": {"$divide": [{"$subtract": ["$$NOW", "$last_seen_at"]}, 1000]},
        }
        kept = dict.fromkeys([*_SESSION_FIELDS, "proof", "ended_by", "open"], 1)
        found = await sessions.find_one({"_id": sid}, kept | now)
        if found is None or found["sub"] != sub:
            return None
        return SessionState(
            session=_session(found),
            proof=found["proof"],
            ended_by=found.get("ended_by", None if found.get("open") else "signed-out"),
            expired=found["seconds_left"] <= 0,
            seconds_left=found["seconds_left"],
            unseen_seconds=found["unseen_seconds"],
        )

    async def seen(self, sid: str, policy: SessionPolicy) -> None:
        """Renew by the server's clock, never what has ended or expired."""
        lived = {"$add": ["$created_at", policy.lifetime_seconds * 1000]}
        renewed = {"$min": ["$lifetime_ends_at", lived, _in_seconds(policy.idle_seconds)]}
        await self.database["sessions"].update_one(
            {"_id": sid, **_OPEN, **_UNEXPIRED},
            [{"$set": {"last_seen_at": "$$NOW", "expires_at": renewed}}],
        )

    async def step_up(self, asked: StepUp) -> Session | None:
        """Change an open, unexpired session, by the server's clock."""
        changed: Document = {
            "auth_time": "$$NOW",
            "auth_purpose": {"$literal": asked.purpose},
            "aal": {"$max": ["$aal", asked.aal]},
            "amr": {"$setUnion": ["$amr", [{"$literal": asked.amr}]]},
        }
        if asked.factor is not None:
            changed["factor"] = {"$literal": asked.factor}
        document = await self.database["sessions"].find_one_and_update(
            {"_id": asked.sid, "sub": asked.sub, **_OPEN, **_UNEXPIRED},
            [{"$set": changed}],
            return_document=ReturnDocument.AFTER,
        )
        return _session(document) if document else None

    async def open_sessions(self, sub: str, *, after: str | None, limit: int) -> list[Session]:
        """Return a page, newest first, ties in order of ids."""
        query: Document = {
            "sub": sub,
            **_OPEN,
            "epoch": {"$gte": await self.epochs.recent(sub)},
            **_UNEXPIRED,
        }
        if after is not None:
            last = await self.database["sessions"].find_one({"_id": after, "sub": sub})
            if last is None:
                raise UnknownCursor
            at = last["created_at"]
            query["$or"] = [{"created_at": {"$lt": at}}, {"created_at": at, "_id": {"$gt": after}}]
        found = self.database["sessions"].find(query)
        ordered = found.sort([("created_at", DESCENDING), ("_id", ASCENDING)]).limit(limit)
        return [_session(document) async for document in ordered]

    async def older(self, sub: str, epoch: int, *, limit: int) -> Batch:
        """Look up by the index of open sessions."""
        return await self._batch({"sub": sub, **_OPEN, "epoch": {"$lt": epoch}}, limit)

    async def note_gone(self, factor: str) -> None:
        """Keep its id for a day, by the server's clock."""
        await self.database["gone_factors"].update_one(
            {"_id": factor}, {"$currentDate": {"at": True}}, upsert=True
        )

    async def is_gone(self, factor: str) -> bool:
        """Look its id up."""
        return await self.database["gone_factors"].find_one({"_id": factor}) is not None

    async def resting_on(self, sub: str, factor: str, *, kept: str | None, limit: int) -> Batch:
        """Look up by the index of open sessions."""
        which = {"sub": sub, **_OPEN, "factor": factor, "_id": {"$ne": kept}}
        return await self._batch(which, limit)

    async def expired(self, sub: str, *, limit: int) -> Batch:
        """Look up by the index of open sessions and the server's clock."""
        past = {"$expr": {"$lte": ["$expires_at", "$$NOW"]}}
        return await self._batch({"sub": sub, **_OPEN, **past}, limit)

    async def _batch(self, which: Document, limit: int) -> Batch:
        # The server dates the end: a projection may tell its time.
        shown = {"at": "$$NOW", "expires_at": 1}
        found = await self.database["sessions"].find(which, shown).limit(limit).to_list()
        return Batch(
            at=found[0]["at"] if found else None,
            valid=tuple(each["_id"] for each in found if each["expires_at"] > each["at"]),
            expired=tuple(each["_id"] for each in found if each["expires_at"] <= each["at"]),
            more=len(found) == limit,
        )

    async def tidy(self, sub: str) -> None:
        """Take what has ended out of the index of open sessions."""
        await self.database["sessions"].update_many(
            {"sub": sub, "open": True, "ended_by": {"$exists": True}}, {"$unset": {"open": ""}}
        )

    async def subjects_with_open_sessions(self, *, after: str, limit: int) -> list[str]:
        """Return the next subjects, from the index of open sessions.

        The limit comes before the grouping, which would read all that is open otherwise.
        """
        found = await self.database["sessions"].aggregate(
            [
                {"$match": {"open": True, "sub": {"$gt": after}}},
                {"$sort": {"sub": 1}},
                {"$limit": limit},
                {"$group": {"_id": "$sub"}},
                {"$sort": {"_id": 1}},
            ]
        )
        return [each["_id"] async for each in found]

    async def left_open(self, subs: list[str]) -> list[str]:
        """Compare what is open longest with the epochs, all subjects at once."""
        epochs = await self.epochs.epochs_of(subs)
        found = await self.database["sessions"].aggregate(
            [
                {"$match": {"open": True, "sub": {"$in": subs}}},
                {
                    "$group": {
                        "_id": "$sub",
                        "epoch": {"$min": "$epoch"},
                        "expires_at": {"$min": "$expires_at"},
                        "ended_by": {"$max": "$ended_by"},
                    }
                },
                {"$set": {"expired": {"$lte": ["$expires_at", "$$NOW"]}}},
                {"$sort": {"_id": 1}},
            ]
        )
        return [
            each["_id"]
            async for each in found
            if each["expired"]
            or each["ended_by"] is not None
            or each["epoch"] < epochs.get(each["_id"], NoEpoch)
        ]

    async def add_device(self, device: KnownDevice, *, key_hash: str) -> None:
        """Insert by upsert, so that the server's clock dates the device."""
        await self._new_devices.one((device, key_hash))

    @cached_property
    def _new_devices(self) -> Together[tuple[KnownDevice, str], None]:
        return Together(self._add_devices)

    async def _add_devices(self, new: Sequence[tuple[KnownDevice, str]]) -> dict[Any, None]:
        await self.database["devices"].bulk_write([_new(*each) for each in new], ordered=False)
        return {}

    async def device_with_key(self, key_hash: str) -> KnownDevice | None:
        """Look the key's hash up. The server's clock tells whether it is still trusted."""
        now = {
            "is_trusted": {"$gt": ["$trust.until", "$$NOW"]},
            "given_seconds_ago": {"$divide": [{"$subtract": ["$$NOW", "$trust.given_at"]}, 1000]},
        }
        shown = dict.fromkeys(["sub", "name", "trust"], 1)
        found = await self.database["devices"].find_one({"key_hash": key_hash}, shown | now)
        return _device(found) if found else None

    async def device_seen(self, device_id: str) -> None:
        """Date the use by the server's clock."""
        await self.database["devices"].update_one(
            {"_id": device_id}, {"$currentDate": {"last_seen_at": True}}
        )

    async def trust_device(
        self, device_id: str, terms: TrustTerms, *, epoch: int, factor: str
    ) -> None:
        """Write it beside the device, dated by the server's clock."""
        trust = {
            "given_at": "$$NOW",
            "until": _in_seconds(terms.days * _DAY_SECONDS),
            "epoch": epoch,
            "factor": {"$literal": factor},
            "version": terms.version,
        }
        await self.database["devices"].update_one({"_id": device_id}, [{"$set": {"trust": trust}}])

    async def forget_trust(self, sub: str, *, factor: str | None = None) -> None:
        """Take it off all of them in one write."""
        which = {"trust": {"$exists": True}} if factor is None else {"trust.factor": factor}
        await self.database["devices"].update_many({"sub": sub, **which}, {"$unset": {"trust": ""}})

    async def trusted_devices(self, sub: str) -> int:
        """Count by the server's clock."""
        epoch, now = await self.epochs.recent(sub), {"$gt": ["$trust.until", "$$NOW"]}
        return await self.database["devices"].count_documents(
            {"sub": sub, "trust.epoch": epoch, "$expr": now}
        )

    async def epoch_of(self, sub: str) -> int:
        """Return the epoch as of this moment."""
        return await self.epochs.current(sub)

    async def epoch_after_write(self, sub: str) -> int:
        """Read the primary that has just acknowledged our write, and so is or was the primary."""
        return await self.epochs.recent(sub)

    async def settle(self, sub: str) -> None:
        """Make what was committed hold at every reader."""
        await self.epochs.settle(sub)

    async def revocation(self, receipt: str) -> Revocation | None:
        """Return one revocation, its sessions with what is still kept of each."""
        found = await self.epochs.revocation(receipt)
        return await self._described(_revocation(found)) if found else None

    async def revocation_after(self, sub: str, epoch: int) -> Revocation | None:
        """Return the first revocation above an epoch."""
        found = await self.epochs.revocation_after(sub, epoch)
        return _revocation(found) if found else None

    async def revocations_of(self, sub: str, *, below: int | None, limit: int) -> list[Revocation]:
        """Return a page of revocations."""
        found = await self.epochs.revocations_of(sub, below=below, limit=limit)
        return [_revocation(each) for each in found]

    async def incomplete(
        self, *, older_than_seconds: float, limit: int, after: Revocation | None = None
    ) -> list[Revocation]:
        """Return revocations to be worked off."""
        found = await self.epochs.incomplete(
            older_than_seconds=older_than_seconds,
            limit=limit,
            after=(after.committed_at, after.receipt) if after is not None else None,
        )
        return [_revocation(each) for each in found]

    async def _described(self, revocation: Revocation) -> Revocation:
        sids = [each.sid for each in revocation.sessions]
        kept = self.database["sessions"].find({"_id": {"$in": sids}}, _DESCRIBING_FIELDS)
        known = {each.pop("_id"): each async for each in kept}
        described = [each.model_copy(update=known.get(each.sid)) for each in revocation.sessions]
        return replace(revocation, sessions=tuple(described))

    def _bound(self, transaction: Transaction) -> MongoSessionTransaction:
        return MongoSessionTransaction(self.database, self.epochs, transaction)


@dataclass(frozen=True)
class MongoPolicyStore:
    """One document per organization."""

    database: Database
    transactions: Transactions

    async def install(self) -> None:
        """Create the collection. Safe to run twice."""
        await self._policies.install()

    async def policy_of(self, organization: str) -> SessionPolicy | None:
        """Read the document."""
        found = await self.database["policies"].find_one({"_id": organization})
        if found is None:
            return None
        # What was put by the version before has no number.
        version = found.get("version", 0)
        return SessionPolicy(found["idle_seconds"], found["lifetime_seconds"], version)

    async def put_policy(
        self,
        organization: str,
        policy: SessionPolicy,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Replace the document."""
        values = asdict(policy)
        del values["version"]
        return await self._policies.replace(organization, values, replaces=replaces, told=told)

    @property
    def _policies(self) -> VersionedDocuments:
        return VersionedDocuments(self.database["policies"], self.transactions)

    async def shorten(self, organization: str, policy: SessionPolicy) -> None:
        """Go through the index of open sessions, all of them: it is seldom that this is asked."""
        lived = {"$add": ["$created_at", policy.lifetime_seconds * 1000]}
        unseen = {"$add": ["$last_seen_at", policy.idle_seconds * 1000]}
        await self.database["sessions"].update_many(
            {"open": True, "sub": {"$gt": ""}, "organization": organization},
            [
                {
                    "$set": {
                        "lifetime_ends_at": {"$min": ["$lifetime_ends_at", lived]},
                        "expires_at": {"$min": ["$expires_at", lived, unseen]},
                    }
                }
            ],
        )
