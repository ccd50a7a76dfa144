"""Telling an outage of the store from a mistake of ours."""

import pytest
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WTimeoutError,
)

from shared.mongo import is_outage, present


def labelled(label: str) -> PyMongoError:
    error = OperationFailure("aborted", 251)
    error._add_error_label(label)
    return error


@pytest.mark.parametrize(
    "error",
    [
        ServerSelectionTimeoutError("no primary"),
        NetworkTimeout("timed out"),
        AutoReconnect("connection closed"),
        ConnectionFailure("connection closed"),
        NotPrimaryError("not primary"),
        WTimeoutError("waiting for replication timed out", 64),
        ExecutionTimeout("operation exceeded time limit", 50),
        WaitQueueTimeoutError("no connection"),
        labelled("TransientTransactionError"),
        labelled("UnknownTransactionCommitResult"),
        labelled("RetryableWriteError"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_store_that_does_not_answer_is_an_outage(error: PyMongoError) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        DuplicateKeyError("E11000", 11000),
        OperationFailure("unknown operator: $ste", 2),
        WriteConcernError("unknown write concern", 79),
        ConfigurationError("unknown option"),
        InvalidOperation("cursor is dead"),
        ValueError("not of the driver"),
        TimeoutError(),
        ConnectionError(),
        KeyError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_mistake_of_ours_is_none(error: BaseException) -> None:
    assert not is_outage(error)


def test_what_must_be_there_is_there_or_it_is_a_mistake() -> None:
    assert present({"_id": 1}) == {"_id": 1}
    with pytest.raises(LookupError):
        present(None)
