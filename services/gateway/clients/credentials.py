"""The credentials service."""

from dataclasses import dataclass

from services.gateway.clients.peer import Peer
from shared.contracts.body import Done
from shared.contracts.credentials import (
    ChangePassword,
    CheckPassword,
    EnrollAccount,
    PasswordReport,
    ReplaceTemporaryPassword,
    Verified,
    VerifyPassword,
)
from shared.contracts.sessions import Revoked


@dataclass(frozen=True)
class CredentialsClient:
    """One method per call of its contract."""

    peer: Peer

    async def enroll(self, asked: EnrollAccount) -> Done:
        """Open an account."""
        return await self.peer.ask("/accounts/enroll", asked, Done)

    async def verify(self, asked: VerifyPassword) -> Verified:
        """Tell whose password it is."""
        return await self.peer.ask("/password/verify", asked, Verified)

    async def check(self, asked: CheckPassword) -> PasswordReport:
        """Rate a password."""
        return await self.peer.ask("/password/check", asked, PasswordReport, safe=True)

    async def change(self, asked: ChangePassword) -> Revoked:
        """Change a password."""
        return await self.peer.ask("/password/change", asked, Revoked)

    async def replace_temporary(self, asked: ReplaceTemporaryPassword) -> Revoked:
        """Replace a temporary password."""
        return await self.peer.ask("/password/replace-temporary", asked, Revoked)
