"""What is kept of a passkey, and the site that it is for. Nothing here reads or writes anything."""

from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from services.credentials.errors import PasskeyCloned

Attachment = Literal["platform", "cross-platform"]
ChallengeSeconds = 300
"""For how long a challenge may be answered."""


@dataclass(frozen=True)
class Passkey:
    """A credential of WebAuthn (level 3, 4): its public key, and what its authenticator said of it.

    `credential_id` and `user_handle` are base64url. `sign_count` is the newest that was seen.
    `multi_device` says that it may be copied between devices of its owner, `backed_up` that it was.
    """

    credential_id: str
    user_handle: str
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...] = ()
    attachment: Attachment | None = None
    multi_device: bool = False
    backed_up: bool = False
    aaguid: str = ""

    @property
    def is_roaming(self) -> bool:
        """Tell whether it is on a device of its own, such as a security key."""
        return self.attachment == "cross-platform"

    def used(self, sign_count: int, *, backed_up: bool) -> "Passkey":
        """Return it after a signature, or raise `PasskeyCloned`.

        An authenticator that counts counts up; one that does not says 0 (WebAuthn level 3, 6.1.1).
        """
        if (sign_count or self.sign_count) and sign_count <= self.sign_count:
            raise PasskeyCloned
        return replace(self, sign_count=sign_count, backed_up=backed_up)


@dataclass(frozen=True)
class RelyingParty:
    """The site that passkeys are for: its host, and where its pages come from."""

    id: str
    origin: str

    @classmethod
    def at(cls, url: str) -> "RelyingParty":
        """Return the one whose pages are at an address."""
        parts = urlsplit(url)
        port = parts.port
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        host = parts.hostname or ""
        behind = f":{port}" if port is not None and port != usual else ""
        return cls(host, f"{parts.scheme}://{host}{behind}")
