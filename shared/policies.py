"""Policies are replaced as a whole, under a version, and an admin's replacement is audited."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from shared.contracts.audit import Details
from shared.contracts.events import Audited
from shared.contracts.policy import Replacement
from shared.lease import Lease


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


class Policy(Protocol):
    """A frozen dataclass with a `version`."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def version(self) -> int:
        """Rises whenever it is replaced."""
        ...


P = TypeVar("P", bound=Policy)
P_contra = TypeVar("P_contra", bound=Policy, contravariant=True)


class Keeping(Protocol[P_contra]):
    """Where each organization's policy is kept."""

    async def put_policy(
        self,
        organization: str,
        policy: P_contra,
        *,
        replaces: Collection[int] | None = None,
        told: Telling | None = None,
    ) -> Replaced:
        """Keep an organization's policy in place of one of these versions, and tell of it.

        Raise `ChangedMeanwhile` where another one stands there; with no versions named, any may.
        """
        ...


async def put_leased(
    store: Keeping[P], lease: Lease[Any], asked: Replacement, policy: P, *, called: str
) -> P:
    """Replace a policy and return it. When this returns, nobody goes by the one before any more.

    Raise `ChangedMeanwhile` where another one stands there than those it may replace.
    """
    at = lease.clock.now()
    replaced = await store.put_policy(
        asked.organization,
        policy,
        replaces=asked.replaces,
        told=lambda replaced: policy_replaced(asked, called, replaced, at),
    )
    await lease.lapse()
    return replace(policy, version=replaced.version)
