"""What decides about people's rights, out of the record that their organization keeps of them."""

from services.gateway.clients.profile import ProfileClient
from shared.contracts.records import OfRecord
from shared.contracts.refusals import NotFound, Refusal
from shared.contracts.users import ReadUser, User


def of_record(user: User) -> OfRecord:
    """Return what decides about resetting a user's password."""
    return OfRecord(for_admin="admin" in user.roles, groups=user.groups)


async def record_of(profile: ProfileClient, sub: str) -> OfRecord:
    """Return the same of whoever it is; of somebody without a record there is nothing to say."""
    try:
        return of_record(await profile.user(ReadUser(sub=sub)))
    except Refusal as refusal:
        if refusal.type != NotFound.type:
            raise
        return OfRecord()
