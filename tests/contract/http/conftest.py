"""What the tests of the HTTP contract share."""

from collections.abc import AsyncIterator

import pytest

from services.gateway.clients import peer
from shared.contracts.methods import AuthenticatorSetup
from shared.contracts.profile import PutOrganization
from tests.contract.http.gateway import Gateway
from tests.contract.http.services import Services, running
from tests.contract.http.test_security_info import Kim

_PATIENCE_SECONDS = 60.0


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for services that have no processor to themselves: none of these is really away."""
    for name in ("_CONNECT_SECONDS", "ReadSeconds", "CallSeconds"):
        monkeypatch.setattr(peer, name, _PATIENCE_SECONDS)


@pytest.fixture
async def services(patient: None) -> AsyncIterator[Services]:
    """Run the three services on memory."""
    async with running() as started:
        yield started


@pytest.fixture
async def gateway(services: Services) -> Gateway:
    """Return the gateway's capabilities and two organizations."""
    for name in ("halden", "elsewhere"):
        await services.profile.put_organization(PutOrganization(id=name, name=name.title()))
    return Gateway(services)


@pytest.fixture
async def kim(gateway: Gateway) -> Kim:
    """Return somebody with an account."""
    return await Kim.added(gateway)


@pytest.fixture
async def phone(kim: Kim) -> AuthenticatorSetup:
    """Return their authenticator, whose code of now was not used yet."""
    return await kim.authenticator(await kim.gateway.caller("kim"))
