"""Very many rows of sign-in activity, devices and users, made by MongoDB itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.profile.mongo import MongoPeopleStore
from services.sessions.attempts import NewAttempt
from services.sessions.model import KnownDevice
from services.sessions.mongo.activity import MongoActivityStore
from services.sessions.mongo.sessions import MongoSessionStore
from services.sessions.places import Place, Position
from shared.contracts.activity import AttemptOutcome
from shared.contracts.profile import AddPerson
from shared.mongo import Document, present
from shared.wiring import Wiring

Database = Any
MANY, FEW = "many", "few"
"""The users with ten thousand rows and with ten."""
MANY_ROWS, FEW_ROWS, MANY_DEVICES = 10_000, 10, 200
ORGANIZATION = "bench"
_BLOCK = 1000
_DAYS = 89
_GIVEN = (
    "Ada",
    "Ben",
    "Cleo",
    "Dora",
    "Emil",
    "Finn",
    "Greta",
    "Hana",
    "Ivo",
    "Jana",
    "Kim",
    "Lea",
)
_SURNAMES = (
    *("Adler", "Brandt", "Conrad", "Decker", "Ebert", "Fuchs", "Graf", "Hahn", "Ihde", "Jung"),
    *("Keller", "Lang", "Maurer", "Nagel", "Otto", "Pohl", "Quast", "Roth", "Sauer", "Thoma"),
)
_BROWSERS = (("Firefox", "Linux"), ("Chrome", "Windows"), ("Safari", "iPhone"), ("Edge", "Windows"))
_OUTCOMES: tuple[tuple[AttemptOutcome, int], ...] = (
    ("signed-in", 8),
    ("wrong-password", 3),
    ("second-factor-failed", 1),
)
"""Each with how often it is among a dozen."""
_BERLIN = Place(
    "DE", {"de": "Berlin, Deutschland", "en": "Berlin, Germany"}, Position(52.5, 13.4, 20)
)
_NUMBER = {"$mod": [{"$multiply": [{"$toLong": "$n"}, 2654435761]}, 4294967296]}
"""Numbers that are in no order, and none twice (Knuth, The Art of Computer Programming 3, 6.4)."""


def _one_of(values: tuple[Any, ...], number: Any) -> Document:
    return {"$arrayElemAt": [{"$literal": list(values)}, {"$mod": [number, len(values)]}]}


def _said(text: str, *numbers: Any) -> Document:
    """Return the text with a number where each brace is."""
    parts: list[Any] = [text.partition("{}")[0]]
    rest = text.partition("{}")[2]
    for number in numbers:
        parts += [{"$toString": number}, rest.partition("{}")[0]]
        rest = rest.partition("{}")[2]
    return {"$concat": parts}


class Load:
    """Fills the collections, as the services would have in three months, and makes the indexes."""

    def __init__(self, client: Any, sessions: Wiring, profile: Wiring) -> None:
        """Write with a client that waits for as long as it takes."""
        self._client = client
        self._sessions = sessions
        self._profile = profile

    async def fill(self, users: int, rows: int) -> None:
        """Make that many users, about that many rows, and a device or two for each user."""
        blocks = self._client["load"]["blocks"]
        await blocks.insert_many([{"_id": each} for each in range(-(-users // _BLOCK))])
        numbered: list[Document] = [
            {"$project": {"n": {"$range": [
                {"$multiply": ["$_id", _BLOCK]},
                {"$min": [{"$multiply": [{"$add": ["$_id", 1]}, _BLOCK]}, users]},
            ]}}},
            {"$unwind": "$n"},
            {"$set": {"h": _NUMBER, "sub": {"$switch": {
                "branches": [
                    {"case": {"$eq": ["$n", 0]}, "then": MANY},
                    {"case": {"$eq": ["$n", 1]}, "then": FEW},
                ],
                "default": _said("u{}", _NUMBER),
            }}}},
        ]  # fmt: skip
        for name, collection, stages in (
            ("profile", "people", self._people()),
            ("sessions", "devices", await self._devices()),
            ("sessions", "activity", await self._activity(rows / users)),
        ):
            out = {"$out": {"db": name, "coll": collection}}
            await (await blocks.aggregate([*numbered, *stages, out], allowDiskUse=True)).to_list()
        await self._index()

    async def _index(self) -> None:
        """Make them as the install steps do, however long it takes."""
        sessions, profile = self._client["sessions"], self._client["profile"]
        wiring = self._sessions
        await MongoActivityStore(sessions).install()
        await MongoSessionStore(sessions, wiring.epochs, wiring.transactions).install_devices()
        people = profile["people"]
        indexes = await self._indexes_of_people()
        await people.create_indexes(indexes)

    async def _indexes_of_people(self) -> list[Any]:
        from pymongo import IndexModel  # noqa: PLC0415

        # The install step makes them on a collection of its own here, to be read off.
        probe = self._profile.client["probe"]
        await MongoPeopleStore(probe, self._profile.transactions).install()
        found = await (await probe["people"].list_indexes()).to_list()
        return [
            IndexModel(
                list(each["key"].items()),
                **{name: each[name] for name in ("name", "unique", "collation") if name in each},
            )
            for each in found
            if each["name"] != "_id_"
        ]

    @staticmethod
    def _people() -> list[Document]:
        record = AddPerson(
            organization=ORGANIZATION, user_id="x", display_name="x", job_title="Engineer",
            department="Instruments", office="Hall 4", phones=("+49 421 5550 100",),
        ).model_dump(exclude={"by"})  # fmt: skip
        given = _one_of(_GIVEN, "$h")
        surname = _one_of(_SURNAMES, {"$toLong": {"$floor": {"$divide": ["$h", 12]}}})
        user_id = {
            "$concat": [
                {"$toLower": given},
                ".",
                {"$toLower": surname},
                _said(".{}@bench.example", "$n"),
            ]
        }
        said = {name: {"$literal": value} for name, value in record.items()}
        return [
            {"$set": {"user_id": user_id}},
            {
                "$project": said
                | {
                    "_id": "$sub",
                    "user_id": 1,
                    "user_id_key": "$user_id",
                    "display_name": {"$concat": [given, " ", surname]},
                    "emails": ["$user_id"],
                }
            },
        ]

    async def _devices(self) -> list[Document]:
        stores = self._sessions
        store = MongoSessionStore(stores.database, stores.epochs, stores.transactions)
        device = KnownDevice(id="pattern", sub="x", name="")
        await store.add_device(
            device, key_hash="x", user_agent="Mozilla/5.0 Firefox/140.0", place=_BERLIN
        )
        pattern = present(await stores.database["devices"].find_one({"_id": "pattern"}))
        said = {name: value for name, value in pattern.items() if name not in {"_id", "tell_at"}}
        count = {
            "$cond": [{"$eq": ["$sub", MANY]}, MANY_DEVICES, {"$add": [1, {"$mod": ["$h", 2]}]}]
        }
        ago = {"$multiply": [{"$add": [{"$mod": ["$h", 80]}, "$i"]}, 24 * 3600 * 1000]}
        seen_at = {"$subtract": [datetime.now(UTC), ago]}
        return [
            {"$set": {"i": {"$range": [0, count]}}},
            {"$unwind": "$i"},
            {
                "$project": {name: {"$literal": value} for name, value in said.items()}
                | {
                    "_id": _said("d{}.{}", "$h", "$i"),
                    "sub": "$sub",
                    "key_hash": _said("k{}.{}", "$h", "$i"),
                    "first_seen_at": seen_at,
                    "last_seen_at": seen_at,
                }
            },
        ]

    async def _activity(self, each: float) -> list[Document]:
        """Most users have few rows, and some have very many of them."""
        count = {"$switch": {
            "branches": [
                {"case": {"$eq": ["$sub", MANY]}, "then": MANY_ROWS},
                {"case": {"$eq": ["$sub", FEW]}, "then": FEW_ROWS},
                {"case": {"$lt": [{"$mod": ["$h", 100]}, 2]}, "then": round(11.5 * each)},
                {"case": {"$lt": [{"$mod": ["$h", 100]}, 20]}, "then": round(2.5 * each)},
            ],
            "default": round(0.4 * each),
        }}  # fmt: skip
        step = {"$divide": [_DAYS * 24 * 3600 * 1000, {"$max": ["$count", 1]}]}
        ago = {
            "$toLong": {
                "$multiply": [{"$add": ["$i", {"$divide": [{"$mod": ["$h", 100]}, 100]}]}, step]
            }
        }
        return [
            {"$set": {"count": count}},
            {"$set": {"i": {"$range": [0, "$count"]}}},
            {"$unwind": "$i"},
            {"$set": {"row": _one_of(tuple(await self._patterns()), {"$add": ["$h", "$i"]}),
                      "at": {"$subtract": [datetime.now(UTC), ago]}}},
            {"$replaceWith": {"$mergeObjects": ["$row", {
                "_id": _said("{}.{}", "$h", "$i"), "sub": "$sub", "at": "$at",
                "forget_at": {"$add": ["$at", timedelta(days=90) // timedelta(milliseconds=1)]},
            }]}},
        ]  # fmt: skip

    async def _patterns(self) -> list[Document]:
        """Return rows as the store keeps them, of every outcome with every browser."""
        store = MongoActivityStore(self._sessions.database)
        rows = self._sessions.database["activity"]
        weighted: list[Document] = []
        for outcome, weight in _OUTCOMES:
            for browser, system in _BROWSERS:
                attempt = NewAttempt(
                    sub="x", outcome=outcome, app="portal", familiar=outcome == "signed-in",
                    address="192.0.2.7", browser=browser, system=system, place=_BERLIN,
                    organization=ORGANIZATION, device_id="A" * 22,
                )  # fmt: skip
                kept_as = f"pattern {outcome} {browser}"
                await store.add_attempt(kept_as, attempt)
                found = present(await rows.find_one({"_id": kept_as}, {"compare_at": 0}))
                weighted += [found] * weight
        return weighted
