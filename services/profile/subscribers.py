"""What the profile service hears."""

import asyncio

from services.profile.audit import Audit
from services.profile.erasures import Erasures
from services.profile.notices import Notices, Told
from services.profile.users import Users
from shared.broker import Bus
from shared.contracts.events import (
    AccountDisabled,
    AccountEnabled,
    AccountErased,
    AccountPurged,
    Audited,
    CredentialChange,
    DeviceDisabled,
    HelpAsked,
    NewDevices,
    SignedOutEverywhere,
    SignInLocked,
)
from shared.personal_data import PersonalData

_COURTESY_SECONDS = 0.05


def subscribe(
    bus: Bus,
    notices: Notices,
    audit: Audit,
    users: Users,
    erasures: Erasures,
    data: PersonalData,
) -> None:
    """Owe people a mail when their account was changed, and keep what is to be audited.

    What is kept of who was purged is erased, and it is noted who has done the same.
    """

    async def owe(event: Told) -> None:
        # The same event ends sessions just now, on what may be the same two cores and the same
        # store. Nobody misses a mail for a twentieth of a second.
        await asyncio.sleep(_COURTESY_SECONDS)
        await notices.owe(event)

    async def follow(event: AccountDisabled | AccountEnabled) -> None:
        await users.follow(event)
        await owe(event)

    async def keep(event: Audited) -> None:
        await audit.keep(event)
        await notices.owe_of_refused_reset(event)

    bus.consume(CredentialChange, owe)
    bus.consume(AccountDisabled, follow)
    bus.consume(AccountEnabled, follow)
    bus.consume(SignedOutEverywhere, owe)
    bus.consume(SignInLocked, owe)
    bus.consume(HelpAsked, owe)
    bus.consume(DeviceDisabled, owe)
    bus.consume(NewDevices, owe)
    bus.consume(Audited, keep)
    bus.consume(AccountPurged, data.erase)
    bus.consume(AccountErased, erasures.confirm)
