"""Attempts to sign in that were refused: each is noted for its user before the refusal goes out."""

import asyncio
from dataclasses import dataclass

from prometheus_client import Counter

from services.gateway.clients.sessions import SessionsClient
from services.gateway.model import Flow
from services.gateway.shown_devices import ShownDevices
from shared.contracts.activity import Attempted, AttemptOutcome, NoteAttempt
from shared.contracts.refusals import Refusal
from shared.contracts.sessions import Where
from shared.telemetry import log

LongestNoteSeconds = 1.5
"""A refusal waits no longer for the sessions service."""
_OF_FACTORS: dict[str, AttemptOutcome] = {
    "code-refused": "second-factor-failed",
    "code-used": "second-factor-failed",
    "passkey-refused": "second-factor-failed",
    "passkey-cloned": "second-factor-failed",
    "sign-in-throttled": "second-factor-throttled",
}
_NOT_NOTED = Counter(
    "sign_in_attempts_not_noted_total", "Refused attempts to sign in that are in no one's activity"
)


@dataclass(frozen=True)
class Attempts:
    """Note whose attempt was refused. What the client is told does not depend on it."""

    sessions: SessionsClient

    async def refused(self, refusal: Refusal, where: Where, shown: ShownDevices) -> None:
        """Note that a user ID and a password were refused, as the credentials service tells.

        Where nobody has the user ID, the same is done in the same time.
        """
        if not refusal.private:
            # It was not looked at, or not to the end, such as amid an outage.
            return
        attempted = Attempted.model_validate(refusal.private, extra="ignore")
        device = shown.of_sub(attempted.sub).recognised
        familiar = device.sub == attempted.sub
        await self._note(
            NoteAttempt(
                **attempted.model_dump(),
                where=where,
                device_id=device.device_id if familiar else None,
                familiar=familiar,
            )
        )

    async def factor_refused(self, refusal: Refusal, flow: Flow, where: Where) -> None:
        """Note that the password was right and the second factor was refused."""
        outcome = _OF_FACTORS.get(refusal.type)
        if outcome is None:
            return
        await self._note(
            NoteAttempt(
                sub=flow.sub,
                outcome=outcome,
                where=where,
                device_id=flow.device_id,
                familiar=flow.is_familiar,
                organization=flow.organization,
            )
        )

    async def device_refused(self, flow: Flow, where: Where) -> None:
        """Note that all that was asked for so far was right on a device that is disabled."""
        await self._note(
            NoteAttempt(
                sub=flow.sub,
                outcome="device-disabled",
                where=where,
                familiar=True,
                organization=flow.organization,
            )
        )

    async def _note(self, attempt: NoteAttempt) -> None:
        try:
            async with asyncio.timeout(LongestNoteSeconds):
                await self.sessions.note_attempt(attempt)
        except (Refusal, TimeoutError) as error:
            _NOT_NOTED.inc()
            log.warning("attempt-not-noted", outcome=attempt.outcome, error=str(error))
