"""What the tests of the HTTP contract share."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.http.services import Services, running


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    """Run the three services on memory."""
    async with running() as started:
        yield started
