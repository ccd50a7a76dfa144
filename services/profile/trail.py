"""The audit trail of an organization: entries that are chained and sealed under a key.

Each entry's hash covers what it says, its place and the hash before it (RFC 2104, HMAC-SHA-256),
and a head per organization says, under the same key, which entry is the last. Who can write to the
store but does not have the key cannot alter, move, take out or cut off anything unseen.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Literal, Self

from shared.contracts.audit import Details, Outcome
from shared.contracts.events import Audited

Wrong = Literal["altered", "missing", "out-of-order", "cut-off", "head-altered"]


class BrokenTrail(Exception):
    """The head of this organization's trail was altered: nothing is appended to it any more."""


@dataclass(frozen=True)
class Told:
    """What an entry tells of: all but its place in the trail."""

    id: str
    organization: str
    occurred_at: datetime
    actor: str | None
    subject: str
    action: str
    outcome: Outcome = "done"
    reason: str | None = None
    details: Details = field(default_factory=dict)

    @classmethod
    def by(cls, event: Audited) -> Self:
        """Return what an event tells of; the store keeps no more than milliseconds."""
        payload = event.payload
        return cls(
            id=event.id,
            organization=payload.organization,
            occurred_at=to_the_millisecond(event.occurred_at),
            actor=payload.actor,
            subject=event.subject,
            action=payload.action,
            outcome=payload.outcome,
            reason=payload.reason,
            details=payload.details,
        )


@dataclass(frozen=True)
class Entry:
    """One entry: `sequence` counts from 1 in its organization, `at` is the store's time."""

    told: Told
    sequence: int
    at: datetime
    previous: str
    hash: str


@dataclass(frozen=True)
class Head:
    """The last entry of an organization's trail: 0 and nothing before there is one."""

    organization: str
    sequence: int = 0
    hash: str = ""
    seal: str = ""


@dataclass(frozen=True)
class Fault:
    """What is wrong at one place of a trail."""

    organization: str
    sequence: int
    wrong: Wrong


@dataclass(frozen=True)
class Seal:
    """The key of the trails."""

    key: bytes = field(repr=False)

    def entry(self, after: Head, told: Told, at: datetime) -> Entry:
        """Return the entry that comes after the head, or raise `BrokenTrail`.

        Whoever went on from a head that was altered would seal what was done to it.
        """
        if after.sequence and not self.sealed(after):
            raise BrokenTrail(after.organization)
        sequence, at = after.sequence + 1, to_the_millisecond(at)
        return Entry(told, sequence, at, after.hash, self._hash(told, sequence, at, after.hash))

    def head(self, last: Entry) -> Head:
        """Return the head that says which entry is the last."""
        organization = last.told.organization
        return Head(
            organization,
            last.sequence,
            last.hash,
            self._mac("head", [organization, last.sequence, last.hash]),
        )

    def is_authentic(self, entry: Entry) -> bool:
        """Tell whether an entry is as it was written."""
        expected = self._hash(entry.told, entry.sequence, entry.at, entry.previous)
        return hmac.compare_digest(expected, entry.hash)

    def sealed(self, head: Head) -> bool:
        """Tell whether a head is as it was written."""
        content = [head.organization, head.sequence, head.hash]
        return hmac.compare_digest(self._mac("head", content), head.seal)

    def _hash(self, told: Told, sequence: int, at: datetime, previous: str) -> str:
        return self._mac("entry", [asdict(told), sequence, at, previous])

    def _mac(self, kind: str, content: object) -> str:
        # One content has one encoding, and no entry can stand for a head.
        encoded = json.dumps([kind, content], sort_keys=True, default=_time, separators=(",", ":"))
        return hmac.new(self.key, encoded.encode(), hashlib.sha256).hexdigest()


@dataclass
class Inspection:
    """Goes along one organization's trail, entry by entry, and says what is wrong.

    `head` was read before the entries, of which more may have come in the meantime.
    """

    seal: Seal
    organization: str
    head: Head | None
    last: Head = field(init=False)

    def __post_init__(self) -> None:
        """Begin before the first entry."""
        self.last = Head(self.organization)

    def entry(self, entry: Entry) -> Iterator[Fault]:
        """Say what is wrong with the next entry, in the order of their numbers."""
        last, here = self.last, entry.sequence
        self.last = self.seal.head(entry)
        if here > last.sequence + 1:
            yield Fault(self.organization, last.sequence + 1, "missing")
        if not self.seal.is_authentic(entry) or entry.told.organization != self.organization:
            yield Fault(self.organization, here, "altered")
        elif self._is_out_of_order(entry, last):
            yield Fault(self.organization, here, "out-of-order")

    def end(self, head: Head | None) -> Iterator[Fault]:
        """Say what is wrong with the end of the trail; `head` is read after the entries."""
        if not all(self._is_sealed(each) for each in (self.head, head)):
            yield Fault(self.organization, head.sequence if head else 0, "head-altered")
        elif head and head.sequence < self.last.sequence:
            yield Fault(self.organization, head.sequence + 1, "out-of-order")
        elif self.head and self.head.sequence > self.last.sequence:
            yield Fault(self.organization, self.last.sequence + 1, "cut-off")

    def _is_out_of_order(self, entry: Entry, last: Head) -> bool:
        if entry.sequence <= last.sequence:
            return True
        if entry.sequence == last.sequence + 1 and entry.previous != last.hash:
            return True
        head = self.head
        return head is not None and entry.sequence == head.sequence and entry.hash != head.hash

    def _is_sealed(self, head: Head | None) -> bool:
        if head is None or not head.sequence:
            return not self.last.sequence
        return self.seal.sealed(head)


def to_the_millisecond(at: datetime) -> datetime:
    """Return a time as the store gives it back."""
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)


def _time(value: object) -> str:
    # Whatever else is found in the store was never written by us, and matches no hash.
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return repr(value)
