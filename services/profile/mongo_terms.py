"""Terms of use in MongoDB, where nothing changes what a published version says, or a decision."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeVar

from pymongo import ASCENDING

from services.profile.documents import Decision, Document, Standing, Version
from services.profile.pdf import PdfFile
from shared.contracts.events import Event
from shared.contracts.refusals import ChangedMeanwhile, UnknownCursor
from shared.contracts.sessions import Where
from shared.contracts.terms import TermsText
from shared.epochs import Epochs
from shared.mongo import Database, Session
from shared.mongo import Document as Stored
from shared.transactions import Transaction, Transactions

T = TypeVar("T")

_VERSION = [each.name for each in fields(Version) if each.name not in {"titles", "pdfs"}]
_DECISION = [each.name for each in fields(Decision) if each.name != "where"]
_UNPUBLISHED: Stored = {"published_at": None}


def _key(version: Version) -> str:
    return f"{version.document}.{version.number}"


def _version(document: Mapping[str, Any]) -> Version:
    titles = {each["language"]: each["title"] for each in document["texts"]}
    pdfs = {each["language"]: each["pdf"] for each in document["texts"] if "pdf" in each}
    return Version(**{name: document[name] for name in _VERSION}, titles=titles, pdfs=pdfs)


def _decision(document: Mapping[str, Any]) -> Decision:
    where = Where(**document["where"])
    return Decision(**{name: document[name] for name in _DECISION}, where=where)


@dataclass(frozen=True)
class _Reading:
    """What is read inside of a transaction or outside of one."""

    database: Database
    session: Session | None = None

    async def documents(self, query: Stored) -> list[Document]:
        """Read all versions without what they say, and the server's time with them."""
        found = await self.database["terms"].aggregate(
            [
                {"$match": query},
                {"$project": {"texts.text": 0}},
                {"$sort": {"document": ASCENDING, "number": ASCENDING}},
                {"$group": {"_id": "$document", "versions": {"$push": "$$ROOT"}}},
                {"$set": {"now": "$$NOW"}},
            ],
            session=self.session,
        )
        return [
            Document(tuple(map(_version, each["versions"])), each["now"]) async for each in found
        ]

    async def document(self, organization: str, document_id: str) -> Document | None:
        """Read one of them."""
        found = await self.documents({"organization": organization, "document": document_id})
        return found[0] if found else None

    async def texts(self, document_id: str, version: int) -> tuple[TermsText, ...]:
        """Read the version as a whole."""
        known = {"_id": f"{document_id}.{version}"}
        found = await self.database["terms"].find_one(known, session=self.session)
        return tuple(TermsText(**each) for each in found["texts"]) if found else ()

    async def decisions(self, query: Stored) -> list[Decision]:
        """Read decisions in the order of their numbers."""
        found = self.database["terms-decisions"].find(query, session=self.session)
        ordered = found.sort([("document", ASCENDING), ("number", ASCENDING)])
        return [_decision(each) async for each in ordered]

    async def standing(self, organization: str, document_id: str, sub: str) -> Standing | None:
        """Read a document, then what somebody decided about it."""
        document = await self.document(organization, document_id)
        if document is None:
            return None
        decided = await self.decisions({"document": document_id, "sub": sub})
        return Standing(document, tuple(decided))


@dataclass(frozen=True, kw_only=True)
class MongoTermsTransaction(_Reading):
    """The changes of one transaction."""

    transaction: Transaction
    epochs: Epochs

    async def epoch_of(self, sub: str) -> int:
        """Read it as of the transaction."""
        return await self.epochs.within(sub, self.transaction.session)

    async def decide(self, made: Decision) -> None:
        """Insert; of two at once one fails by the key that both have."""
        document = {**asdict(made), "_id": made.key, "where": made.where.model_dump()}
        await self.database["terms-decisions"].insert_one(document, session=self.session)

    async def count(self, organization: str) -> int:
        """Look through the index."""
        query = {"organization": organization}
        return len(await self.database["terms"].distinct("document", query, session=self.session))

    async def put_draft(self, draft: Version, texts: Sequence[TermsText]) -> None:
        """Replace the revision before it; one that is there at another makes the key collide."""
        kept = {name: getattr(draft, name) for name in _VERSION}
        await self.database["terms"].replace_one(
            {"_id": _key(draft), "revision": draft.revision - 1, **_UNPUBLISHED},
            {**kept, "texts": [each.model_dump(exclude_none=True) for each in texts]},
            upsert=True,
            session=self.session,
        )

    async def put_pdf(self, document_id: str, pdf: PdfFile) -> None:
        """Insert it; where it is there already, it is the same."""
        await self.database["terms-pdfs"].update_one(
            {"_id": f"{document_id}.{pdf.sha256}"},
            {"$setOnInsert": {"content": pdf.content}},
            upsert=True,
            session=self.session,
        )

    async def drop_pdfs(self, document_id: str, pdfs: Collection[str]) -> None:
        """Delete them by their keys."""
        keys = [f"{document_id}.{each}" for each in pdfs]
        await self.database["terms-pdfs"].delete_many({"_id": {"$in": keys}}, session=self.session)

    async def drop_draft(self, draft: Version) -> None:
        """Delete this very revision, and number the next one where the version before stands."""
        terms = self.database["terms"]
        known = {"_id": _key(draft), "revision": draft.revision, **_UNPUBLISHED}
        deleted = await terms.delete_one(known, session=self.session)
        if deleted.deleted_count != 1:
            raise ChangedMeanwhile
        before = replace(draft, number=draft.number - 1)
        risen = {"$set": {"revision": draft.revision + 1}}
        await terms.update_one({"_id": _key(before)}, risen, session=self.session)

    async def publish(self, draft: Version, effective_at: datetime | None) -> None:
        """Date it by the server's clock."""
        dated = {
            "revision": draft.revision,
            "published_at": "$$NOW",
            # Of both the later one; null is none.
            "effective_at": {"$max": ["$$NOW", effective_at]},
        }
        published = await self.database["terms"].update_one(
            {"_id": _key(draft), "revision": draft.revision - 1, **_UNPUBLISHED},
            [{"$set": dated}],
            session=self.session,
        )
        if published.modified_count != 1:
            raise ChangedMeanwhile

    async def emit(self, event: Event) -> None:
        """Write the event beside the change."""
        await self.transaction.emit(event)


@dataclass(frozen=True)
class MongoTermsStore:
    """One document per version with its texts, one per PDF, and one per decision."""

    database: Database
    transactions: Transactions
    epochs: Epochs

    async def install(self) -> None:
        """Create collections and indexes. Safe to run twice."""
        terms, decisions = self.database["terms"], self.database["terms-decisions"]
        await terms.create_index([("organization", ASCENDING), ("document", ASCENDING)])
        about = [("document", ASCENDING), ("at", ASCENDING), ("_id", ASCENDING)]
        await decisions.create_index([("sub", ASCENDING), ("document", ASCENDING)])
        await decisions.create_index(about)
        await self.transactions.install()

    async def in_transaction(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do the work. Of two that insert the same key one meets the other and begins anew."""

        async def attempt(transaction: Transaction) -> T:
            return await work(
                MongoTermsTransaction(
                    self.database,
                    transaction.session,
                    transaction=transaction,
                    epochs=self.epochs,
                )
            )

        return await self.transactions.run(attempt)

    async def documents(self, organization: str) -> list[Document]:
        """Read all versions without what they say."""
        return await _Reading(self.database).documents({"organization": organization})

    async def document(self, organization: str, document_id: str) -> Document | None:
        """Read one of them."""
        return await _Reading(self.database).document(organization, document_id)

    async def standing(self, organization: str, document_id: str, sub: str) -> Standing | None:
        """Read both, one after the other."""
        return await _Reading(self.database).standing(organization, document_id, sub)

    async def texts(self, document_id: str, version: int) -> tuple[TermsText, ...]:
        """Read the version as a whole."""
        return await _Reading(self.database).texts(document_id, version)

    async def pdf(self, document_id: str, sha256: str) -> PdfFile | None:
        """Look it up."""
        found = await self.database["terms-pdfs"].find_one({"_id": f"{document_id}.{sha256}"})
        return PdfFile(found["content"]) if found else None

    async def decisions_by(self, sub: str) -> list[Decision]:
        """Look through the index on subjects."""
        return await _Reading(self.database).decisions({"sub": sub})

    async def decisions_of(self, subs: Collection[str], document_id: str) -> list[Decision]:
        """Look them up together."""
        query: Stored = {"sub": {"$in": [*subs]}, "document": document_id}
        return await _Reading(self.database).decisions(query)

    async def decisions_about(
        self, document_id: str, *, after: str | None, limit: int
    ) -> list[Decision]:
        """Read a page in order of time."""
        decisions, query = self.database["terms-decisions"], {"document": document_id}
        page: Stored = dict(query)
        if after is not None:
            last = await decisions.find_one({"_id": after, **query}, {"at": 1})
            if last is None:
                raise UnknownCursor
            page["$or"] = [
                {"at": {"$gt": last["at"]}},
                {"at": last["at"], "_id": {"$gt": after}},
            ]
        found = decisions.find(page).sort([("at", ASCENDING), ("_id", ASCENDING)]).limit(limit)
        return [_decision(each) async for each in found]
