"""Every session store there is."""

import pytest

from services.sessions.store import SessionStore
from tests.contract.stores.sessions.cases import Case, in_memory, in_mongodb


@pytest.fixture(params=["memory", "mongodb"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "memory":
        return in_memory()
    return in_mongodb(request.getfixturevalue("sessions"))


@pytest.fixture
def store(case: Case) -> SessionStore:
    return case.store
