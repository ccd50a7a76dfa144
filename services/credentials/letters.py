"""Secrets that people copy by hand, in signs of which none looks like another."""

import secrets

_SIGNS = "23456789abcdefghjkmnpqrstvwxyz"


def drawn(groups: int, size: int) -> str:
    """Return so many random groups of signs, parted by hyphens; each sign has 4.9 bits."""
    return "-".join("".join(secrets.choice(_SIGNS) for _ in range(size)) for _ in range(groups))


def signs_in(typed: str) -> str:
    """Return what was typed, whatever case it is in and whatever parts it."""
    return "".join(each for each in typed.casefold() if each in _SIGNS)
