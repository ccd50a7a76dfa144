"""Accounts: passwords, and the epochs that go with them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, TypeVar

from pymongo import ASCENDING

from services.credentials.errors import PasswordChangedMeanwhile, ResetEnded
from services.credentials.model import (
    Password,
    cost_of,
)
from services.credentials.mongo.methods import owe
from services.credentials.mongo.resets import change_reset
from services.credentials.owed import AddressNotice
from services.credentials.resets import Reset
from shared.contracts.accounts import DeletedDays
from shared.contracts.epochs import Raised, Standing
from shared.contracts.events import Cause, Event
from shared.epochs import Epochs
from shared.mongo import Database, Document, linearizable
from shared.together import Together
from shared.transactions import Transaction, Transactions

T = TypeVar("T")
_MOST_COSTS = 16
"""More than anybody has raised it in the time in which somebody has not signed in."""
_FIELDS = {each.name for each in fields(Password)}
_FORGOTTEN: Document = {"$subtract": ["$$NOW", DeletedDays * 24 * 3600 * 1000]}
_BEHIND_SALTS = "%"
"""The character after `$`, which is what parts a cost from its salt."""


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
    known = {**document, "sub": document["_id"], "former": tuple(document["former"])}
    return Password(**{name: known[name] for name in _FIELDS if name in known})


def _standing(password: Password) -> Document:
    """Return the change that says whether the account lets anybody in, by the server's clock."""
    if not password.disabled:
        return {"$unset": {"disabled_receipt": ""}}
    shut: Document = {"$set": {"disabled_receipt": password.disabled_receipt}}
    if password.deleted:
        shut["$set"]["deleted"] = True
        shut["$currentDate"] = {"deleted_at": True}
    return shut


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
        await self._free(password.user_id)
        if await passwords.find_one(taken, {"_id": 1}, session=session):
            return False
        await passwords.insert_one(_document(password), session=session)
        await self.epochs.open(password.sub, session, password_version=password.version)
        return True

    async def _free(self, user_id: str) -> None:
        """Let go of the user ID of somebody who was deleted long ago."""
        await self.database["passwords"].update_one(
            {
                "user_id": user_id,
                "$expr": {"$and": ["$deleted", {"$lt": ["$deleted_at", _FORGOTTEN]}]},
            },
            # Nobody can type this one.
            [{"$set": {"user_id": {"$concat": ["\0", "$_id"]}}}],
            session=self.transaction.session,
        )

    async def put_password(self, changed: Password) -> None:
        """Replace the version before this one, and no other."""
        standing = _standing(changed)
        replaced = await self.database["passwords"].update_one(
            {"_id": changed.sub, "version": changed.version - 1},
            {**standing, "$set": _document(changed) | standing.get("$set", {})},
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

    async def note_password(self, sub: str, version: int) -> None:
        """Note it beside the epoch."""
        await self.epochs.note_password(sub, self.transaction.session, version=version)

    async def emit(self, event: Event) -> None:
        """Write the event beside the change."""
        await self.transaction.emit(event)

    async def owe(self, notice: AddressNotice) -> None:
        """Write what is owed beside the change."""
        await owe(self.database, notice, self.transaction.session)

    async def finish_reset(self, reset: Reset, receipt: str) -> None:
        """Write the receipt into the reset that was read, and into no other state of it."""
        done = replace(reset, receipt=receipt)
        if not await change_reset(self.database, done, self.transaction.session):
            raise ResetEnded
        await self._hold("reset_policies", reset.organization, reset.policy_version)
        await self._hold("security_info", reset.sub, reset.methods_version)

    async def _hold(self, collection: str, id: str | None, version: int) -> None:
        """Raise unless this version still stands, and let nobody replace it before the commit.

        What was never written has the version 0, and nothing rests on it.
        """
        if not version:
            return
        # A write, so that it is in the way of whoever writes another version meanwhile.
        held = await self.database[collection].update_one(
            {"_id": id, "version": version},
            {"$inc": {"resets": 1}},
            session=self.transaction.session,
        )
        if not held.matched_count:
            raise ResetEnded


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

    async def settled_password_of(self, sub: str) -> Password | None:
        """Look the subject up at a member that shows it is the primary."""
        settled = linearizable(self.database["passwords"])
        return _password(await settled.find_one({"_id": sub}))

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
