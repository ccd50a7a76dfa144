"""What an organization's admins demand of their people's methods and sessions."""

from dataclasses import dataclass

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.model import acting
from services.gateway.portal_access import PortalAccess
from shared.contracts.methods import Kind, RequireSecurityInfo
from shared.contracts.policy import (
    KeptMethodsPolicy,
    KeptPasswordPolicy,
    KeptPortalPolicy,
    KeptResetPolicy,
    KeptSessionsPolicy,
    PasswordPolicy,
    PortalPolicy,
    PutMethodsPolicy,
    PutPasswordPolicy,
    PutPortalPolicy,
    PutResetPolicy,
    PutSessionsPolicy,
    ReadPolicy,
    ResetPolicy,
    SecondFactor,
    UsualReconfirmDays,
)
from shared.contracts.profile import GetPerson, Person
from shared.contracts.refusals import NotFound
from shared.contracts.sessions import EndRestingOn


@dataclass(frozen=True)
class Policies:
    """Read and replace the policies of an admin's own organization, and ask a user for more."""

    credentials: CredentialsClient
    profile: ProfileClient
    sessions: SessionsClient
    portal_access: PortalAccess

    async def methods(self, admin: Person) -> KeptMethodsPolicy:
        """Return which methods are allowed, and whether a sign-in takes a second factor."""
        return await self.credentials.policy(_asked_by(admin))

    async def put_methods(
        self,
        admin: Person,
        *,
        allowed: frozenset[Kind],
        second_factor: SecondFactor,
        trust_days: int,
        skip_days: int = 0,
        reconfirm_days: int = UsualReconfirmDays,
        replaces: tuple[int, ...] | None = None,
    ) -> KeptMethodsPolicy:
        """Replace it, if it is one of these versions or if none are named.

        When this returns, it holds for every step of every sign-in.
        """
        return await self.credentials.put_policy(
            PutMethodsPolicy(
                organization=admin.home_organization.id,
                allowed=tuple(sorted(allowed)),
                second_factor=second_factor,
                trust_days=trust_days,
                skip_days=skip_days,
                reconfirm_days=reconfirm_days,
                replaces=replaces,
                by=acting(admin),
            )
        )

    async def resets(self, admin: Person) -> KeptResetPolicy:
        """Return who may reset a forgotten password, and with what."""
        return await self.credentials.reset_policy(_asked_by(admin))

    async def put_resets(
        self, admin: Person, policy: ResetPolicy, replaces: tuple[int, ...] | None = None
    ) -> KeptResetPolicy:
        """Replace it, if it is one of these versions or if none are named.

        When this returns, every reset that was begun before it is over.
        """
        return await self.credentials.put_reset_policy(
            PutResetPolicy(
                **policy.model_dump(),
                organization=admin.home_organization.id,
                replaces=replaces,
                by=acting(admin),
            )
        )

    async def portal(self, admin: Person) -> KeptPortalPolicy:
        """Return who may use the portal, what it shows them, and whom they are told to contact."""
        return await self.profile.policy(_asked_by(admin))

    async def put_portal(
        self, admin: Person, policy: PortalPolicy, replaces: tuple[int, ...] | None = None
    ) -> KeptPortalPolicy:
        """Replace it, if it is one of these versions or if none are named.

        When this returns, nobody gets further than it lets them; everybody is shown it a second
        later at most.
        """
        put = await self.profile.put_policy(
            PutPortalPolicy(
                **dict(policy),
                organization=admin.home_organization.id,
                replaces=replaces,
                by=acting(admin),
            )
        )
        await self.portal_access.lapse()
        return put

    async def session_times(self, admin: Person) -> KeptSessionsPolicy:
        """Return how long sessions last."""
        return await self.sessions.policy(_asked_by(admin))

    async def put_session_times(
        self,
        admin: Person,
        *,
        idle_minutes: int,
        lifetime_hours: int,
        activity_days: int | None = None,
        replaces: tuple[int, ...] | None = None,
    ) -> KeptSessionsPolicy:
        """Replace it, if it is one of these versions or if none are named.

        When this returns, no session is begun or renewed for longer, and no attempt to sign in is
        kept for another time; what is there already follows within a moment, in the background.
        """
        return await self.sessions.put_policy(
            PutSessionsPolicy(
                organization=admin.home_organization.id,
                idle_minutes=idle_minutes,
                lifetime_hours=lifetime_hours,
                activity_days=activity_days,
                replaces=replaces,
                by=acting(admin),
            )
        )

    async def passwords(self, admin: Person) -> KeptPasswordPolicy:
        """Return what a new password must meet."""
        return await self.credentials.password_policy(_asked_by(admin))

    async def put_passwords(
        self, admin: Person, policy: PasswordPolicy, replaces: tuple[int, ...] | None = None
    ) -> KeptPasswordPolicy:
        """Replace it, if it is one of these versions or if none are named.

        When this returns, no password is taken that does not meet it.
        """
        return await self.credentials.put_password_policy(
            PutPasswordPolicy(
                **policy.model_dump(),
                organization=admin.home_organization.id,
                replaces=replaces,
                by=acting(admin),
            )
        )

    async def require_security_info(self, admin: Person, sub: str) -> None:
        """Take a user's methods away; the next sign-in asks for a second factor to be registered.

        When this returns, nothing that rests on them is accepted.
        """
        person = await self.profile.get(GetPerson(sub=sub))
        if person.home_organization.id != admin.home_organization.id:
            raise NotFound
        cleared = await self.credentials.require_anew(
            RequireSecurityInfo(sub=sub, by=acting(admin))
        )
        for factor in cleared.gone:
            # The event does the same; the admin need not wait for that.
            await self.sessions.end_resting_on(
                EndRestingOn(sub=sub, factor=factor, cause="methods-cleared")
            )


def _asked_by(admin: Person) -> ReadPolicy:
    return ReadPolicy(organization=admin.home_organization.id)
