"""Security information: the caller's methods beside the password."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from pydantic import SecretStr

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.errors import MethodUnknown
from services.gateway.model import Caller
from services.gateway.records import record_of
from services.gateway.step_up import StepUps
from shared.contracts.app_passwords import (
    AppPassword,
    AppPasswordAccepted,
    CheckAppPassword,
    MakeAppPassword,
)
from shared.contracts.events import Cause
from shared.contracts.methods import (
    AuthenticatorSetup,
    BeginChallenge,
    ChooseDefault,
    EnrollAuthenticator,
    EnrollSent,
    MakeRecoveryCodes,
    Method,
    MethodList,
    ProveMethod,
    RecoveryCodes,
    RemoveMethod,
    RenameMethod,
    SentKind,
    SentSetup,
)
from shared.contracts.passkeys import EnrollPasskey, PasskeySetup
from shared.contracts.profile import GetPerson
from shared.contracts.questions import (
    QuestionAnswer,
    SecurityQuestionsSet,
    SetSecurityQuestions,
)
from shared.contracts.refusals import Refusal
from shared.contracts.resets import AskRegistered, RegisteredForReset
from shared.contracts.sessions import EndRestingOn

_PURPOSE: Literal["security-info"] = "security-info"


@dataclass(frozen=True)
class SecurityInfo:
    """List, add, prove, name, choose and remove methods.

    Whoever has a second factor has to have shown it, and whoever changes something has to have
    shown a moment ago who they are. Otherwise `step-up-required` is raised.
    """

    credentials: CredentialsClient
    profile: ProfileClient
    sessions: SessionsClient
    step_ups: StepUps

    async def methods(self, caller: Caller) -> tuple[Method, ...]:
        """Return the caller's methods, oldest first."""
        return (await self.listed(caller)).items

    async def listed(self, caller: Caller) -> MethodList:
        """Return the same, with the kinds that codes can be sent by here."""
        listed = await self.step_ups.listed(caller)
        self.step_ups.require_factor(caller, listed.items)
        return listed

    async def for_reset(
        self, caller: Caller, listed: MethodList | None = None
    ) -> RegisteredForReset | None:
        """Return whether the caller can reset a forgotten password, or what that still takes.

        Nobody is asked where their organization lets nobody, as their methods say where they were
        `listed` just now. Nothing is known of it while their record cannot be read.
        """
        if listed is not None and not listed.resets:
            return None
        try:
            record = await record_of(self.profile, caller.sub)
        except Refusal as refusal:
            if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            return None
        return await self.credentials.registered_for_reset(
            AskRegistered(sub=caller.sub, **record.model_dump())
        )

    async def standing_for_reset(self, caller: Caller) -> RegisteredForReset | None:
        """Return the same to who is shown no methods."""
        return await self.for_reset(caller, await self.step_ups.listed(caller))

    async def method(self, caller: Caller, method_id: str) -> Method:
        """Return one of the caller's methods, or raise."""
        found = [each for each in await self.methods(caller) if each.id == method_id]
        if not found:
            raise MethodUnknown
        return found[0]

    async def enroll_authenticator(
        self, caller: Caller, *, label: str, instead_of: str | None = None
    ) -> AuthenticatorSetup:
        """Begin to set up an authenticator app, in place of another one where that is said."""
        await self.step_ups.require_for_change(caller)
        person = await self.profile.get(GetPerson(sub=caller.sub))
        return await self.credentials.enroll_authenticator(
            EnrollAuthenticator(
                sub=caller.sub,
                label=label,
                issuer=person.home_organization.name,
                account=person.user_id,
                instead_of=instead_of,
            )
        )

    async def enroll_sent(
        self,
        caller: Caller,
        kind: SentKind,
        target: str,
        language: str,
        *,
        instead_of: str | None = None,
    ) -> SentSetup:
        """Begin to set up an address or a number, and send a code there."""
        await self.step_ups.require_for_change(caller)
        return await self.credentials.enroll_sent(
            EnrollSent(
                sub=caller.sub,
                kind=kind,
                target=SecretStr(target),
                language=language,
                instead_of=instead_of,
            )
        )

    async def send_again(self, caller: Caller, method_id: str, language: str) -> None:
        """Send another code to an address or a number that waits to be proved."""
        await self.step_ups.require_for_change(caller)
        await self.credentials.send_again(
            BeginChallenge(sub=caller.sub, id=method_id, binding=method_id, language=language)
        )

    async def enroll_passkey(
        self, caller: Caller, *, label: str, instead_of: str | None = None
    ) -> PasskeySetup:
        """Begin to set up a passkey, in place of another one where that is said."""
        await self.step_ups.require_for_change(caller)
        person = await self.profile.get(GetPerson(sub=caller.sub))
        return await self.credentials.enroll_passkey(
            EnrollPasskey(
                sub=caller.sub,
                label=label,
                issuer=person.home_organization.name,
                account=person.user_id,
                instead_of=instead_of,
            )
        )

    async def prove(self, caller: Caller, method_id: str, answer: SecretStr) -> Method:
        """Take a method into use. The caller's session rests on it from now on."""
        await self.step_ups.require_for_change(caller)
        proved = await self.credentials.prove(
            ProveMethod(
                sub=caller.sub,
                id=method_id,
                answer=answer,
                binding=method_id,
                address=caller.where.address,
                sid=caller.session.sid,
            )
        )
        if proved.method.is_factor:
            await self.step_ups.proved(caller, proved.method.id, proved.amr, _PURPOSE)
        await self._end_resting_on(caller, proved.gone, "method-replaced", kept=True)
        return proved.method

    async def make_recovery_codes(self, caller: Caller) -> RecoveryCodes:
        """Make new recovery codes; the older ones stop working."""
        await self.step_ups.require_for_change(caller)
        made = await self.credentials.make_recovery_codes(
            MakeRecoveryCodes(sub=caller.sub, sid=caller.session.sid)
        )
        await self._end_resting_on(caller, made.gone, "method-replaced", kept=True)
        return made

    async def make_app_password(self, caller: Caller, label: str) -> AppPassword:
        """Make a password for one program. It ends with what the caller's session ends with."""
        await self.step_ups.require_for_change(caller)
        return await self.credentials.make_app_password(
            MakeAppPassword(sub=caller.sub, label=label, epoch=caller.session.epoch)
        )

    async def set_questions(
        self, caller: Caller, answers: Sequence[QuestionAnswer]
    ) -> SecurityQuestionsSet:
        """Register security questions, in place of those there are."""
        await self.step_ups.require_for_change(caller)
        return await self.credentials.set_security_questions(
            SetSecurityQuestions(sub=caller.sub, answers=tuple(answers))
        )

    async def check_app_password(self, asked: CheckAppPassword) -> AppPasswordAccepted:
        """Tell another server whose app password it was given. It opens nothing here."""
        return await self.credentials.check_app_password(asked)

    async def rename(self, caller: Caller, method_id: str, label: str) -> Method:
        """Call a method something else."""
        await self.step_ups.require_for_change(caller)
        return await self.credentials.rename(
            RenameMethod(sub=caller.sub, id=method_id, label=label)
        )

    async def choose_default(self, caller: Caller, method_id: str) -> None:
        """Be asked for a method first from now on."""
        await self.step_ups.require_for_change(caller)
        await self.credentials.choose_default(ChooseDefault(sub=caller.sub, id=method_id))

    async def remove(self, caller: Caller, method_id: str) -> str | None:
        """Remove a method; return the default from now on.

        When this returns, nothing that rests on it is accepted, the caller's session included.
        """
        await self.step_ups.require_for_change(caller)
        removed = await self.credentials.remove(RemoveMethod(sub=caller.sub, id=method_id))
        await self._end_resting_on(caller, removed.gone, "method-removed")
        return removed.default

    async def _end_resting_on(
        self, caller: Caller, gone: tuple[str, ...], cause: Cause, *, kept: bool = False
    ) -> None:
        # The event does the same; who is told of the change need not wait for that.
        sid = caller.session.sid if kept else None
        for factor in gone:
            await self.sessions.end_resting_on(
                EndRestingOn(sub=caller.sub, factor=factor, cause=cause, kept=sid)
            )
