"""The audit trail of an admin's own organization."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.gateway.clients.profile import ProfileClient
from shared.contracts.audit import AuditFilter, AuditPage, ReadAudit
from shared.contracts.profile import Person

_PAGE = 200


@dataclass(frozen=True)
class AuditTrail:
    """Read and export it."""

    profile: ProfileClient

    async def page(
        self, admin: Person, wanted: AuditFilter, *, limit: int = 50, after: str | None = None
    ) -> AuditPage:
        """Return a page, the newest entries first."""
        organization = admin.home_organization.id
        return await self.profile.audit(
            ReadAudit(organization=organization, limit=limit, after=after, wanted=wanted)
        )

    async def pages(self, admin: Person, wanted: AuditFilter) -> AsyncIterator[AuditPage]:
        """Return everything page by page, the oldest entries first."""
        organization, after = admin.home_organization.id, None
        while True:
            page = await self.profile.audit(
                ReadAudit(
                    organization=organization,
                    limit=_PAGE,
                    after=after,
                    oldest_first=True,
                    wanted=wanted,
                )
            )
            yield page
            after = page.next
            if after is None:
                return
