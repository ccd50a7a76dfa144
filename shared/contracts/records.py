"""What other services are told of somebody's record, where it decides something there."""

from shared.contracts.body import Contract


class OfRecord(Contract):
    """What the record says of somebody that decides about resetting their password."""

    for_admin: bool = False
    groups: tuple[str, ...] = ()
