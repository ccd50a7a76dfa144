"""Sign-in activity: the caller's attempts, and saying whose each was."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.model import Caller
from services.gateway.searching import searched
from services.gateway.step_up import StepUps
from shared.contracts.accounts import RequirePasswordChange
from shared.contracts.activity import (
    Attempt,
    AttemptCounts,
    AttemptList,
    CountAttempts,
    ListAttempts,
    LongestSearch,
    ReadAttempt,
    ReportMine,
    ReportNotMine,
)
from shared.contracts.policy import ReadPolicy
from shared.contracts.sessions import Revoked

_PAGE = 200


@dataclass(frozen=True)
class Activity:
    """Read and export one's own sign-in activity, and report what is in it."""

    credentials: CredentialsClient
    sessions: SessionsClient
    step_ups: StepUps

    async def page(
        self,
        caller: Caller,
        *,
        search: str | None = None,
        outcome: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> AttemptList:
        """Return a page of the caller's attempts, newest first: those that were asked for."""
        said = searched(search or "", LongestSearch)
        asked = {"search": said, "outcome": outcome or None, "limit": limit, "after": after}
        return await self.sessions.attempts(
            ListAttempts.model_validate({"sub": caller.sub, **asked})
        )

    async def pages(self, caller: Caller) -> AsyncIterator[AttemptList]:
        """Return everything page by page, newest first."""
        after = None
        while True:
            page = await self.page(caller, limit=_PAGE, after=after)
            yield page
            after = page.next
            if after is None:
                return

    async def attempt(self, caller: Caller, id: str) -> Attempt:
        """Return one of the caller's attempts, or raise."""
        return await self.sessions.attempt(ReadAttempt(sub=caller.sub, id=id))

    async def counts(self, caller: Caller) -> AttemptCounts:
        """Return how many attempts each of the last days had."""
        return await self.sessions.attempt_counts(CountAttempts(sub=caller.sub))

    async def kept_days(self, caller: Caller) -> int:
        """Return for how many days the caller's attempts are kept."""
        organization = caller.session.organization or ""
        return (await self.sessions.policy(ReadPolicy(organization=organization))).activity_days

    async def mine(self, caller: Caller, id: str) -> Attempt:
        """Note that it was the caller, and return it."""
        return await self.sessions.attempt_was_mine(ReportMine(sub=caller.sub, id=id))

    async def require_recent(self, caller: Caller) -> None:
        """Raise `step-up-required` unless the caller showed who they are a moment ago."""
        await self.step_ups.require_for_change(caller)

    async def not_mine(self, caller: Caller, id: str) -> Revoked:
        """Secure the account against whoever it was: nothing issued to the caller holds any more.

        The password is to be changed first. Whatever dies after that leaves the caller signed in,
        so that they can ask again, and an account that nobody enters with the old password alone.
        """
        await self.require_recent(caller)
        await self.attempt(caller, id)
        await self.credentials.require_password_change(RequirePasswordChange(sub=caller.sub))
        return await self.sessions.attempt_was_not_mine(ReportNotMine(sub=caller.sub, id=id))
