"""Stepping up: what changes how one signs in asks again who one is (NIST SP 800-63B-4, 2.1.3)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import SecretStr

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.errors import StepUpRequired
from services.gateway.model import Caller
from shared.clock import Clock
from shared.contracts.credentials import ConfirmPassword
from shared.contracts.methods import (
    AnswerChallenge,
    BeginChallenge,
    ChallengeBegun,
    ListMethods,
    Method,
    MethodList,
)
from shared.contracts.refusals import InvalidRequest
from shared.contracts.sessions import Purpose, Session, StepUp

Needs = Literal["reauthentication", "mfa"]
RecentMinutes = 10
LeavingMinutes = 5
_WITH_FACTOR = 2
_SAID_OF_METHODS = {"id", "kind", "label", "hint"}


@dataclass(frozen=True)
class StepUps:
    """Show again who one is, and refuse what that was not done for."""

    credentials: CredentialsClient
    sessions: SessionsClient
    clock: Clock

    async def methods(self, caller: Caller) -> tuple[Method, ...]:
        """Return what the caller can show who they are with, beside the password."""
        return (await self.listed(caller)).items

    async def listed(self, caller: Caller) -> MethodList:
        """Return the same, with the kinds that codes can be sent by here."""
        return await self.credentials.methods(ListMethods(sub=caller.sub))

    async def by_password(
        self,
        caller: Caller,
        password: SecretStr,
        purpose: Purpose,
        organization: str | None = None,
    ) -> Session:
        """Show again that one knows one's password, which is not enough to administer."""
        if purpose == "administration":
            raise _needs_factor(_usable(await self.methods(caller)))
        await self.credentials.confirm(
            ConfirmPassword(sub=caller.sub, password=password, address=caller.where.address)
        )
        return await self.sessions.step_up(
            StepUp(
                sub=caller.sub,
                sid=caller.session.sid,
                purpose=purpose,
                amr="pwd",
                aal=1,
                organization=organization,
            )
        )

    async def begin(self, caller: Caller, method_id: str, language: str) -> ChallengeBegun:
        """Send a code for a method, or return what its passkey has to sign."""
        return await self.credentials.begin(
            BeginChallenge(
                sub=caller.sub, id=method_id, binding=_binding(caller), language=language
            )
        )

    async def by_method(
        self,
        caller: Caller,
        method_id: str,
        answer: SecretStr,
        purpose: Purpose,
        organization: str | None = None,
    ) -> Session:
        """Answer with a second factor; the session rests on it from now on."""
        answered = await self.credentials.answer(
            AnswerChallenge(
                sub=caller.sub,
                epoch=caller.session.epoch,
                id=method_id,
                answer=answer,
                binding=_binding(caller),
                address=caller.where.address,
                # Who is signed in is not locked out by somebody who tries elsewhere.
                familiar=True,
            )
        )
        return await self.proved(caller, answered.factor, answered.amr, purpose, organization)

    async def proved(
        self,
        caller: Caller,
        factor: str,
        amr: str,
        purpose: Purpose,
        organization: str | None = None,
    ) -> Session:
        """Take note that the caller has just shown a second factor."""
        return await self.sessions.step_up(
            StepUp(
                sub=caller.sub,
                sid=caller.session.sid,
                purpose=purpose,
                amr=amr,
                aal=_WITH_FACTOR,
                factor=factor,
                organization=organization,
            )
        )

    async def usable(self, caller: Caller) -> tuple[Method, ...]:
        """Return those of them that are for signing in and that policy allows."""
        return _usable(await self.methods(caller))

    def require_factor(self, caller: Caller, methods: tuple[Method, ...]) -> None:
        """Raise `step-up-required` unless the session rests on a second factor, if there is any.

        It says with which methods that can be made up for.
        """
        usable = _usable(methods)
        has_factor = any(each.is_factor for each in usable)
        if has_factor and caller.session.aal < _WITH_FACTOR:
            raise _needs_factor(usable)

    async def require_for_change(self, caller: Caller) -> None:
        """Raise `step-up-required` unless the caller may change how they sign in, and where.

        Who has a second factor has to have used it, and have shown a moment ago who they are.
        """
        self.require_factor(caller, await self.methods(caller))
        self.require_recent(caller, "security-info")

    async def require_recent_factor(self, caller: Caller, purpose: Purpose) -> None:
        """Raise `step-up-required` unless the caller showed a second factor a moment ago.

        That is at the sign-in, or for this very purpose. Who has no factor registers one first.
        """
        if caller.session.aal < _WITH_FACTOR or not self._was_shown(caller, purpose):
            raise _needs_factor(_usable(await self.methods(caller)))

    def require_recent(self, caller: Caller, purpose: Purpose) -> None:
        """Raise `step-up-required` unless the caller showed who they are a moment ago.

        The sign-in counts as well as what was done for this very purpose.
        """
        if not self._was_shown(caller, purpose):
            raise StepUpRequired(needs="reauthentication")

    async def require_for_leaving(self, caller: Caller, organization: str) -> None:
        """Raise unless the caller has just shown who they are to this very organization.

        The sign-in does not count, since it was to nobody but their own. Who has a second factor
        has to have used it.
        """
        session = caller.session
        self.require_factor(caller, await self.methods(caller))
        is_for_it = session.auth_purpose == "organization"
        if not (
            is_for_it
            and session.auth_organization == organization
            and self._is_recent(session.auth_time, minutes=LeavingMinutes)
        ):
            raise StepUpRequired(needs="reauthentication", organization=organization)

    async def require_instead_of_password(self, caller: Caller) -> None:
        """Raise unless the caller used a second factor and showed who they are a moment ago.

        Whoever has no factor is asked for the old password.
        """
        if caller.session.aal < _WITH_FACTOR:
            self.require_factor(caller, await self.methods(caller))
            reason = "missing"
            errors = [{"field": "old_password", "reason": reason, "message": reason}]
            raise InvalidRequest(errors=errors)
        self.require_recent(caller, "password")

    def _was_shown(self, caller: Caller, purpose: Purpose) -> bool:
        session = caller.session
        shown_for_it = session.auth_time if session.auth_purpose == purpose else None
        return any(map(self._is_recent, (session.created_at, shown_for_it)))

    def _is_recent(self, at: datetime | None, *, minutes: int = RecentMinutes) -> bool:
        return at is not None and self.clock.now() - at < timedelta(minutes=minutes)


def _usable(methods: tuple[Method, ...]) -> tuple[Method, ...]:
    return tuple(each for each in methods if each.allowed and "mfa" in each.use)


def _needs_factor(usable: tuple[Method, ...]) -> StepUpRequired:
    """Return the refusal that says with which methods it can be made up for."""
    known = [each.model_dump(include=_SAID_OF_METHODS) for each in usable]
    return StepUpRequired(needs="mfa", methods=known)


def _binding(caller: Caller) -> str:
    return f"session {caller.session.sid}"
