"""Credentials in MongoDB: the only file of this service that imports the driver."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from services.credentials.errors import (
    MethodsChangedMeanwhile,
    PasskeyTaken,
    PasswordChangedMeanwhile,
)
from services.credentials.method_policy import MethodPolicy
from services.credentials.methods import Asked, LastChange, Method, SecurityInfo
from services.credentials.model import (
    Counted,
    Guesses,
    Lock,
    LockToldSeconds,
    OneTime,
    Password,
    Quota,
    cost_of,
)
from services.credentials.owed import AddressNotice
from services.credentials.passkeys import Passkey
from shared.contracts.epochs import Raised, Standing
from shared.contracts.events import Cause, Event, SignInLocked
from shared.contracts.policy import UsualReconfirmDays
from shared.due import Due
from shared.epochs import Epochs
from shared.mongo import Database, Document, Session
from shared.together import Together
from shared.transactions import Transaction, Transactions

T = TypeVar("T")

_RECENT = 3
_MOST_COSTS = 16
"""More than anybody has raised it in the time in which somebody has not signed in."""
_CREDENTIALS = "credential_ids"
"""The ids of somebody's passkeys, beside the methods: an index goes into one list alone."""
_NOTICES = "address_notices"
_NOTICES_KEPT_SECONDS = 30 * 24 * 3600
_NOTICE_FIELDS = frozenset(each.name for each in fields(AddressNotice)) - {"id"}
_SAID_OF_CHANGES = ("what", "kind", "label")
_METHOD_FIELDS = frozenset(each.name for each in fields(Method))
_BEHIND_SALTS = "%"
"""The character after `$`, which is what parts a cost from its salt."""
_DAY_MILLISECONDS = 24 * 3600 * 1000
_IS_OVER = {"$lte": ["$asked.until", "$$NOW"]}
_LEFT = {"$max": [0, {"$divide": [{"$subtract": ["$locked_until", "$$NOW"]}, 1000]}]}
_STATE = {"failures": 1, "recent": 1, "revision": 1, "left": _LEFT}
# It goes on from the time, so that it is higher too than in a document that was forgotten.
_NEXT_REVISION = {"$max": [{"$add": [{"$ifNull": ["$revision", 0]}, 1]}, {"$toLong": "$$NOW"}]}


def _document(password: Password) -> Document:
    # Whose account it is, is left as it stands by whoever was never told.
    known = {} if password.organization is None else {"organization": password.organization}
    return {
        **known,
        "_id": password.sub,
        "user_id": password.user_id,
        "verifier": password.verifier,
        "temporary": password.temporary,
        "version": password.version,
        "changed_at": password.changed_at,
        "former": list(password.former),
    }


def _password(document: Document | None) -> Password | None:
    if document is None:
        return None
    fields = {**document, "sub": document["_id"], "former": tuple(document["former"])}
    del fields["_id"]
    return Password(**fields)


@dataclass(frozen=True)
class MongoCredentialTransaction:
    """The changes of one transaction."""

    database: Database
    epochs: Epochs
    transaction: Transaction

    async def open_account(self, password: Password) -> bool:
        """Insert the account, unless its name or subject is there already."""
        passwords, session = self.database["passwords"], self.transaction.session
        taken = {"$or": [{"_id": password.sub}, {"user_id": password.user_id}]}
        if await passwords.find_one(taken, {"_id": 1}, session=session):
            return False
        await passwords.insert_one(_document(password), session=session)
        await self.epochs.open(password.sub, session, password_version=password.version)
        return True

    async def put_password(self, changed: Password) -> None:
        """Replace the version before this one, and no other."""
        replaced = await self.database["passwords"].update_one(
            {"_id": changed.sub, "version": changed.version - 1},
            {"$set": _document(changed)},
            session=self.transaction.session,
        )
        if replaced.modified_count != 1:
            raise PasswordChangedMeanwhile

    async def raise_epoch(
        self, sub: str, cause: Cause, *, password_version: int | None = None
    ) -> Raised:
        """Raise the epoch beside its revocation."""
        return await self.epochs.raise_(
            sub, cause, self.transaction.session, password_version=password_version
        )

    async def emit(self, event: Event) -> None:
        """Write the event beside the change."""
        await self.transaction.emit(event)


@dataclass(frozen=True)
class MongoCredentialStore:
    """Passwords in this service's database, epochs in the shared one."""

    database: Database
    epochs: Epochs
    transactions: Transactions

    async def install(self) -> None:
        """Create collections and indexes. Safe to run twice."""
        await self.database["passwords"].create_index("user_id", unique=True)
        await self.database["passwords"].create_index("verifier")
        await self.database["guesses"].create_index("forget_at", expireAfterSeconds=0)
        await self.transactions.install()
        await self.epochs.install()
        await self._tell_epochs_of_versions()

    async def _tell_epochs_of_versions(self) -> None:
        """Give epochs that were opened before they knew it the version of the password."""
        known = {"$ifNull": ["$password_version", "$$new.password_version"]}
        into = {
            "into": {"db": self.epochs.database.name, "coll": "epochs"},
            "whenMatched": [{"$set": {"password_version": known}}],
            "whenNotMatched": "discard",
        }
        versions = {"$project": {"password_version": "$version"}}
        await self.database["passwords"].aggregate([versions, {"$merge": into}])

    async def in_transaction(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do the work in one transaction."""
        return await self.transactions.run(lambda tx: work(self._bound(tx)))

    async def password_named(self, user_id: str) -> Password | None:
        """Look the user ID up."""
        return _password(await self._named.one(user_id))

    @cached_property
    def _named(self) -> Together[str, Document]:
        return Together(self._found)

    async def _found(self, user_ids: Sequence[str]) -> dict[str, Document]:
        found = self.database["passwords"].find({"user_id": {"$in": user_ids}})
        return {document["user_id"]: document for document in await found.to_list()}

    async def password_of(self, sub: str) -> Password | None:
        """Look the subject up."""
        return _password(await self.database["passwords"].find_one({"_id": sub}))

    async def costs_in_use(self) -> set[str]:
        """Go along the index on verifiers in steps from one cost to the next."""
        found: set[str] = set()
        last = await self._verifier_after("")
        while last is not None and len(found) < _MOST_COSTS:
            cost = cost_of(last)
            found |= {cost} if cost else set()
            last = await self._verifier_after(f"{cost}{_BEHIND_SALTS}" if cost else last)
        return found

    async def _verifier_after(self, text: str) -> str | None:
        document = await self.database["passwords"].find_one(
            {"verifier": {"$gt": text}}, {"_id": 0, "verifier": 1}, sort=[("verifier", ASCENDING)]
        )
        return str(document["verifier"]) if document else None

    async def rehashed(self, password: Password, verifier: str) -> None:
        """Replace the verifier of this version only; nothing else about it changes."""
        await self.database["passwords"].update_one(
            {"_id": password.sub, "version": password.version}, {"$set": {"verifier": verifier}}
        )

    async def standing_of(self, sub: str) -> Standing:
        """Read both in one document; an old epoch is refused when the session is established."""
        return await self.epochs.standing(sub)

    async def settle(self, sub: str) -> None:
        """Make what was committed hold at every reader."""
        await self.epochs.settle(sub)

    def _bound(self, transaction: Transaction) -> MongoCredentialTransaction:
        return MongoCredentialTransaction(self.database, self.epochs, transaction)


@dataclass(frozen=True)
class MongoGuessStore:
    """Failed guesses, one document per key, changed only in single atomic writes."""

    database: Database

    async def counted(self, guesses: Sequence[Guesses]) -> list[Counted]:
        """Return the state of each key; what is past its window does not count any more."""
        found = self.database["guesses"].find(
            {
                "_id": {"$in": [each.key for each in guesses]},
                "$expr": {"$gt": ["$forget_at", "$$NOW"]},
            },
            _STATE,
        )
        by_key = {each["_id"]: each async for each in found}
        return [_counted(by_key.get(each.key)) for each in guesses]

    async def count(self, guesses: Guesses, guess: str) -> Counted:
        """Count a failure; the one that reaches the limit locks and begins a new count."""
        return await self._changed(guesses, _counting(guesses, guess))

    async def clear(self, guesses: Guesses) -> Counted:
        """Begin anew; the document stays for its revision, until it would have been forgotten."""
        return await self._changed(guesses, _clearing(guesses))

    async def _changed(self, guesses: Guesses, pipeline: list[Document]) -> Counted:
        try:
            return await self._change(guesses.key, pipeline)
        except DuplicateKeyError:
            # Two first changes of a key met at its insertion; the document is there now.
            return await self._change(guesses.key, pipeline)

    async def _change(self, key: str, pipeline: list[Document]) -> Counted:
        await self.database["guesses"].update_one({"_id": key}, pipeline, upsert=True)
        # It may show a change that came in between, but then with that one's revision.
        return _counted(await self.database["guesses"].find_one({"_id": key}, _STATE))


def _clearing(guesses: Guesses) -> list[Document]:
    forget_at = {"$add": ["$$NOW", guesses.limit.window_seconds * 1000]}
    cleared = {"failures": 0, "locks": 0, "recent": [], "locked_until": None}
    return [{"$set": {**cleared, "revision": _NEXT_REVISION, "forget_at": forget_at}}]


def _counting(guesses: Guesses, guess: str) -> list[Document]:
    limit = guesses.limit
    fresh = {"$gt": [{"$ifNull": ["$forget_at", "$$NOW"]}, "$$NOW"]}
    reached = {"$gte": ["$failures", limit.failures]}
    lock_seconds = {
        "$min": [
            limit.longest_lock_seconds,
            {"$multiply": [limit.first_lock_seconds, {"$pow": [2, {"$subtract": ["$locks", 1]}]}]},
        ]
    }
    newest = [{"$literal": guess}]
    recent = {"$slice": [{"$concatArrays": [newest, {"$ifNull": ["$recent", []]}]}, _RECENT]}
    return [
        {
            "$set": {
                "failures": {"$cond": [fresh, {"$add": [{"$ifNull": ["$failures", 0]}, 1]}, 1]},
                "locks": {"$cond": [fresh, {"$ifNull": ["$locks", 0]}, 0]},
                "recent": {"$cond": [fresh, recent, newest]},
                "revision": _NEXT_REVISION,
            }
        },
        {"$set": {"locks": {"$cond": [reached, {"$add": ["$locks", 1]}, "$locks"]}}},
        {
            "$set": {
                "locked_until": {
                    "$cond": [
                        reached,
                        {"$add": ["$$NOW", {"$multiply": [lock_seconds, 1000]}]},
                        "$locked_until",
                    ]
                },
                "failures": {"$cond": [reached, 0, "$failures"]},
                "first_lock": {"$and": [reached, {"$eq": ["$locks", 1]}]},
            }
        },
        # A whole series of locks is told once.
        *_noting(guesses.locks),
        # The window begins when the lock ends, or a long lock would be forgotten before it is over.
        {
            "$set": {
                "forget_at": {
                    "$add": [{"$max": ["$locked_until", "$$NOW"]}, limit.window_seconds * 1000]
                }
            }
        },
    ]


def _noting(lock: Lock | None) -> list[Document]:
    noted = {"$cond": ["$first_lock", {"$literal": asdict(lock)}, "$untold"]} if lock else "$untold"
    return [{"$set": {"untold": noted}}, {"$unset": "first_lock"}]


@dataclass(frozen=True)
class MongoLockStore:
    """The notes that the guess store leaves beside its counts."""

    database: Database
    transactions: Transactions

    async def install(self) -> None:
        """Create indexes. Safe to run twice."""
        await self.database["guesses"].create_index("untold", sparse=True)
        await self.database["locks_told"].create_index("at", expireAfterSeconds=LockToldSeconds)

    async def tell_next(self, event_of: Callable[[Lock], SignInLocked]) -> bool:
        """Look first, so that a transaction is begun only where there is something to tell."""
        untold: Document = {"untold": {"$exists": True}}
        if await self.database["guesses"].find_one(untold, {"_id": 1}) is None:
            return False

        async def work(transaction: Transaction) -> None:
            found = await self.database["guesses"].find_one_and_update(
                untold, {"$unset": {"untold": ""}}, session=transaction.session
            )
            lock = Lock(**found["untold"]) if found else None
            if lock is not None and await self._is_news(lock, transaction.session):
                await transaction.emit(event_of(lock))

        await self.transactions.run(work)
        return True

    async def _is_news(self, lock: Lock, session: Session) -> bool:
        owner = {"_id": lock.sub}
        if await self.database["passwords"].find_one(owner, {"_id": 1}, session=session) is None:
            return False
        key, told = f"{lock.sub} {lock.cause}", self.database["locks_told"]
        since = {"$subtract": ["$$NOW", LockToldSeconds * 1000]}
        # The server forgets about once a minute, so the time is compared here.
        recent = {"_id": key, "$expr": {"$gt": ["$at", since]}}
        if await told.find_one(recent, session=session) is not None:
            return False
        await told.update_one(
            {"_id": key}, {"$currentDate": {"at": True}}, upsert=True, session=session
        )
        return True


def _counted(document: Document | None) -> Counted:
    if document is None:
        return Counted()
    return Counted(
        failures=document["failures"],
        locked_seconds=document["left"],
        recent=tuple(document["recent"]),
        # What an earlier release counted has none.
        revision=document.get("revision", 0),
    )


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
    ) -> None:
        """Replace the version, in a transaction only where more than that changes."""
        if event is None and not changed.must_register:
            return await self._replace(changed)

        async def work(transaction: Transaction) -> None:
            await self._replace(changed, transaction.session)
            guarded = changed.is_guarding
            await self.epochs.guard(changed.sub, transaction.session, guarded=guarded)
            for notice in notices:
                await self._owe(notice, transaction.session)
            if event is not None:
                await transaction.emit(event)

        await self.transactions.run(work)
        return None

    async def ask(self, info: SecurityInfo, days: int) -> datetime | None:
        """Write the first time down where there is none, and the earliest end there ever was."""
        try:
            asked = await self.database["security_info"].find_one_and_update(
                {"_id": info.sub, "version": info.version},
                _asking(days),
                projection={"until": "$asked.until", "is_over": _IS_OVER},
                # The first version of all is written where there is no document yet.
                upsert=info.version == 0,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError as error:
            raise MethodsChangedMeanwhile from error
        if asked is None:
            raise MethodsChangedMeanwhile
        until: datetime = asked["until"]
        return None if asked["is_over"] else until

    async def settled(self, sub: str) -> tuple[SecurityInfo, int]:
        """Read both linearizably: no member that was primary answers for the one that is."""
        methods = self.database["security_info"].with_options(
            read_concern=ReadConcern("linearizable")
        )
        document, epoch = await asyncio.gather(
            methods.find_one({"_id": sub}), self.epochs.current(sub)
        )
        return _security_info(sub, document), epoch

    async def _owe(self, notice: AddressNotice, session: Session) -> None:
        document = {name: {"$literal": value} for name, value in asdict(notice).items()}
        del document["id"]
        due = {"pending": True, "owed_at": "$$NOW", "due_at": "$$NOW"}
        await self.database[_NOTICES].update_one(
            {"_id": notice.id}, [{"$set": {**document, **due}}], upsert=True, session=session
        )

    async def epoch_of(self, sub: str) -> int:
        """Read it as the primary has it; a session under an older one is refused when it begins."""
        return await self.epochs.recent(sub)

    async def _replace(self, changed: SecurityInfo, session: Session | None = None) -> None:
        document: Document = {
            "version": changed.version + 1,
            "default": changed.default,
            "methods": [_method_document(each) for each in changed.methods],
            "must_register": changed.must_register,
        }
        credentials = [each.passkey.credential_id for each in changed.methods if each.passkey]
        asked = asdict(changed.asked_since) if changed.asked_since is not None else None
        besides = {
            _CREDENTIALS: credentials or None,
            "asked": asked,
            "confirmed_at": changed.confirmed_at,
        }
        document |= {name: value for name, value in besides.items() if value is not None}
        update: Document = {
            "$unset": {name: "" for name, value in besides.items() if value is None}
        }
        last = changed.last_change
        if last is not None and last.at is None:
            document |= {f"last_change.{name}": getattr(last, name) for name in _SAID_OF_CHANGES}
            update["$currentDate"] = {"last_change.at": True}
        try:
            replaced = await self.database["security_info"].update_one(
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


def _address_notice(document: Document) -> AddressNotice:
    known = {name: document[name] for name in _NOTICE_FIELDS}
    return AddressNotice(id=document["_id"], **known)


@dataclass(frozen=True)
class MongoOneTimeStore:
    """One document for each thing that something was begun for."""

    database: Database

    async def install(self) -> None:
        """Create the index by which the server forgets what is over. Safe to run twice."""
        await self.database["one_time"].create_index("ends_at", expireAfterSeconds=0)

    async def keep(self, begun: OneTime) -> None:
        """Write it over what was there."""
        ends_at = {"$add": ["$$NOW", begun.seconds * 1000]}
        await self.database["one_time"].update_one(
            {"_id": begun.name},
            [{"$set": {"proof": {"$literal": begun.proof}, "ends_at": ends_at}}],
            upsert=True,
        )

    async def take(self, name: str, proof: str) -> bool:
        """Delete it. The server forgets about once a minute, so the time is compared here."""
        deleted = await self.database["one_time"].delete_one(
            {"_id": name, "proof": proof, "$expr": {"$gt": ["$ends_at", "$$NOW"]}}
        )
        return deleted.deleted_count == 1


@dataclass(frozen=True)
class MongoQuotaStore:
    """The times at which something was taken, one document per key."""

    database: Database

    async def install(self) -> None:
        """Create the index by which the server forgets what is over. Safe to run twice."""
        await self.database["quotas"].create_index("forget_at", expireAfterSeconds=0)

    async def take(self, quota: Quota) -> float:
        """Add a time where there is room; whether it is in the document then is the answer."""
        mine = uuid4().hex
        try:
            taken = await self._take(quota, mine)
        except DuplicateKeyError:
            # Two first ones of a key met at its insertion; the document is there now.
            taken = await self._take(quota, mine)
        if any(each["by"] == mine for each in taken["taken"]):
            return 0.0
        oldest = min(each["at"] for each in taken["taken"])
        since = (taken["asked_at"] - oldest).total_seconds()
        return max(quota.seconds - float(since), 1.0)

    async def clear(self, key: str) -> None:
        """Delete the key's document."""
        await self.database["quotas"].delete_one({"_id": key})

    async def _take(self, quota: Quota, mine: str) -> Document:
        begins = {"$subtract": ["$$NOW", quota.seconds * 1000]}
        kept = {
            "$filter": {
                "input": {"$ifNull": ["$taken", []]},
                "cond": {"$gt": ["$$this.at", begins]},
            }
        }
        one_more = {"$concatArrays": ["$taken", [{"at": "$$NOW", "by": mine}]]}
        has_room = {"$lt": [{"$size": "$taken"}, quota.most]}
        found = await self.database["quotas"].find_one_and_update(
            {"_id": quota.key},
            [
                {"$set": {"taken": kept, "asked_at": "$$NOW"}},
                {"$set": {"taken": {"$cond": [has_room, one_more, "$taken"]}}},
                {"$set": {"forget_at": {"$add": ["$$NOW", quota.seconds * 1000]}}},
            ],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return found or {"taken": []}


def _asking(days: int) -> list[Document]:
    until = {"$add": ["$asked.at", days * _DAY_MILLISECONDS]}
    return [
        {
            "$set": {
                # A new version, so that no change that was begun before takes it back.
                "version": {"$add": ["$version", 1]},
                "default": {"$ifNull": ["$default", None]},
                "methods": {"$ifNull": ["$methods", []]},
                "must_register": {"$ifNull": ["$must_register", False]},
                "asked.at": {"$ifNull": ["$asked.at", "$$NOW"]},
            }
        },
        {"$set": {"asked.until": {"$min": ["$asked.until", until]}}},
    ]


def _method_document(method: Method) -> Document:
    # A replica that is one version behind cannot read fields that it does not know, so they are
    # written only where they say something.
    return {name: value for name, value in asdict(method).items() if value is not None}


def _security_info(sub: str, document: Document | None) -> SecurityInfo:
    if document is None:
        return SecurityInfo(sub)
    return SecurityInfo(
        sub,
        document["version"],
        tuple(map(_method, document["methods"])),
        document["default"],
        # What came with a later version is not in the documents of before it.
        must_register=document.get("must_register", False),
        asked_since=Asked(**document["asked"]) if "asked" in document else None,
        confirmed_at=document.get("confirmed_at"),
        last_change=LastChange(**document["last_change"]) if "last_change" in document else None,
    )


def _method(document: Document) -> Method:
    passkey = document.get("passkey")
    if passkey is not None:
        passkey = Passkey(**{**passkey, "transports": tuple(passkey["transports"])})
    # What a later version knows of a method is nothing to this one.
    known = {name: value for name, value in document.items() if name in _METHOD_FIELDS}
    return Method(**{**known, "codes": tuple(document["codes"]), "passkey": passkey})


@dataclass(frozen=True)
class MongoPolicyStore:
    """One document per organization; whose account it is stands beside the password."""

    database: Database

    async def policy_of(self, organization: str) -> MethodPolicy:
        """Read the document."""
        found = await self.database["policies"].find_one({"_id": organization})
        if found is None:
            return MethodPolicy()
        return MethodPolicy.of(
            found["allowed"],
            found["second_factor"],
            found["trust_days"],
            # What came with a later version is not in the documents of before it.
            found.get("trust_version", 0),
            found.get("skip_days", 0),
            found.get("reconfirm_days", UsualReconfirmDays),
        )

    async def put_policy(self, organization: str, policy: MethodPolicy) -> None:
        """Replace the document, all but the version, which only rises."""
        document = policy.as_contract().model_dump()
        rise = 0 if policy.trust_days else 1
        changed = {name: {"$literal": value} for name, value in document.items()}
        version = {"$add": [{"$ifNull": ["$trust_version", 0]}, rise]}
        await self.database["policies"].update_one(
            {"_id": organization}, [{"$set": {**changed, "trust_version": version}}], upsert=True
        )

    async def organization_of(self, sub: str) -> str | None:
        """Read it alone."""
        found = await self.database["passwords"].find_one({"_id": sub}, {"organization": 1})
        return found.get("organization") if found else None

    async def adopt(self, sub: str, user_id: str, organization: str) -> None:
        """Set what is not there."""
        await self.database["passwords"].update_one(
            {"_id": sub, "user_id": user_id, "organization": None},
            {"$set": {"organization": organization}},
        )
