"""Recovery codes, for when every other factor is away (NIST SP 800-63B-4, 3.1.2)."""

import secrets

from services.credentials.model import fingerprint

Number = 10
_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
"""Nothing in it looks like something else in it."""
_GROUP = 6


def fresh() -> tuple[str, ...]:
    """Return new codes of 58 random bits each, in groups that are easy to type."""
    return tuple(_code() for _ in range(Number))


def stored(pepper: bytes, sub: str, code: str) -> str:
    """Return how a code is stored: a keyed hash, whatever case and separators it is typed in."""
    letters = "".join(each for each in code.casefold() if each in _ALPHABET)
    return fingerprint(pepper, "recovery-code", sub, letters)


def _code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(2 * _GROUP))
    return f"{letters[:_GROUP]}-{letters[_GROUP:]}"
