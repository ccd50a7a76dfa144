"""MongoDB as every service uses it: one client, majority writes, transactions that retry."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pymongo
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConnectionFailure, PyMongoError, WTimeoutError
from pymongo.read_concern import ReadConcern

Document = dict[str, Any]
Database = AsyncDatabase[Document]
Client = AsyncMongoClient[Document]
Session = AsyncClientSession
T = TypeVar("T")

OperationSeconds = 4.0
"""How long one operation or one whole transaction may take before it counts as an outage."""

_TRANSIENT = ("TransientTransactionError", "UnknownTransactionCommitResult", "RetryableWriteError")


def connect(url: str) -> Client:
    """Return a client whose acknowledged writes survive the loss of any one member."""
    return AsyncMongoClient(
        url,
        tz_aware=True,
        w="majority",
        journal=True,
        timeoutMS=int(OperationSeconds * 1000),
        serverSelectionTimeoutMS=2000,
        connectTimeoutMS=2000,
    )


def is_outage(error: BaseException) -> bool:
    """Tell a store that does not answer from a mistake of ours."""
    if not isinstance(error, PyMongoError):
        return False
    if error.timeout or isinstance(error, ConnectionFailure | WTimeoutError):
        return True
    return any(error.has_error_label(label) for label in _TRANSIENT)


def linearizable(collection: AsyncCollection[Document]) -> AsyncCollection[Document]:
    """Return a collection to read from as it is at a member that has shown to be the primary.

    One that was it a moment ago cannot answer, and what is read is kept by a majority.
    """
    return collection.with_options(read_concern=ReadConcern("linearizable"))


def present(document: Document | None) -> Document:
    """Return a document that must be there; that it is not is a mistake of ours."""
    if document is None:
        raise LookupError("A document that must exist does not.")
    return document


async def transact(client: Client, work: Callable[[Session], Awaitable[T]]) -> T:
    """Run `work` in one transaction and return what it returned.

    The driver runs it again when two transactions meet, so `work` must change nothing
    but the store. A commit whose outcome is unknown is retried until it is known or
    the time is up.
    """
    with pymongo.timeout(OperationSeconds):
        async with client.start_session() as session:
            return await session.with_transaction(work)
