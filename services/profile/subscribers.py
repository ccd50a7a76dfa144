"""What the profile service hears."""

from services.profile.notices import Notices
from shared.broker import Bus
from shared.contracts.events import CredentialChange, SignedOutEverywhere


def subscribe(bus: Bus, notices: Notices) -> None:
    """Owe people a mail when their account was changed."""
    bus.consume(CredentialChange, notices.owe)
    bus.consume(SignedOutEverywhere, notices.owe)
