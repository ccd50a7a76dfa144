"""What a sign-in asks of its user: to register something, or to confirm what there is."""

from dataclasses import dataclass

from pydantic import SecretStr

from services.gateway.errors import FlowEnded, FlowOutOfOrder
from services.gateway.model import Action, Flow, FlowKey
from services.gateway.sign_in import Outcome, SignIn
from shared.contracts.methods import (
    AuthenticatorSetup,
    ConfirmSecurityInfo,
    EnrollAuthenticator,
    ProveMethod,
    PutOffSecurityInfo,
)
from shared.contracts.sessions import Where

_CAN_BE_PUT_OFF = {"register-security-info", "confirm-security-info", "register-for-reset"}


@dataclass(frozen=True)
class Registration:
    """Set a first factor up, which the sign-in then rests on.

    Who is here has shown a password and no more, so the credentials service refuses it, as of the
    moment of the change, to whoever has a factor that may be used. Methods are confirmed by who has
    shown all they have to, and what is for resets is registered by them, in the session that
    begins. Each can be put off as long as that service lets it be.
    """

    sign_in: SignIn

    async def to_register(self, key: FlowKey) -> Flow:
        """Return a flow whose user is to register a factor, or raise as `SignIn.flow` does."""
        return await self.sign_in.flow(key, "register-security-info")

    async def begin(self, key: FlowKey, label: str) -> AuthenticatorSetup:
        """Begin to set up an authenticator app."""
        flow = await self.to_register(key)
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
        flow = await self.to_register(key)
        proved = await self.sign_in.credentials.prove(
            ProveMethod(
                sub=flow.sub,
                id=method_id,
                answer=code,
                address=where.address,
                signing_in_under=flow.epoch,
            )
        )
        return await self._go_on(key, flow.resting_on(proved.method.id, proved.amr), where)

    async def waiting(self, key: FlowKey, action: Action) -> Flow:
        """Return a flow whose user is to do this, or raise as `SignIn.flow` does."""
        return await self.sign_in.flow(key, action)

    async def confirm(self, key: FlowKey, where: Where) -> Outcome:
        """Take the user's word that they are right, and go on with the sign-in, once."""
        flow = await self.waiting(key, "confirm-security-info")
        await self.sign_in.credentials.confirm_methods(
            ConfirmSecurityInfo(sub=flow.sub, signing_in_under=flow.epoch, factor=flow.factor)
        )
        return await self._go_on(key, flow.asked_no_more(), where)

    async def put_off(self, key: FlowKey, where: Where) -> Outcome:
        """Go on without what the sign-in waits for, where policy lets that wait, once."""
        action = await self.sign_in.action(key)
        if action not in _CAN_BE_PUT_OFF:
            raise FlowOutOfOrder
        return await self._go_on_without(key, action, where)

    async def register_for_reset(self, key: FlowKey, where: Where) -> Outcome:
        """Go on to a session, in which its user registers for resets, once.

        Nobody is kept out until they have: the next sign-in asks for it again.
        """
        return await self._go_on_without(key, "register-for-reset", where, registers=True)

    async def _go_on_without(
        self, key: FlowKey, action: Action, where: Where, *, registers: bool = False
    ) -> Outcome:
        flow = await self.waiting(key, action)
        await self.sign_in.credentials.put_off(
            PutOffSecurityInfo(
                sub=flow.sub,
                signing_in_under=flow.epoch,
                factor=flow.factor,
                record=flow.record,
                registers=registers,
            )
        )
        return await self._go_on(key, flow.asked_no_more(), where)

    async def _go_on(self, key: FlowKey, flow: Flow, where: Where) -> Outcome:
        if await self.sign_in.flows.take(key) is None:
            raise FlowEnded
        return await self.sign_in.go_on(flow, key.client, where)
