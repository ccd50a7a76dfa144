"""What the tests of the credentials service share."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.credentials.system import System


@pytest.fixture
async def system() -> AsyncIterator[System]:
    """Give a system, and let its threads end."""
    built = System.built()
    yield built
    built.hasher.close()
