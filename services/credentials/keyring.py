"""Secrets at rest: sealed under the newest key of a ring, opened under any of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
KeyBytes = 32


class Unsealable(Exception):
    """It was sealed for another place, under a key that is gone, or was altered."""


@dataclass(frozen=True)
class Keyring:
    """AES-256-GCM. The first key seals; the others open what they sealed before (NIST SP 800-57).

    What is sealed is bound to its place, such as a subject and a method, so that whoever can
    write to the store cannot move one person's secret to another's account.
    """

    keys: Mapping[str, bytes]

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """Read `name:64 hex digits` for each key, separated by commas; raise `ValueError`."""
        keys: dict[str, bytes] = {}
        for part in text.split(","):
            name, _, digits = part.strip().partition(":")
            key = bytes.fromhex(digits)
            if not name or len(key) != KeyBytes:
                raise ValueError("Each key is a name, a colon and 64 hexadecimal digits.")
            if name in keys:
                raise ValueError("Each key of the ring has a name of its own.")
            keys[name] = key
        return cls(keys)

    @property
    def newest(self) -> str:
        """Return the name of the key that seals."""
        return next(iter(self.keys))

    def seal(self, place: str, content: bytes) -> bytes:
        """Return the content sealed for its place: the key's name, a nonce, the ciphertext."""
        nonce, name = os.urandom(_NONCE_BYTES), self.newest.encode()
        sealed = AESGCM(self.keys[self.newest]).encrypt(nonce, content, place.encode())
        return bytes([len(name)]) + name + nonce + sealed

    def open(self, place: str, sealed: bytes) -> bytes:
        """Return the content, or raise `Unsealable`."""
        key = self.keys.get(self.key_of(sealed))
        rest = sealed[1 + sealed[0] :] if sealed else b""
        if key is None:
            raise Unsealable
        try:
            nonce, ciphertext = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
            return AESGCM(key).decrypt(nonce, ciphertext, place.encode())
        except (InvalidTag, ValueError) as error:
            # What is too short to be sealed content is a ValueError.
            raise Unsealable from error

    @staticmethod
    def key_of(sealed: bytes) -> str:
        """Return the name of the key that something was sealed under."""
        return sealed[1 : 1 + sealed[0]].decode("utf-8", "replace") if sealed else ""
