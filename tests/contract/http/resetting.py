"""Somebody who has forgotten their password, in front of the gateway."""

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from pyotp import TOTP

from services.credentials.totp import StepSeconds
from services.gateway.model import Caller, FlowKey
from shared.contracts.events import CredentialChange
from shared.contracts.methods import Method, SentKind
from shared.contracts.policy import ResetPolicy
from shared.contracts.profile import Person
from shared.contracts.resets import ResetState
from shared.contracts.sessions import Revoked
from tests.contract.http.gateway import CLIENT, NEW, WHERE, Gateway, refused

MAIL, NUMBER = "kim@mail.example", "+494215550147"
ENABLED = ResetPolicy(enabled_for="everyone", methods=("authenticator", "email", "sms", "voice"))
WRONG = "00000000"


@dataclass
class Kim:
    """Kim, whose methods and organization's policy are as each test says."""

    gateway: Gateway
    person: Person
    user_id: str = "kim@halden.example"
    seed: str = ""
    token: str = ""

    @property
    def memory(self) -> Any:
        return self.gateway.services.memory

    async def policy(self, **changed: Any) -> ResetPolicy:
        """Replace the policy for resets."""
        policy = ENABLED.model_copy(update=changed)
        return await self.gateway.policies.put_resets(await self.gateway.admin(), policy)

    async def caller(self) -> Caller:
        """Return Kim's session, which was begun with the password before there was any method."""
        if not self.token:
            self.token = (await self.gateway.caller("kim")).token
        return await self.gateway.acceptance.accept(self.token, WHERE)

    async def adds(self, to: str = MAIL, kind: SentKind = "email") -> Method:
        """Add an address or a number and prove it."""
        caller = await self.caller()
        setup = await self.gateway.security_info.enroll_sent(caller, kind, to, "en")
        return await self.gateway.security_info.prove(caller, setup.id, self.code(to))

    async def adds_authenticator(self) -> Method:
        """Add an authenticator app and prove it."""
        caller = await self.caller()
        setup = await self.gateway.security_info.enroll_authenticator(caller, label="Phone")
        self.seed = setup.secret.get_secret_value()
        return await self.gateway.security_info.prove(caller, setup.id, self.shown())

    def shown(self) -> SecretStr:
        """Return a code that the app has not shown before."""
        self.memory.clock.advance(StepSeconds)
        return SecretStr(TOTP(self.seed).at(int(self.memory.clock.now().timestamp())))

    def code(self, to: str = MAIL) -> SecretStr:
        """Return the code that was sent last."""
        return SecretStr(self.memory.carrier.code(to))

    async def begins(self, user_id: str | None = None, client: str = CLIENT) -> FlowKey:
        """Say that the password is forgotten."""
        return await self.gateway.password_reset.begin(
            user_id or self.user_id, client, WHERE.address
        )

    async def state(self, key: FlowKey) -> ResetState:
        return await self.gateway.password_reset.state(key)

    async def choose(self, key: FlowKey, method: Method | str) -> ResetState:
        method_id = method if isinstance(method, str) else method.id
        return await self.gateway.password_reset.choose(key, method_id, "en")

    async def answer(self, key: FlowKey, code: SecretStr | str) -> ResetState:
        shown = SecretStr(code) if isinstance(code, str) else code
        return await self.gateway.password_reset.answer(key, shown, WHERE.address)

    async def proves(self, key: FlowKey, method: Method, to: str = MAIL) -> ResetState:
        """Choose an address or a number and show the code that is sent there."""
        await self.choose(key, method)
        return await self.answer(key, self.code(to))

    async def finish(self, key: FlowKey, password: str = NEW) -> Revoked:
        return await self.gateway.password_reset.finish(key, SecretStr(password))

    async def fails(self, key: FlowKey, times: int) -> None:
        """Show wrong codes."""
        for _ in range(times):
            assert (await refused(self.answer(key, WRONG))).type == "code-refused"

    @property
    def resets_told(self) -> list[CredentialChange]:
        events = self.memory.epochs.outbox.values()
        return [
            each
            for each in events
            if isinstance(each, CredentialChange) and each.payload.cause == "password-reset"
        ]
