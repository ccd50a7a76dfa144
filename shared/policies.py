"""Policies are replaced as a whole, under a version, and an admin's replacement is audited."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.contracts.audit import Details
from shared.contracts.events import Audited
from shared.contracts.policy import Replacement


@dataclass(frozen=True)
class Replaced:
    """The version that there is now, and the names of the fields that changed."""

    version: int
    changed: tuple[str, ...]

    @classmethod
    def of(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> "Replaced":
        """Return what came of it; where there was nothing before, every field is another."""
        changed = (name for name, value in after.items() if before.get(name) != value)
        return cls(before.get("version", 0) + 1, tuple(changed))


Telling = Callable[[Replaced], Audited | None]
"""What is told of a replacement, in the same transaction; it may be asked again."""


def policy_replaced(
    asked: Replacement, policy: str, replaced: Replaced, at: datetime
) -> Audited | None:
    """Tell that an admin replaced a policy; nothing where the gateway is too old to say who."""
    if asked.by is None:
        return None
    details: Details = {
        "policy": policy,
        "version": replaced.version,
        "changed": " ".join(replaced.changed),
    }
    return Audited.of(asked.by, "replace-policy", at=at, details=details)
