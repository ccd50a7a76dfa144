"""Sealing what is kept in Redis: who has Redis can neither read nor alter it."""

import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class Unsealable(Exception):
    """It was sealed for another purpose or context, or was altered."""


@dataclass(frozen=True)
class Sealer:
    """AES-256-GCM under keys derived from one secret, each for one purpose and context."""

    secret: bytes

    def seal(self, purpose: str, context: bytes, content: bytes) -> bytes:
        """Return the content sealed; only the same purpose and context open it."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._key(purpose, context)).encrypt(nonce, content, None)

    def open(self, purpose: str, context: bytes, sealed: bytes) -> bytes:
        """Return the content, or raise `Unsealable`."""
        try:
            return AESGCM(self._key(purpose, context)).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None
            )
        except (InvalidTag, ValueError) as error:
            # What is too short to be sealed content is a ValueError.
            raise Unsealable from error

    def name(self, purpose: str, *parts: bytes) -> str:
        """Return a keyed name for something, from which nothing about it can be learned."""
        mac = HMAC(self._key(purpose, b""), SHA256())
        for part in parts:
            mac.update(len(part).to_bytes(8, "big") + part)
        return mac.finalize().hex()

    def _key(self, purpose: str, context: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=purpose.encode(), info=b"account-portal").derive(
            self.secret + context
        )
