"""What the credentials service hears."""

from shared.broker import Bus
from shared.contracts.events import AccountPurged
from shared.personal_data import PersonalData


def subscribe(bus: Bus, data: PersonalData) -> None:
    """Erase what is kept here of who was purged."""
    bus.consume(AccountPurged, data.erase)
