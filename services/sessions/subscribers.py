"""What the sessions service hears."""

from services.sessions.revocation import Revocations
from shared.broker import Bus
from shared.contracts.events import AccountDisabled, CredentialChange, SignedOutEverywhere


def subscribe(bus: Bus, revocations: Revocations) -> None:
    """End sessions when an epoch was raised."""
    bus.consume(CredentialChange, revocations.carry_out)
    bus.consume(AccountDisabled, revocations.carry_out)
    bus.consume(SignedOutEverywhere, revocations.carry_out)
