"""What an organization's admins do."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from services.gateway.account import names_in
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.errors import NotAllowedByPolicy
from services.gateway.model import Caller, acting
from services.gateway.searching import searched
from services.gateway.step_up import StepUps
from shared.contracts.audit import Details, LongestDetail, NoteAudit
from shared.contracts.credentials import CheckPassword, EnrollAccount, Words
from shared.contracts.profile import (
    AddPerson,
    GetPerson,
    ListPeople,
    LongestSearch,
    PeopleList,
    Person,
)
from shared.contracts.refusals import NotFound, Refusal, UnknownCursor
from shared.contracts.users import ChangeUser, ReadUser, RecordChanges
from shared.parking import ParkedMessage


class ParkedEvents(Protocol):
    """The events that could not be handled."""

    async def list(self) -> list[ParkedMessage]:
        """Return them."""
        ...

    async def replay(self, message_id: str) -> None:
        """Put one back where it came from, or raise `NotFound`."""
        ...


@dataclass(frozen=True)
class ParkedPage:
    """Some of the events that could not be handled; `next` is the cursor of the following page."""

    items: tuple[ParkedMessage, ...]
    next: str | None


@dataclass(frozen=True)
class Administration:
    """Look after the people of one's own organization."""

    profile: ProfileClient
    credentials: CredentialsClient
    parking: ParkedEvents
    step_ups: StepUps

    async def admin(self, caller: Caller) -> Person:
        """Return the caller's profile as it is at this moment, or raise unless they are an admin.

        A role that was taken away is gone at once, so nothing that is kept is looked at.
        """
        try:
            person = await self.profile.user(ReadUser(sub=caller.sub))
        except Refusal as refusal:
            if refusal.type == NotFound.type:
                raise NotAllowedByPolicy from refusal
            raise
        if "admin" not in person.roles or person.disabled:
            raise NotAllowedByPolicy
        return person

    async def acting_admin(self, caller: Caller) -> Person:
        """Return the same, or raise unless they showed a second factor a moment ago besides."""
        person = await self.admin(caller)
        await self.step_ups.require_recent_factor(caller, "administration")
        return person

    async def people(
        self,
        admin: Person,
        *,
        limit: int = 50,
        after: str | None = None,
        search: str | None = None,
    ) -> PeopleList:
        """Return a page of the organization's people, of those alone that are searched for."""
        return await self.profile.list(
            ListPeople(
                organization=admin.home_organization.id,
                limit=limit,
                after=after,
                search=searched(search or "", LongestSearch) or None,
            )
        )

    async def add(
        self, admin: Person, record: AddPerson, password: SecretStr | None, *, temporary: bool
    ) -> Person:
        """Add a person with an account. What a crash left half done, the same call completes.

        They have no role before their account lets them in: who could not come would count as an
        admin that the organization still has. A role that a crash left out is given by a change.
        """
        words = names_in(record, organization=admin.home_organization.name)
        if password is not None:
            await self._check(password, words, record.organization)
        added = await self.profile.add(record.model_copy(update={"roles": (), "by": acting(admin)}))
        await self.credentials.enroll(
            EnrollAccount(
                sub=added.sub,
                user_id=record.user_id,
                password=password,
                temporary=temporary,
                words=words,
                organization=record.organization,
            )
        )
        if record.roles:
            await self.profile.change_user(
                ChangeUser(
                    sub=added.sub,
                    organization=record.organization,
                    changes=RecordChanges(roles=record.roles),
                    by=acting(admin),
                )
            )
        return await self.profile.get(GetPerson(sub=added.sub))

    async def parked(self, *, limit: int = 50, after: str | None = None) -> ParkedPage:
        """Return a page of the events that could not be handled, after one of them."""
        found = await self.parking.list()
        left = found if after is None else found[_place_after(after, found) :]
        page = tuple(left[:limit])
        return ParkedPage(page, next=page[-1].id if len(left) > limit else None)

    async def replay(self, admin: Person, message_id: str) -> None:
        """Let an event that could not be handled be tried again.

        The queue keeps nothing of who asked, so that is noted first, whatever comes of it.
        """
        details: Details = {"event": message_id[:LongestDetail]}
        await self.profile.note(NoteAudit(by=acting(admin), action="replay-event", details=details))
        await self.parking.replay(message_id)

    async def _check(self, password: SecretStr, words: Words, organization: str) -> None:
        report = await self.credentials.check(
            CheckPassword(password=password, words=words, organization=organization)
        )
        if not report.acceptable:
            raise _refused(report.reasons)


def _place_after(cursor: str, found: list[ParkedMessage]) -> int:
    # The same event twice has the same id, so the place is behind the last of them.
    places = [place for place, each in enumerate(found, start=1) if each.id == cursor]
    if not places:
        raise UnknownCursor
    return places[-1]


def _refused(reasons: tuple[str, ...]) -> Refusal:
    errors = [{"field": "password", "reason": each, "message": each} for each in reasons]
    refusal = Refusal(errors=errors)
    refusal.type, refusal.status = "password-refused", 422
    return refusal
