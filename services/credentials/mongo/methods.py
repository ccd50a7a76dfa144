"""Methods, and the addresses that are to be told of their changes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cached_property

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from services.credentials.errors import (
    MethodsChangedMeanwhile,
    PasskeyTaken,
)
from services.credentials.method import Method
from services.credentials.methods import Asked, LastChange, SecurityInfo
from services.credentials.owed import AddressNotice
from services.credentials.passkeys import Passkey
from shared.contracts.events import Event
from shared.due import Due
from shared.epochs import Epochs
from shared.mongo import Database, Document, Session, linearizable
from shared.transactions import Transaction, Transactions

_CREDENTIALS = "credential_ids"
"""The ids of somebody's passkeys, beside the methods: an index goes into one list alone."""
_LANGUAGES = "languages"
"""By method, and beside the methods: the version before cannot read what it does not know there."""
_USES = "last_uses"
"""The ids of the last uses that were not waited for."""
_USES_KEPT = 8
"""More than anybody begins while one of them is made sure of."""
_PRIMARY_ALONE = WriteConcern(w=1, j=False)
_NOTICES = "address_notices"
_NOTICES_KEPT_SECONDS = 30 * 24 * 3600
_NOTICE_FIELDS = frozenset(each.name for each in fields(AddressNotice)) - {"id"}
_SAID_OF_CHANGES = ("what", "kind", "label")
_METHOD_FIELDS = frozenset(each.name for each in fields(Method))
_DAY_MILLISECONDS = 24 * 3600 * 1000
_ASKED, _ASKED_FOR_RESET = "asked", "asked_for_reset"


@dataclass(frozen=True)
class MongoMethodStore:
    """One document per subject: whatever changes is one write, whoever else changes something."""

    database: Database
    epochs: Epochs
    transactions: Transactions

    async def install(self) -> None:
        """Create the collections, which no transaction has to do then, and their indexes.

        Safe to run twice.
        """
        if "security_info" not in await self.database.list_collection_names():
            await self.database.create_collection("security_info")
        await Due(self.database[_NOTICES]).install(kept_seconds=_NOTICES_KEPT_SECONDS)
        # Whoever has no passkey has no such field, and is not in the index.
        await self.database["security_info"].create_index(_CREDENTIALS, unique=True, sparse=True)

    async def security_info(self, sub: str) -> SecurityInfo:
        """Read the document."""
        return _security_info(sub, await self.database["security_info"].find_one({"_id": sub}))

    async def all_after(self, sub: str, *, limit: int) -> list[SecurityInfo]:
        """Read a page in order of the ids."""
        found = self.database["security_info"].find({"_id": {"$gt": sub}}).sort("_id", ASCENDING)
        return [_security_info(each["_id"], each) async for each in found.limit(limit)]

    async def with_passkey(self, credential_id: str) -> SecurityInfo | None:
        """Look the credential up in the index."""
        found = await self.database["security_info"].find_one({_CREDENTIALS: credential_id})
        return _security_info(found["_id"], found) if found else None

    async def put(
        self,
        changed: SecurityInfo,
        event: Event | None,
        notices: Sequence[AddressNotice] = (),
        also: Sequence[Event] = (),
    ) -> None:
        """Replace the version, in a transaction only where more than that changes."""
        if event is None and not also and not changed.must_register:
            return await self._replace(changed)

        async def work(transaction: Transaction) -> None:
            await self._replace(changed, transaction.session)
            guarded = changed.is_guarding
            await self.epochs.guard(changed.sub, transaction.session, guarded=guarded)
            for notice in notices:
                await owe(self.database, notice, transaction.session)
            for told in (*also, *([event] if event is not None else [])):
                await transaction.emit(told)

        await self.transactions.run(work)
        return None

    async def put_use(self, changed: SecurityInfo, use: str) -> None:
        """Replace the version where the primary has it, with the id of the use beside it."""
        await self._replace(changed, use=use)

    async def is_kept(self, sub: str, use: str) -> bool:
        """Read it linearizably, which answers no sooner than a majority has what was read."""
        methods = linearizable(self.database["security_info"])
        return await methods.find_one({"_id": sub, _USES: use}, {"_id": True}) is not None

    async def ask(
        self, info: SecurityInfo, days: int, *, for_reset: bool = False
    ) -> datetime | None:
        """Write the first time down where there is none, and the earliest end there ever was."""
        field = _ASKED_FOR_RESET if for_reset else _ASKED
        until = f"${field}.until"
        try:
            asked = await self.database["security_info"].find_one_and_update(
                {"_id": info.sub, "version": info.version},
                _asking(days, field),
                projection={"until": until, "is_over": {"$lte": [until, "$$NOW"]}},
                # The first version of all is written where there is no document yet.
                upsert=info.version == 0,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError as error:
            raise MethodsChangedMeanwhile from error
        if asked is None:
            raise MethodsChangedMeanwhile
        ends_at: datetime = asked["until"]
        return None if asked["is_over"] else ends_at

    async def settled(self, sub: str) -> tuple[SecurityInfo, int]:
        """Read both linearizably: no member that was primary answers for the one that is."""
        methods = linearizable(self.database["security_info"])
        document, epoch = await asyncio.gather(
            methods.find_one({"_id": sub}), self.epochs.current(sub)
        )
        return _security_info(sub, document), epoch

    async def epoch_of(self, sub: str) -> int:
        """Read it as the primary has it; a session under an older one is refused when it begins."""
        return await self.epochs.recent(sub)

    async def _replace(
        self, changed: SecurityInfo, session: Session | None = None, *, use: str | None = None
    ) -> None:
        methods = self.database["security_info"]
        if use is not None:
            methods = methods.with_options(write_concern=_PRIMARY_ALONE)
        document: Document = {
            "version": changed.version + 1,
            "default": changed.default,
            "methods": [_method_document(each) for each in changed.methods],
            "must_register": changed.must_register,
        }
        credentials = [each.passkey.credential_id for each in changed.methods if each.passkey]
        besides = {
            _CREDENTIALS: credentials or None,
            _LANGUAGES: {each.id: each.language for each in changed.methods if each.language}
            or None,
            _ASKED: _asked_document(changed.asked_since),
            _ASKED_FOR_RESET: _asked_document(changed.asked_for_reset),
            "confirmed_at": changed.confirmed_at,
        }
        document |= {name: value for name, value in besides.items() if value is not None}
        update: Document = {
            "$unset": {name: "" for name, value in besides.items() if value is None}
        }
        if use is not None:
            update["$push"] = {_USES: {"$each": [use], "$slice": -_USES_KEPT}}
        last = changed.last_change
        if last is not None and last.at is None:
            document |= {f"last_change.{name}": getattr(last, name) for name in _SAID_OF_CHANGES}
            update["$currentDate"] = {"last_change.at": True}
        try:
            replaced = await methods.update_one(
                {"_id": changed.sub, "version": changed.version},
                {"$set": document, **update},
                # The first version of all is written where there is no document yet.
                upsert=changed.version == 0,
                session=session,
            )
        except DuplicateKeyError as error:
            is_passkey = _CREDENTIALS in (error.details or {}).get("keyPattern", {})
            raise (PasskeyTaken if is_passkey else MethodsChangedMeanwhile) from error
        if replaced.matched_count == 0 and replaced.upserted_id is None:
            raise MethodsChangedMeanwhile


@dataclass(frozen=True)
class MongoAddressNoticeStore:
    """What the method store has written beside its changes, until it is done."""

    database: Database

    async def claim(self) -> AddressNotice | None:
        """Lease the mail that has been due longest, by the server's clock."""
        found = await self._due.claim()
        return _address_notice(found) if found else None

    async def sent(self, notice_id: str) -> None:
        """Forget it, and the address with it."""
        await self.database[_NOTICES].delete_one({"_id": notice_id})

    async def undeliverable(self, notice_id: str, reason: str) -> None:  # noqa: ARG002 - logged
        """Forget it all the same: nobody can do anything about an address that is gone."""
        await self.sent(notice_id)

    async def postpone(self, notice_id: str, *, seconds: float) -> None:
        """Move the due time."""
        await self._due.postpone(notice_id, seconds=seconds)

    async def owed_after(self, notice_id: str, *, limit: int) -> list[AddressNotice]:
        """Read a page in order of the ids."""
        found = self.database[_NOTICES].find({"_id": {"$gt": notice_id}}).sort("_id", ASCENDING)
        return [_address_notice(each) async for each in found.limit(limit)]

    async def resealed(self, notice_id: str, sealed: bytes) -> None:
        """Replace it where it is still there."""
        await self.database[_NOTICES].update_one({"_id": notice_id}, {"$set": {"sealed": sealed}})

    @cached_property
    def _due(self) -> Due:
        return Due(self.database[_NOTICES])


async def owe(database: Database, notice: AddressNotice, session: Session) -> None:
    """Owe a mail to an address in the caller's transaction."""
    document = {name: {"$literal": value} for name, value in asdict(notice).items()}
    del document["id"]
    due = {"pending": True, "owed_at": "$$NOW", "due_at": "$$NOW"}
    await database[_NOTICES].update_one(
        {"_id": notice.id}, [{"$set": {**document, **due}}], upsert=True, session=session
    )


def _address_notice(document: Document) -> AddressNotice:
    known = {name: document[name] for name in _NOTICE_FIELDS}
    return AddressNotice(id=document["_id"], **known)


def _asking(days: int, field: str) -> list[Document]:
    until = {"$add": [f"${field}.at", days * _DAY_MILLISECONDS]}
    return [
        {
            "$set": {
                # A new version, so that no change that was begun before takes it back.
                "version": {"$add": ["$version", 1]},
                "default": {"$ifNull": ["$default", None]},
                "methods": {"$ifNull": ["$methods", []]},
                "must_register": {"$ifNull": ["$must_register", False]},
                f"{field}.at": {"$ifNull": [f"${field}.at", "$$NOW"]},
            }
        },
        {"$set": {f"{field}.until": {"$min": [f"${field}.until", until]}}},
    ]


def _method_document(method: Method) -> Document:
    # A replica that is one version behind cannot read fields that it does not know, so they are
    # written only where they say something.
    said = {name: value for name, value in asdict(method).items() if value is not None}
    said.pop("language", None)
    return said


def _security_info(sub: str, document: Document | None) -> SecurityInfo:
    if document is None:
        return SecurityInfo(sub)
    return SecurityInfo(
        sub,
        document["version"],
        tuple(_method(each, document.get(_LANGUAGES, {})) for each in document["methods"]),
        document["default"],
        # What came with a later version is not in the documents of before it.
        must_register=document.get("must_register", False),
        asked_since=_asked(document, _ASKED),
        asked_for_reset=_asked(document, _ASKED_FOR_RESET),
        confirmed_at=document.get("confirmed_at"),
        last_change=LastChange(**document["last_change"]) if "last_change" in document else None,
    )


def _asked_document(asked: Asked | None) -> Document | None:
    return asdict(asked) if asked is not None else None


def _asked(document: Document, field: str) -> Asked | None:
    return Asked(**document[field]) if field in document else None


def _method(document: Document, languages: Mapping[str, str]) -> Method:
    passkey = document.get("passkey")
    if passkey is not None:
        passkey = Passkey(**{**passkey, "transports": tuple(passkey["transports"])})
    # What a later version knows of a method is nothing to this one.
    known = {name: value for name, value in document.items() if name in _METHOD_FIELDS}
    known["language"] = languages.get(document["id"])
    return Method(**{**known, "codes": tuple(document["codes"]), "passkey": passkey})
