"""Somebody whose device is trusted, in front of the gateway."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.model import ActionRequired, Caller, Challenged, SignedIn
from shared.contracts.credentials import Verified, VerifyPassword
from shared.contracts.methods import AuthenticatorSetup
from shared.contracts.sessions import RecognisedDevice, RecogniseDevice
from tests.contract.http.gateway import OLD, WHERE, Gateway, key
from tests.contract.http.test_policy import BOTH
from tests.contract.http.test_security_info import Kim

DAY = 24 * 3600
Meanwhile = Callable[[], Awaitable[object]]


async def nothing() -> None:
    """Let nothing happen."""


async def allow(gateway: Gateway, days: int = 30) -> None:
    """Let devices be trusted for so many days."""
    admin = await gateway.admin()
    await gateway.policies.put_methods(
        admin, allowed=BOTH, second_factor="if-registered", trust_days=days
    )


@dataclass
class Trusting:
    """Kim, whose phone was shown on a device that is trusted since."""

    kim: Kim
    setup: AuthenticatorSetup
    device_key: str

    @property
    def gateway(self) -> Gateway:
        return self.kim.gateway

    async def is_asked(self, password: str = OLD) -> bool:
        """Sign in on the device, and tell whether that takes the phone."""
        outcome = await self.gateway.begin("kim", password, self.device_key)
        assert isinstance(outcome, SignedIn | Challenged)
        return isinstance(outcome, Challenged)

    async def caller(self) -> Caller:
        """Return Kim in a session that rests on the phone, on another device."""
        return await self.kim.signed_in(self.setup)

    async def meanwhile(
        self, password: str = OLD, *, recognised: Meanwhile = nothing, verified: Meanwhile = nothing
    ) -> SignedIn | Challenged | ActionRequired:
        """Sign in on the device while something else happens after one of the steps."""
        sign_in = self.gateway.sign_in
        slow = replace(
            sign_in,
            sessions=SlowSessions(sign_in.sessions.peer, recognised),
            credentials=SlowCredentials(sign_in.credentials.peer, verified),
        )
        self.gateway.sign_in = slow
        try:
            return await self.gateway.begin("kim", password, self.device_key)
        finally:
            self.gateway.sign_in = sign_in


@dataclass(frozen=True)
class SlowSessions(SessionsClient):
    """Something happens after a device was recognised."""

    then: Meanwhile

    async def recognise(self, asked: RecogniseDevice) -> RecognisedDevice:
        device = await super().recognise(asked)
        await self.then()
        return device


@dataclass(frozen=True)
class SlowCredentials(CredentialsClient):
    """Something happens after a password was verified."""

    then: Meanwhile

    async def verify(self, asked: VerifyPassword) -> Verified:
        verified = await super().verify(asked)
        await self.then()
        return verified


async def trusting(kim: Kim, setup: AuthenticatorSetup, device_key: str | None = None) -> Trusting:
    """Sign in with the phone, and have the device trusted."""
    waiting = await kim.challenged(device_key=device_key)
    signed_in = await kim.gateway.sign_in.answer(
        key(waiting), kim.code(setup), WHERE, trust_device=True
    )
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.session.aal, signed_in.session.factor) == (2, setup.id)
    kim.pass_time(60)
    return Trusting(kim, setup, signed_in.device.key or device_key or "")
