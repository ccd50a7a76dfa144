"""Contact methods that an admin brings along for many users at once."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.method_file import Contact, Line, read
from services.gateway.model import acting
from shared.contracts.methods import ImportSent
from shared.contracts.profile import Person
from shared.contracts.refusals import NotFound, Refusal
from shared.contracts.resets import LookUpAccount
from shared.contracts.users import ReadUser, User

Outcome = Literal["added", "unchanged", "refused"]
_UNKNOWN_USER = "unknown-user"


@dataclass(frozen=True)
class Reported:
    """What came of a line, or would: why it is refused, where it is."""

    line: int
    user_id: str
    outcome: Outcome
    reason: str | None = None


@dataclass(frozen=True)
class Report:
    """What came of a file, line by line."""

    dry_run: bool
    lines: tuple[Reported, ...]

    def number(self, outcome: Outcome) -> int:
        """Return how many lines came to this."""
        return Counter(each.outcome for each in self.lines)[outcome]


@dataclass(frozen=True)
class MethodImport:
    """Add what a file says, each line on its own: one that is refused keeps no other from it.

    So the same file may be sent again, which adds what is not there yet.
    """

    credentials: CredentialsClient
    profile: ProfileClient

    async def bring(self, admin: Person, text: str, *, dry_run: bool) -> Report:
        """Return what came of each line, or with a dry run what would, and nothing is changed."""
        lines = [await self._line(admin, each, dry_run=dry_run) for each in read(text)]
        return Report(dry_run, tuple(lines))

    async def _line(self, admin: Person, line: Line, *, dry_run: bool) -> Reported:
        if line.contact is None:
            return Reported(line.number, line.user_id, "refused", line.fault)
        try:
            added = await self._add(admin, line.contact, dry_run=dry_run)
        except Refusal as refusal:
            return Reported(line.number, line.user_id, "refused", refusal.type)
        if added is None:
            return Reported(line.number, line.user_id, "refused", _UNKNOWN_USER)
        return Reported(line.number, line.user_id, "added" if added else "unchanged")

    async def _add(self, admin: Person, contact: Contact, *, dry_run: bool) -> bool | None:
        """Return whether it was not there before; None where the user is nobody's of theirs."""
        user = await self._user(admin, contact.user_id)
        if user is None:
            return None
        asked = ImportSent(
            sub=user.sub,
            kind=contact.kind,
            target=SecretStr(contact.target),
            language=user.preferred_language,
            dry_run=dry_run,
            by=acting(admin),
        )
        return (await self.credentials.import_sent(asked)).added

    async def _user(self, admin: Person, user_id: str) -> User | None:
        account = await self.credentials.look_up(LookUpAccount(user_id=user_id))
        organization = admin.home_organization.id
        try:
            return await self.profile.user(ReadUser(sub=account.sub, organization=organization))
        except Refusal as refusal:
            if refusal.type != NotFound.type:
                raise
            return None
