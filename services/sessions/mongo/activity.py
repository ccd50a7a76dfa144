"""Sign-in activity in MongoDB."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from re import escape

from pymongo import ASCENDING, DESCENDING, ReturnDocument, UpdateOne

from services.sessions.attempts import NewAttempt, outcomes_called
from services.sessions.mongo.devices import in_seconds
from services.sessions.places import FamiliarDays, Place, Position, Sighting
from shared.contracts.activity import Attempt, AttemptOutcome, AttemptsOfDay, Flag, Reported
from shared.contracts.refusals import UnknownCursor
from shared.mongo import Database, Document, Session, present
from shared.together import Together

_KEPT: Document = {"$expr": {"$gt": ["$forget_at", "$$NOW"]}}
"""The server forgets about once a minute, so whoever reads compares as well."""
SEEN = "seen"
"""The index of where people were. It is named since the one of all rows would serve too."""
_BEFORE = "sub_1_at_-1__id_1"
"""What an earlier version had in place of the index of all rows."""
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_MILLISECONDS = 24 * 3600 * 1000
_TALLIES_KEPT_SECONDS = 2 * 24 * 3600
_FIELDS = frozenset(Attempt.model_fields) - {"id", "flagged", "place_names"}
_HAS_PLACE = {"$eq": [{"$type": "$place"}, "object"]}


def _attempt(document: Document) -> Attempt:
    fields = {name: document[name] for name in _FIELDS if name in document}
    place = document.get("place") or {"names": {}}
    return Attempt(
        id=document["_id"],
        flagged=bool(document["flags"]),
        place_names=place["names"],
        **fields,
    )


def _kept_place(place: Place) -> Document:
    at = place.position
    return {
        "country": place.country,
        "names": dict(place.names),
        "cell": place.cell,
        "position": [at.latitude, at.longitude, at.radius_km] if at else None,
    }


def _sighting(document: Document) -> Sighting:
    place = document["place"]
    position = Position(*place["position"]) if place["position"] else None
    return Sighting(
        id=document["_id"],
        sub=document["sub"],
        at=document["at"],
        place=Place(place["country"], place["names"], position),
    )


def _seen_before(sighting: Sighting) -> Document:
    since = sighting.at - timedelta(days=FamiliarDays)
    return {"sub": sighting.sub, "seen": True, "at": {"$gte": since, "$lt": sighting.at}, **_KEPT}


def _kept(attempt: NewAttempt) -> Document:
    return {
        "sub": attempt.sub,
        "outcome": attempt.outcome,
        "app": attempt.app,
        "device_id": attempt.device_id,
        "address": attempt.address,
        "browser": attempt.browser,
        "system": attempt.system,
        "flags": list(attempt.flags),
        "words": list(attempt.words),
        "organization": attempt.organization,
    }


def _kept_sighting(attempt: NewAttempt) -> Document:
    """Return what is kept of an attempt from a place, which is yet to be compared with others.

    It counts as `seen` where it signed in, and `compare_at` keeps the order.
    """
    if attempt.place is None:
        return {}
    seen = {"seen": True} if attempt.outcome == "signed-in" else {}
    place = {"$literal": _kept_place(attempt.place)}
    return {"place": place, "compare_at": "$$NOW", **seen}


@dataclass(frozen=True, eq=False)
class _Adding:
    """An attempt to be kept. Two are never the same, since each counts."""

    id: str
    attempt: NewAttempt

    @property
    def write(self) -> UpdateOne:
        """Return the write that keeps it, or counts one more where it is there."""
        said = {name: {"$literal": value} for name, value in _kept(self.attempt).items()}
        new = said | {"at": "$$NOW", "forget_at": in_seconds(self.attempt.kept_seconds)}
        new |= _kept_sighting(self.attempt)
        kept = {name: {"$ifNull": [f"${name}", value]} for name, value in new.items()}
        counted = {"count": {"$add": [{"$ifNull": ["$count", 0]}, 1]}}
        return UpdateOne({"_id": self.id}, [{"$set": kept | counted}], upsert=True)


def _said(word: str) -> Document:
    return {
        "$or": [
            {"words": {"$regex": f"^{escape(word)}"}},
            {"outcome": {"$in": outcomes_called(word)}},
        ]
    }


async def report(
    database: Database, sub: str, id: str, reported: Reported, session: Session | None = None
) -> Attempt | None:
    """Note what a subject says of a row, in a transaction where there is one, and return it.

    Where they say they were is a place of theirs from then on, and no other is.
    """
    seen = {"$cond": [_HAS_PLACE, True, "$$REMOVE"]} if reported == "mine" else "$$REMOVE"
    found = await database["activity"].find_one_and_update(
        {"_id": id, "sub": sub, **_KEPT},
        [{"$set": {"reported": reported, "seen": seen}}],
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return _attempt(found) if found else None


@dataclass(frozen=True)
class MongoActivityStore:
    """One document per row, in the order in which each subject reads them."""

    database: Database

    async def install(self) -> None:
        """Create the indexes. Safe to run twice."""
        activity = self.database["activity"]
        in_order = [("sub", ASCENDING), ("at", DESCENDING), ("_id", ASCENDING)]
        # With what is counted in it, days are summed up without a look at the rows.
        counted = [("outcome", ASCENDING), ("count", ASCENDING)]
        await activity.create_index([*in_order, *counted], name="by_time")
        if _BEFORE in await activity.index_information():
            await activity.drop_index(_BEFORE)
        await activity.create_index(
            [("sub", ASCENDING), ("at", DESCENDING), ("place.cell", ASCENDING)],
            name=SEEN,
            partialFilterExpression={"seen": True},
        )
        await activity.create_index("compare_at", sparse=True)
        for name in ("activity", "activity_tallies"):
            await self.database[name].create_index("forget_at", expireAfterSeconds=0)

    async def add_attempt(self, id: str, attempt: NewAttempt) -> None:
        """Insert by upsert, so that the server's clock dates it."""
        await self._new_attempts.one(_Adding(id, attempt))

    @cached_property
    def _new_attempts(self) -> Together[_Adding, None]:
        return Together(self._add_attempts)

    async def _add_attempts(self, new: Sequence[_Adding]) -> dict[_Adding, None]:
        writes = [each.write for each in new]
        await self.database["activity"].bulk_write(writes, ordered=False)
        return {}

    async def count_again(self, id: str) -> bool:
        """Count in one write."""
        counted = await self.database["activity"].update_one({"_id": id}, {"$inc": {"count": 1}})
        return counted.matched_count == 1

    async def tally(self, name: str) -> int:
        """Count in one write, kept as long as a day may last on any clock."""
        kept = {"$ifNull": ["$forget_at", in_seconds(_TALLIES_KEPT_SECONDS)]}
        counted = {"$add": [{"$ifNull": ["$count", 0]}, 1]}
        document = await self.database["activity_tallies"].find_one_and_update(
            {"_id": name},
            [{"$set": {"count": counted, "forget_at": kept}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return int(present(document)["count"])

    async def change_outcome(self, id: str, outcome: AttemptOutcome) -> None:
        """Write it into the row. Who did not get in was not there."""
        change: Document = {"$set": {"outcome": outcome}}
        if outcome != "signed-in":
            change["$unset"] = {"seen": ""}
        await self.database["activity"].update_one({"_id": id}, change)

    async def attempts(
        self,
        sub: str,
        *,
        words: Sequence[str],
        outcome: AttemptOutcome | None,
        after: str | None,
        limit: int,
    ) -> list[Attempt]:
        """Go along the index of the subject's rows, no further than the page needs."""
        found = self.database["activity"].find(
            await self.query(sub, words=words, outcome=outcome, after=after)
        )
        ordered = found.sort([("at", DESCENDING), ("_id", ASCENDING)]).limit(limit)
        return [_attempt(document) async for document in ordered]

    async def query(
        self,
        sub: str,
        *,
        words: Sequence[str],
        outcome: AttemptOutcome | None,
        after: str | None,
    ) -> Document:
        """Return what finds a subject's rows; in it nothing that was typed means anything."""
        query: Document = {"sub": sub, **_KEPT}
        if outcome is not None:
            query["outcome"] = outcome
        if words:
            query["$and"] = [_said(word) for word in words]
        if after is not None:
            last = await self._row(sub, after)
            if last is None:
                raise UnknownCursor
            at = last["at"]
            query["$or"] = [{"at": {"$lt": at}}, {"at": at, "_id": {"$gt": after}}]
        return query

    async def attempt(self, sub: str, id: str) -> Attempt | None:
        """Look it up."""
        found = await self._row(sub, id)
        return _attempt(found) if found else None

    async def report(self, sub: str, id: str, reported: Reported) -> Attempt | None:
        """Write it into the row."""
        return await report(self.database, sub, id, reported)

    async def by_day(self, sub: str, *, since: datetime) -> list[AttemptsOfDay]:
        """Sum up in the index of the subject's rows."""
        found = await self.database["activity"].aggregate(self.days_of(sub, since=since))
        return [
            AttemptsOfDay(
                day=date.fromordinal(int(each["_id"]["day"]) + _EPOCH_DAY),
                outcome=each["_id"]["outcome"],
                count=each["count"],
            )
            async for each in found
        ]

    @staticmethod
    def days_of(sub: str, *, since: datetime) -> list[Document]:
        """Return the pipeline that sums up, of what is in the index alone.

        Days are numbered, since a date for each row would take longer than all the rest.
        """
        day = {"$floor": {"$divide": [{"$toLong": "$at"}, _DAY_MILLISECONDS]}}
        of_day = {"day": day, "outcome": "$outcome"}
        return [
            {"$match": {"sub": sub, "at": {"$gte": since}}},
            {"$group": {"_id": of_day, "count": {"$sum": "$count"}}},
            {"$sort": {"_id.day": 1, "_id.outcome": 1}},
        ]

    async def to_compare(self, *, limit: int) -> list[Sighting]:
        """Go along the index of those that are marked."""
        marked = self.database["activity"].find({"compare_at": {"$exists": True}})
        found = marked.sort("compare_at", ASCENDING).limit(limit)
        return [_sighting(document) async for document in found]

    async def last_sighting(self, *, before: Sighting) -> Sighting | None:
        """Look at the first in the index of where its subject was seen."""
        found = await self.database["activity"].find_one(
            _seen_before(before), sort=[("at", DESCENDING)], hint=SEEN
        )
        return _sighting(found) if found else None

    async def was_near(self, sighting: Sighting) -> bool:
        """Go along the index of where its subject was seen, until it is near."""
        found = await self.database["activity"].find_one(
            self.near_query(sighting), {"_id": 1}, sort=[("at", DESCENDING)], hint=SEEN
        )
        return found is not None

    @staticmethod
    def near_query(sighting: Sighting) -> Document:
        """Return what finds where its subject was near before."""
        place = sighting.place
        near: Document = {"place.cell": {"$in": list(place.around)}}
        if place.position is None:
            near = {"place.country": place.country}
        return _seen_before(sighting) | near

    async def compared(self, id: str, flags: Sequence[Flag]) -> None:
        """Add them to those that the row has."""
        await self.database["activity"].update_one(
            {"_id": id},
            {"$addToSet": {"flags": {"$each": list(flags)}}, "$unset": {"compare_at": ""}},
        )

    async def _row(self, sub: str, id: str) -> Document | None:
        return await self.database["activity"].find_one({"_id": id, "sub": sub, **_KEPT})
