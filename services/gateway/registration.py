"""Registering a second factor in the middle of the sign-in that takes one."""

from dataclasses import dataclass

from pydantic import SecretStr

from services.gateway.errors import FlowEnded
from services.gateway.model import FlowKey
from services.gateway.sign_in import Outcome, SignIn
from shared.contracts.methods import AuthenticatorSetup, EnrollAuthenticator, ProveMethod
from shared.contracts.sessions import Where


@dataclass(frozen=True)
class Registration:
    """Set a first factor up, which the sign-in then rests on.

    Who is here has shown a password and no more, so the credentials service refuses it, as of the
    moment of the change, to whoever has a factor that may be used.
    """

    sign_in: SignIn

    async def check(self, key: FlowKey) -> None:
        """Raise `FlowEnded` unless the sign-in waits for this."""
        await self.sign_in.flow(key, "register-security-info")

    async def begin(self, key: FlowKey, label: str) -> AuthenticatorSetup:
        """Begin to set up an authenticator app."""
        flow = await self.sign_in.flow(key, "register-security-info")
        person = await self.sign_in.person(flow)
        return await self.sign_in.credentials.enroll_authenticator(
            EnrollAuthenticator(
                sub=flow.sub,
                label=label,
                issuer=person.home_organization.name,
                account=person.user_id,
                signing_in_under=flow.epoch,
            )
        )

    async def prove(self, key: FlowKey, method_id: str, code: SecretStr, where: Where) -> Outcome:
        """Take it into use, and go on with the sign-in, once."""
        flow = await self.sign_in.flow(key, "register-security-info")
        proved = await self.sign_in.credentials.prove(
            ProveMethod(
                sub=flow.sub,
                id=method_id,
                answer=code,
                address=where.address,
                signing_in_under=flow.epoch,
            )
        )
        if await self.sign_in.flows.take(key) is None:
            raise FlowEnded
        return await self.sign_in.go_on(
            flow.answered(proved.method.id, proved.amr), key.client, where
        )
