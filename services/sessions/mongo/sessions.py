"""Sessions in MongoDB, and the revocations of the shared database."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pymongo import ASCENDING, DESCENDING, ReturnDocument

from services.sessions.model import Batch, Ending, Revocation, SessionPolicy, SessionState, new_id
from services.sessions.mongo.changes import OPEN, UNEXPIRED, MongoSessionTransaction
from services.sessions.mongo.devices import MongoDeviceStore, in_seconds
from shared.contracts.epochs import NoEpoch
from shared.contracts.refusals import UnknownCursor
from shared.contracts.sessions import EndedSession, EstablishSession, Session, StepUp
from shared.mongo import Document, linearizable, present
from shared.transactions import Transaction

T = TypeVar("T")

_FORGET_SESSIONS_SECONDS = 30 * 24 * 3600
_FORGET_FACTORS_SECONDS = 24 * 3600
_SESSION_FIELDS = frozenset(Session.model_fields) - {"sid"}
_DESCRIBING_FIELDS = ["created_at", "address", "user_agent"]


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
        device=document.get("device"),
    )


@dataclass(frozen=True)
class MongoSessionStore(MongoDeviceStore):
    """Sessions and devices in this service's database, epochs in the shared one."""

    async def install(self) -> None:
        """Create collections and indexes. Safe to run twice."""
        sessions = self.database["sessions"]
        await sessions.create_index(
            [("sub", ASCENDING), ("epoch", ASCENDING)],
            name="open",
            partialFilterExpression={"open": True},
        )
        await sessions.create_index("sub")
        await sessions.create_index("expires_at", expireAfterSeconds=_FORGET_SESSIONS_SECONDS)
        await self.install_devices()
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
            "lifetime_ends_at": in_seconds(policy.lifetime_seconds),
            "expires_at": in_seconds(min(policy.idle_seconds, policy.lifetime_seconds)),
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
        sessions = linearizable(self.database["sessions"])
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
        renewed = {"$min": ["$lifetime_ends_at", lived, in_seconds(policy.idle_seconds)]}
        await self.database["sessions"].update_one(
            {"_id": sid, **OPEN, **UNEXPIRED},
            [{"$set": {"last_seen_at": "$$NOW", "expires_at": renewed}}],
        )

    async def step_up(self, asked: StepUp) -> Session | None:
        """Change an open, unexpired session, by the server's clock."""
        changed: Document = {
            "auth_time": "$$NOW",
            "auth_purpose": {"$literal": asked.purpose},
            "auth_organization": {"$literal": asked.organization},
            "aal": {"$max": ["$aal", asked.aal]},
            "amr": {"$setUnion": ["$amr", [{"$literal": asked.amr}]]},
        }
        if asked.factor is not None:
            changed["factor"] = {"$literal": asked.factor}
        document = await self.database["sessions"].find_one_and_update(
            {"_id": asked.sid, "sub": asked.sub, **OPEN, **UNEXPIRED},
            [{"$set": changed}],
            return_document=ReturnDocument.AFTER,
        )
        return _session(document) if document else None

    async def open_sessions(self, sub: str, *, after: str | None, limit: int) -> list[Session]:
        """Return a page, newest first, ties in order of ids."""
        query: Document = {
            "sub": sub,
            **OPEN,
            "epoch": {"$gte": await self.epochs.recent(sub)},
            **UNEXPIRED,
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

    async def to_end(self, ending: Ending, *, limit: int) -> Batch:
        """Look up by the index of open sessions."""
        which: Document = {"epoch": {"$lt": ending.epoch}}
        if ending.device is not None:
            which = {"device_id": ending.device}
        return await self._batch({"sub": ending.sub, **OPEN, **which}, limit)

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
        which = {"sub": sub, **OPEN, "factor": factor, "_id": {"$ne": kept}}
        return await self._batch(which, limit)

    async def expired(self, sub: str, *, limit: int) -> Batch:
        """Look up by the index of open sessions and the server's clock."""
        past = {"$expr": {"$lte": ["$expires_at", "$$NOW"]}}
        return await self._batch({"sub": sub, **OPEN, **past}, limit)

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
        """Return the first raise above an epoch."""
        found = await self.epochs.revocation_after(sub, epoch)
        return _revocation(found) if found else None

    async def revocations_of(
        self, sub: str, *, after: Revocation | None, limit: int
    ) -> list[Revocation]:
        """Return a page of revocations."""
        last = (after.epoch, after.committed_at, after.receipt) if after is not None else None
        found = await self.epochs.revocations_of(sub, after=last, limit=limit)
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
