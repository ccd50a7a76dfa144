"""Places that are known of some addresses."""

from dataclasses import dataclass, field

from services.sessions.places import Place, Position

BERLIN = Place(
    "DE", {"de": "Berlin, Deutschland", "en": "Berlin, Germany"}, Position(52.52, 13.41, 20)
)
POTSDAM = Place(
    "DE", {"de": "Potsdam, Deutschland", "en": "Potsdam, Germany"}, Position(52.39, 13.06, 20)
)
TOKYO = Place("JP", {"de": "Tokio, Japan", "en": "Tokyo, Japan"}, Position(35.69, 139.69, 20))


@dataclass
class MemoryPlaces:
    """By address."""

    by_address: dict[str, Place] = field(default_factory=dict)

    def of(self, address: str) -> Place | None:
        """Look it up."""
        return self.by_address.get(address)
