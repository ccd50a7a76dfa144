"""An authenticator made of software: what a browser and a security key say, and how they lie."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

_PRESENT, _VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP, _ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class SoftAuthenticator:
    """One passkey, used on pages of `origin`. `counts` is whether it counts its signatures."""

    origin: str
    verifies: bool = True
    counts: bool = True
    sign_count: int = 0
    rp_id: str | None = None
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: str = ""
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def id(self) -> str:
        """Return the credential's id as JSON has it."""
        return bytes_to_base64url(self.credential_id)

    def create(self, options: str | dict[str, Any], **more: Any) -> str:
        """Return what a browser says when a passkey was made."""
        asked = json.loads(options) if isinstance(options, str) else options
        self.user_handle = asked["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        coordinates = {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        public_key = cbor2.dumps({1: 2, 3: -7, -1: 1, **coordinates})
        length = len(self.credential_id).to_bytes(2, "big")
        attested = bytes(16) + length + self.credential_id + public_key
        known = self._known(asked["rp"]["id"], _ATTESTED) + attested
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": known})
        response = {
            "clientDataJSON": self._client("webauthn.create", asked["challenge"]),
            "attestationObject": bytes_to_base64url(made),
            "transports": ["internal", "hybrid", "carrier-pigeon"],
        }
        return json.dumps(self._said(response) | more)

    def get(self, options: str | dict[str, Any], **more: Any) -> str:
        """Return what a browser says when a passkey has signed."""
        asked = json.loads(options) if isinstance(options, str) else options
        client = self._client("webauthn.get", asked["challenge"])
        self.sign_count += int(self.counts)
        known = self._known(asked["rpId"])
        signed = known + hashlib.sha256(base64url_to_bytes(client)).digest()
        response = {
            "clientDataJSON": client,
            "authenticatorData": bytes_to_base64url(known),
            "signature": bytes_to_base64url(self.key.sign(signed, ec.ECDSA(SHA256()))),
            "userHandle": self.user_handle,
        }
        return json.dumps(self._said(response | more))

    def _said(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": self.id,
            "rawId": self.id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }

    def _client(self, kind: str, challenge: str) -> str:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return bytes_to_base64url(json.dumps(said).encode())

    def _known(self, rp_id: str, more: int = 0) -> bytes:
        flags = _PRESENT | _BACKUP_ELIGIBLE | _BACKED_UP | more
        flags |= _VERIFIED if self.verifies else 0
        site = hashlib.sha256((self.rp_id or rp_id).encode()).digest()
        return site + bytes([flags]) + self.sign_count.to_bytes(4, "big")
