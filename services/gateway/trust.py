"""Devices that are not asked for a second factor for some days."""

from dataclasses import dataclass

from services.gateway.clients.sessions import SessionsClient
from services.gateway.model import Caller
from shared.contracts.credentials import Verified
from shared.contracts.sessions import RecognisedDevice
from shared.contracts.trust import CountTrusted, ForgetTrust


def trusted_factor(device: RecognisedDevice, verified: Verified) -> str | None:
    """Return the factor that a sign-in need not ask for, since its device is trusted with it.

    What the password was verified under was read after the trust: whatever ended that in between
    is seen here, without any event. A temporary password is somebody else's too, and is asked
    for more.
    """
    trust, terms = device.trust, verified.trust
    if trust is None or terms is None or device.sub != verified.sub or verified.must_change:
        return None
    holds = (
        trust.epoch == verified.epoch
        and trust.holds_under(terms)
        and any(each.id == trust.factor for each in verified.methods)
    )
    return trust.factor if holds else None


@dataclass(frozen=True)
class DeviceTrust:
    """Look after the trust in one's own devices."""

    sessions: SessionsClient

    async def is_any(self, caller: Caller) -> bool:
        """Tell whether any of the caller's devices is trusted."""
        return (await self.sessions.count_trusted(CountTrusted(sub=caller.sub))).count > 0

    async def forget(self, caller: Caller) -> None:
        """Have every device of the caller ask again. When this returns, each does."""
        await self.sessions.forget_trust(ForgetTrust(sub=caller.sub))
