"""What the gateway hears."""

from services.gateway.live import LiveSessions
from shared.broker import Bus
from shared.contracts.events import CredentialChange, SessionRevoked


def subscribe(bus: Bus, live: LiveSessions, *, replica: str) -> None:
    """Tell open pages that their session was ended, or that somebody's methods were changed."""
    bus.listen(SessionRevoked, live.revoked, replica=replica)
    bus.listen(CredentialChange, live.changed, replica=replica)
