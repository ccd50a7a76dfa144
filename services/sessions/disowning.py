"""Attempts that were not their user's own: the account is secured against whoever it was."""

from dataclasses import dataclass

from services.sessions.disabling import Disabling
from services.sessions.errors import NoSuchAttempt
from services.sessions.revocation import Revocations
from services.sessions.store import SessionTransaction
from shared.contracts.activity import ReportNotMine
from shared.contracts.epochs import Raised
from shared.contracts.sessions import Revoked


@dataclass(frozen=True)
class Disowning:
    """End everything in one transaction, with the device that it was."""

    revocations: Revocations
    disabling: Disabling

    async def disown(self, asked: ReportNotMine) -> Revoked:
        """Note whose an attempt was not, and refuse everything issued to its subject so far.

        The device of the attempt is refused from now on too, where it is known as the subject's.
        """

        async def disowned(tx: SessionTransaction, raised: Raised) -> None:
            attempt = await tx.report(asked.sub, asked.id, "not-mine")
            if attempt is None:
                raise NoSuchAttempt
            if attempt.device_id is not None:
                await self.disabling.disable_in(
                    tx, asked.sub, attempt.device_id, receipt=raised.receipt
                )

        return await self.revocations.refuse_all(asked.sub, "not-me", disowned)
