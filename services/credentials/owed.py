"""What is owed to addresses that are no methods any more. Nothing here reads or writes anything."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from services.credentials.method import Method, place_of
from services.credentials.methods import SecurityInfo
from shared.contracts.events import Cause, CredentialChange


@dataclass(frozen=True)
class AddressNotice:
    """A mail that is owed to an address which a change took away.

    `sealed` is the address as it stood with its method; `id` makes it one mail per change.
    """

    id: str
    sub: str
    method: str
    sealed: bytes
    language: str | None
    cause: Cause
    at: datetime
    attempts: int = 0

    @property
    def place(self) -> str:
        """Return what the address is sealed for."""
        return place_of(self.sub, self.method)


def owed_of_reset(
    info: SecurityInfo, receipt: str, at: datetime, told: Collection[str]
) -> Iterator[AddressNotice]:
    """Yield what is owed to each address of somebody whose password was reset, but those `told`."""
    for method in info.proved:
        if method.kind == "email" and method.id not in told:
            yield _notice(receipt, info.sub, method, "password-reset", at)


def _notice(event_id: str, sub: str, method: Method, cause: Cause, at: datetime) -> AddressNotice:
    return AddressNotice(
        id=f"{event_id}.{method.id}",
        sub=sub,
        method=method.id,
        sealed=method.sealed,
        language=method.language,
        cause=cause,
        at=at,
    )


def owed_to_addresses(
    before: SecurityInfo, after: SecurityInfo, event: CredentialChange
) -> Iterator[AddressNotice]:
    """Yield what is owed to the addresses that a change took away."""
    left = {each.id for each in after.methods}
    for method in before.proved:
        if method.kind == "email" and method.id not in left:
            yield _notice(event.id, before.sub, method, event.payload.cause, event.occurred_at)
