"""Devices in MongoDB."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pymongo import UpdateOne

from services.sessions.model import KnownDevice
from shared.contracts.trust import DeviceTrust, TrustTerms
from shared.epochs import Epochs
from shared.mongo import Database, Document
from shared.together import Together

_DAY_SECONDS = 24 * 3600


def in_seconds(seconds: int) -> Document:
    """Return that many seconds from now, by the server's clock."""
    return {"$add": ["$$NOW", seconds * 1000]}


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
class MongoDeviceStore:
    """Devices in this service's database; under which epoch they are trusted, in the shared one."""

    database: Database
    epochs: Epochs

    async def install_devices(self) -> None:
        """Create the collection's indexes. Safe to run twice."""
        await self.database["devices"].create_index("key_hash", unique=True)
        await self.database["devices"].create_index("sub")

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
            "until": in_seconds(terms.days * _DAY_SECONDS),
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
