"""What the sessions service hears."""

from services.sessions.revocation import Revocations
from shared.broker import Bus
from shared.contracts.events import (
    AccountDisabled,
    AccountPurged,
    CredentialChange,
    SignedOutEverywhere,
)
from shared.personal_data import PersonalData


def subscribe(bus: Bus, revocations: Revocations, data: PersonalData) -> None:
    """End sessions when an epoch was raised, and erase what is kept of who was purged."""
    bus.consume(CredentialChange, revocations.carry_out)
    bus.consume(AccountDisabled, revocations.carry_out)
    bus.consume(SignedOutEverywhere, revocations.carry_out)
    bus.consume(AccountPurged, data.erase)
