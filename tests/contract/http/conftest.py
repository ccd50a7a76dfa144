"""What the tests of the HTTP contract share."""

from collections.abc import AsyncIterator

import pytest

from shared.contracts.profile import PutOrganization
from tests.contract.http.gateway import Gateway
from tests.contract.http.services import Services, running


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    """Run the three services on memory."""
    async with running() as started:
        yield started


@pytest.fixture
async def gateway(services: Services) -> Gateway:
    """Return the gateway's capabilities and two organizations."""
    for name in ("halden", "elsewhere"):
        await services.profile.put_organization(PutOrganization(id=name, name=name.title()))
    return Gateway(services)
