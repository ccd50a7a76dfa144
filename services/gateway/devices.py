"""The devices that people sign in on: seeing them, disabling one's own, enabling those of users."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.errors import ConfirmationRequired
from services.gateway.model import Caller, acting
from services.gateway.step_up import StepUps
from services.gateway.trust import DeviceTrust
from shared.contracts.devices import (
    DisableDevice,
    EnableDevice,
    FindDevice,
    ListDevices,
    ListedDevice,
)
from shared.contracts.methods import ListMethods
from shared.contracts.policy import KeptMethodsPolicy, ReadPolicy
from shared.contracts.profile import GetPerson, Person
from shared.contracts.refusals import NotFound
from shared.contracts.sessions import Revoked
from shared.contracts.trust import TrustTerms
from shared.contracts.users import ReadUser
from shared.problems import at_fault
from shared.user_agents import UserAgent


@dataclass(frozen=True)
class SeenDevice:
    """A device with what its browser says of itself, and until when it is trusted, if it is."""

    listed: ListedDevice
    trusted_until: datetime | None

    @property
    def user_agent(self) -> UserAgent:
        """What its browser calls itself; empty where none has said so."""
        return UserAgent.parse(self.listed.user_agent or "")

    @property
    def name(self) -> str:
        """What its user calls it, or else what its browser does; empty where nobody knows."""
        return self.listed.name or self.user_agent.label


@dataclass(frozen=True)
class DevicePage:
    """Some devices, the one used last first; `next` is the cursor of the following page."""

    items: tuple[SeenDevice, ...]
    next: str | None


@dataclass(frozen=True)
class Devices:
    """Look after devices, and the trust in them."""

    sessions: SessionsClient
    credentials: CredentialsClient
    profile: ProfileClient
    step_ups: StepUps
    trust: DeviceTrust

    async def list(
        self, caller: Caller, *, limit: int = 50, after: str | None = None
    ) -> DevicePage:
        """Return a page of the caller's devices that are not disabled."""
        return await self._page(ListDevices(sub=caller.sub, limit=limit, after=after))

    async def one(self, caller: Caller, device_id: str) -> SeenDevice:
        """Return one of the caller's devices that is not disabled, or raise `NotFound`."""
        found = await self.sessions.find_device(FindDevice(device_id=device_id))
        if found.sub != caller.sub or found.disabled_at is not None:
            raise NotFound
        (seen,) = await self._seen(caller.sub, (found,))
        return seen

    async def disable(self, caller: Caller, device_id: str, *, confirmed: bool) -> Revoked:
        """Refuse one of the caller's devices from now on, which may be the one they are at.

        When this returns, nothing that was signed in on it is accepted; unconfirmed, nothing
        happens.
        """
        if not confirmed:
            raise ConfirmationRequired(errors=[at_fault("confirm", "not-confirmed")])
        await self.step_ups.require_for_change(caller)
        return await self.sessions.disable_device(
            DisableDevice(sub=caller.sub, device_id=device_id)
        )

    async def of_user(
        self, admin: Person, sub: str, *, limit: int = 50, after: str | None = None
    ) -> DevicePage:
        """Return a page of a user's devices, those that are disabled too."""
        await self._user(admin, sub)
        return await self._page(ListDevices(sub=sub, limit=limit, after=after, with_disabled=True))

    async def enable(self, admin: Person, device_id: str) -> str:
        """Let a user sign in on a device again; return who it is."""
        sub = (await self.sessions.find_device(FindDevice(device_id=device_id))).sub
        await self._user(admin, sub)
        await self.sessions.enable_device(
            EnableDevice(sub=sub, device_id=device_id, by=acting(admin))
        )
        return sub

    async def _user(self, admin: Person, sub: str) -> None:
        """Raise `NotFound` for who belongs to another organization."""
        await self.profile.user(ReadUser(sub=sub, organization=admin.home_organization.id))

    async def _page(self, asked: ListDevices) -> DevicePage:
        found = await self.sessions.devices(asked)
        return DevicePage(await self._seen(asked.sub, found.items), found.next)

    async def _seen(self, sub: str, listed: Sequence[ListedDevice]) -> tuple[SeenDevice, ...]:
        until = await self._trusted_until(sub, listed)
        return tuple(SeenDevice(each, until.get(each.id)) for each in listed)

    async def _trusted_until(
        self, sub: str, devices: Sequence[ListedDevice]
    ) -> dict[str, datetime]:
        """Return until when each is trusted, by what a sign-in on it would go by now."""
        if all(each.trust is None for each in devices):
            return {}
        person = await self.profile.get(GetPerson(sub=sub))
        policy = await self.credentials.policy(ReadPolicy(organization=person.home_organization.id))
        methods = await self.credentials.methods(ListMethods(sub=sub))
        usable = {each.id for each in methods.items if each.allowed and each.is_factor}
        return {
            each.id: until
            for each in devices
            if (until := _held_until(each, policy)) is not None
            and each.trust is not None
            and each.trust.factor in usable
        }


def _held_until(device: ListedDevice, policy: KeptMethodsPolicy) -> datetime | None:
    """Return until when an organization's policy lets a device be trusted, if it does."""
    trust, begun, ends = device.trust, device.trusted_from, device.trusted_until
    if trust is None or begun is None or ends is None or not policy.trust_days:
        return None
    # A service of the version before does not say which version its terms are.
    version = trust.version if policy.trust_version is None else policy.trust_version
    terms = TrustTerms(days=policy.trust_days, version=version)
    return min(ends, begun + timedelta(days=terms.days)) if trust.holds_under(terms) else None
