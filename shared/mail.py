"""Mail, and what may become of it."""

from dataclasses import dataclass
from typing import Protocol


class AddressRefused(Exception):
    """The mail server will not take mail for this address, now or later."""


class MailUndelivered(Exception):
    """The mail server did not take the mail this time."""


@dataclass(frozen=True)
class Mail:
    """A mail as it goes out. The same id sent again is the same mail."""

    message_id: str
    to: str
    subject: str
    text: str


class Mailer(Protocol):
    """Whoever takes mail away. Raises `AddressRefused` or `MailUndelivered`."""

    async def send(self, mail: Mail) -> None:
        """Return once the mail is taken."""
        ...


def domain_of(sender: str) -> str:
    """Return the domain of a sender, with or without a name before it, for Message-IDs."""
    return sender.rpartition("@")[2].rstrip(">")
