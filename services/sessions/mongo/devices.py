"""Devices in MongoDB."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pymongo import ASCENDING, DESCENDING, UpdateOne

from services.sessions.model import KnownDevice
from services.sessions.places import Place
from services.sessions.store import TellAgainSeconds
from shared.contracts.devices import FoundDevice, ListedDevice
from shared.contracts.events import Event
from shared.contracts.refusals import UnknownCursor
from shared.contracts.trust import DeviceTrust, TrustTerms
from shared.epochs import Epochs
from shared.mongo import Database, Document
from shared.together import Together
from shared.transactions import Transaction, Transactions

_DAY_SECONDS = 24 * 3600
_DESCRIBING = [
    *("name", "user_agent", "first_seen_at", "last_seen_at", "place_names", "disabled_at"),
]
# The server's clock tells whether it is still trusted.
_TRUST_NOW: Document = {
    "trust": 1,
    "is_trusted": {"$gt": ["$trust.until", "$$NOW"]},
    "given_seconds_ago": {"$divide": [{"$subtract": ["$$NOW", "$trust.given_at"]}, 1000]},
}
_LISTING = dict.fromkeys(_DESCRIBING, 1) | _TRUST_NOW


def in_seconds(seconds: int) -> Document:
    """Return that many seconds from now, by the server's clock."""
    return {"$add": ["$$NOW", seconds * 1000]}


_New = tuple[KnownDevice, str, str | None, Place | None]
_Use = tuple[str, str | None, Place | None]


def _signed_in(user_agent: str | None, place: Place | None) -> Document:
    if user_agent is None:
        return {}
    return {"user_agent": user_agent, "place_names": dict(place.names) if place else {}}


def _new(
    device: KnownDevice, key_hash: str, user_agent: str | None, place: Place | None
) -> UpdateOne:
    fixed: Document = {"sub": device.sub, "name": device.name, "key_hash": key_hash}
    fixed |= _signed_in(user_agent, place)
    now = {"first_seen_at": True, "last_seen_at": True, "tell_at": True}
    return UpdateOne({"_id": device.id}, {"$setOnInsert": fixed, "$currentDate": now}, upsert=True)


def _seen(device_id: str, user_agent: str | None, place: Place | None) -> UpdateOne:
    change: Document = {"$currentDate": {"last_seen_at": True}}
    if said := _signed_in(user_agent, place):
        change["$set"] = said
    return UpdateOne({"_id": device_id}, change)


def _trust(document: Document) -> DeviceTrust | None:
    if not document["is_trusted"]:
        return None
    given = document["trust"]
    return DeviceTrust(
        epoch=given["epoch"],
        factor=given["factor"],
        version=given["version"],
        given_seconds_ago=document["given_seconds_ago"],
    )


def _device(document: Document) -> KnownDevice:
    return KnownDevice(
        id=document["_id"],
        sub=document["sub"],
        name=document["name"],
        trust=_trust(document),
        disabled=document.get("disabled_at") is not None,
    )


def _told(document: Document, epoch: int) -> Document:
    trust = _trust(document)
    told = {"id": document["_id"]} | {
        name: document[name] for name in _DESCRIBING if name in document
    }
    if trust is not None and trust.epoch == epoch:
        given = document["trust"]
        told |= {
            "trust": trust, "trusted_from": given["given_at"], "trusted_until": given["until"],
        }  # fmt: skip
    return told


@dataclass(frozen=True)
class MongoDeviceStore:
    """Devices in this service's database; under which epoch they are trusted, in the shared one."""

    database: Database
    epochs: Epochs
    transactions: Transactions

    async def install_devices(self) -> None:
        """Create the collection's indexes. Safe to run twice."""
        devices = self.database["devices"]
        await devices.create_index("key_hash", unique=True)
        await devices.create_index(
            [("sub", ASCENDING), ("last_seen_at", DESCENDING), ("_id", ASCENDING)]
        )
        await devices.create_index("tell_at", sparse=True)
        await self.database["new_devices_told"].create_index(
            "at", expireAfterSeconds=TellAgainSeconds
        )

    async def add_device(
        self,
        device: KnownDevice,
        *,
        key_hash: str,
        user_agent: str | None = None,
        place: Place | None = None,
    ) -> None:
        """Insert by upsert, so that the server's clock dates the device."""
        await self._new_devices.one((device, key_hash, user_agent, place))

    @cached_property
    def _new_devices(self) -> Together[_New, None]:
        return Together(self._add_devices)

    async def _add_devices(self, new: Sequence[_New]) -> dict[Any, None]:
        await self.database["devices"].bulk_write([_new(*each) for each in new], ordered=False)
        return {}

    async def device_with_key(self, key_hash: str) -> KnownDevice | None:
        """Look the key's hash up, with those that others ask for at once."""
        return await self._keyed.one(key_hash)

    @cached_property
    def _keyed(self) -> Together[str, KnownDevice]:
        return Together(self._with_keys)

    async def _with_keys(self, hashes: Sequence[str]) -> dict[str, KnownDevice]:
        shown = dict.fromkeys(["key_hash", "sub", "name", "disabled_at"], 1)
        found = self.database["devices"].find({"key_hash": {"$in": hashes}}, shown | _TRUST_NOW)
        return {each["key_hash"]: _device(each) async for each in found}

    async def device_seen(
        self, device_id: str, *, user_agent: str | None = None, place: Place | None = None
    ) -> None:
        """Date the use by the server's clock."""
        await self._uses.one((device_id, user_agent, place))

    @cached_property
    def _uses(self) -> Together[_Use, None]:
        return Together(self._note_uses)

    async def _note_uses(self, uses: Sequence[_Use]) -> dict[Any, None]:
        await self.database["devices"].bulk_write([_seen(*each) for each in uses], ordered=False)
        return {}

    async def devices_of(
        self, sub: str, *, after: str | None, limit: int, with_disabled: bool = False
    ) -> list[ListedDevice]:
        """Return a page, by the index in the order of which it is."""
        query: Document = {"sub": sub} if with_disabled else {"sub": sub, "disabled_at": None}
        if after is not None:
            last = await self.database["devices"].find_one({"_id": after, "sub": sub})
            if last is None:
                raise UnknownCursor
            at = last["last_seen_at"]
            query["$or"] = [
                {"last_seen_at": {"$lt": at}},
                {"last_seen_at": at, "_id": {"$gt": after}},
            ]
        found = self.database["devices"].find(query, _LISTING)
        ordered = found.sort([("last_seen_at", DESCENDING), ("_id", ASCENDING)]).limit(limit)
        epoch = await self.epochs.recent(sub)
        return [ListedDevice(**_told(document, epoch)) async for document in ordered]

    async def find_device(self, device_id: str) -> FoundDevice | None:
        """Look it up."""
        found = await self.database["devices"].find_one({"_id": device_id}, _LISTING | {"sub": 1})
        if found is None:
            return None
        epoch = await self.epochs.recent(found["sub"])
        return FoundDevice(sub=found["sub"], **_told(found, epoch))

    async def is_disabled(self, device_id: str) -> bool:
        """Ask for several at once, of the primary that has just acknowledged a write."""
        return await self._disabled_ones.one(device_id) is not None

    @cached_property
    def _disabled_ones(self) -> Together[str, Document]:
        return Together(self._disabled_among)

    async def _disabled_among(self, ids: Sequence[str]) -> dict[str, Document]:
        which = {"_id": {"$in": ids}, "disabled_at": {"$ne": None}}
        found = self.database["devices"].find(which, {"_id": 1})
        return {document["_id"]: document async for document in found}

    async def tell_next_new(self, event_of: Callable[[str, tuple[str, ...]], Event]) -> bool:
        """Look first, so that a transaction is begun only where there is something to tell."""
        due = {"sub": 1, "is_due": {"$lte": ["$tell_at", "$$NOW"]}}
        first = await self.database["devices"].find_one(
            {"tell_at": {"$exists": True}}, due, sort=[("tell_at", ASCENDING)]
        )
        if first is None or not first["is_due"]:
            return False
        await self.transactions.run(lambda tx: self._tell_new(first["sub"], event_of, tx))
        return True

    async def _tell_new(
        self, sub: str, event_of: Callable[[str, tuple[str, ...]], Event], tx: Transaction
    ) -> None:
        untold: Document = {"sub": sub, "tell_at": {"$exists": True}}
        if (told_at := await self._told_of_late(sub, tx)) is not None:
            later = [{"$set": {"tell_at": {"$add": [told_at, TellAgainSeconds * 1000]}}}]
            await self.database["devices"].update_many(untold, later, session=tx.session)
            return
        found = self.database["devices"].find(untold, {"_id": 1}, session=tx.session)
        ids = [each["_id"] for each in await found.sort("first_seen_at", ASCENDING).to_list()]
        await self.database["devices"].update_many(
            untold, {"$unset": {"tell_at": ""}}, session=tx.session
        )
        others = {"sub": sub, "_id": {"$nin": ids}}
        if await self.database["devices"].find_one(others, {"_id": 1}, session=tx.session) is None:
            # The first of all is what its user was just invited to sign in on.
            ids = ids[1:]
        if ids:
            await self._note_told(sub, tx)
            await tx.emit(event_of(sub, tuple(ids)))

    async def _told_of_late(self, sub: str, tx: Transaction) -> datetime | None:
        since = {"$subtract": ["$$NOW", TellAgainSeconds * 1000]}
        # The server forgets about once a minute, so the time is compared here.
        recent = {"_id": sub, "$expr": {"$gt": ["$at", since]}}
        told = await self.database["new_devices_told"].find_one(recent, session=tx.session)
        return told["at"] if told else None

    async def _note_told(self, sub: str, tx: Transaction) -> None:
        await self.database["new_devices_told"].update_one(
            {"_id": sub}, {"$currentDate": {"at": True}}, upsert=True, session=tx.session
        )

    async def trust_device(
        self, device_id: str, terms: TrustTerms, *, epoch: int, factor: str
    ) -> None:
        """Write it beside the device, dated by the server's clock."""
        trust = {
            "given_at": "$$NOW",
            "until": in_seconds(terms.days * _DAY_SECONDS),
            "epoch": epoch,
            "factor": {"$literal": factor},
            "version": terms.version,
        }
        await self.database["devices"].update_one(
            {"_id": device_id, "disabled_at": None}, [{"$set": {"trust": trust}}]
        )

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
