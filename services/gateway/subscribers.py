"""What the gateway hears."""

from services.gateway.live import LiveSessions
from shared.broker import Bus
from shared.contracts.events import SessionRevoked


def subscribe(bus: Bus, live: LiveSessions, *, replica: str) -> None:
    """Tell open pages that their session was ended."""
    bus.listen(SessionRevoked, live.revoked, replica=replica)
