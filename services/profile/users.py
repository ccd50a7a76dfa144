"""Users, as the admins of their organization see and change them."""

import secrets
from dataclasses import dataclass

from services.profile.errors import LastAdmin, NoSuchPerson, UnknownManager
from services.profile.model import Noted, PersonRecord, told_of_addresses
from services.profile.people import People
from services.profile.store import UserStore, UserTransaction
from shared.clock import Clock
from shared.contracts.audit import Details
from shared.contracts.body import Done
from shared.contracts.events import AccountDisabled, AccountEnabled, Audited
from shared.contracts.profile import AddPerson
from shared.contracts.refusals import ChangedMeanwhile
from shared.contracts.users import ChangeUser, NoteAccount, ReadUser, User


@dataclass(frozen=True)
class Users:
    """Read and change users. An organization always has an admin who can act as one."""

    store: UserStore
    people: People
    clock: Clock

    async def read(self, asked: ReadUser) -> User:
        """Return a user as they are at this moment."""
        found = await self.store.user_now(asked.sub)
        if found is None or found.deleted:
            raise NoSuchPerson
        if asked.organization not in {None, found.record.organization}:
            raise NoSuchPerson
        return await self.people.as_user(found)

    async def change(self, asked: ChangeUser) -> User:
        """Change a record. Whose addresses change is told so at the old and at the new ones."""

        async def work(tx: UserTransaction) -> PersonRecord:
            before = await _found(tx, asked.organization, asked.sub)
            if asked.revisions is not None and before.revision not in asked.revisions:
                raise ChangedMeanwhile
            after = before.with_record(_changed(before.record, asked))
            if after.record == before.record:
                return before
            await _check(tx, before, after)
            await tx.put(after)
            await self._tell(tx, asked, before, after)
            return after

        return await self.people.as_user(await self.store.in_transaction(work))

    async def note_account(self, asked: NoteAccount) -> Done:
        """Take note of what is done to an account, unless it is the last admin's that is shut."""
        noted = Noted(asked.revision, asked.disabled, asked.deleted, asked=True)

        async def work(tx: UserTransaction) -> None:
            user = await tx.user(asked.organization, asked.sub)
            if user is None and noted.deleted:
                # The event was faster.
                return
            if user is None:
                raise NoSuchPerson
            if asked.record_revisions is not None and user.revision not in asked.record_revisions:
                raise ChangedMeanwhile
            # Also of who counts as none already: the others may have gone since then.
            if noted.disabled and "admin" in user.record.roles:
                await _require_another_admin(tx, user)
            await _note(tx, asked.sub, noted)

        await self.store.in_transaction(work)
        return Done()

    async def follow(self, event: AccountDisabled | AccountEnabled) -> None:
        """Take note of what was done; events may come twice and in any order."""
        if isinstance(event, AccountDisabled):
            payload = event.payload
            noted = Noted(payload.revision, disabled=True, deleted=payload.is_deletion)
        else:
            noted = Noted(event.payload.revision, disabled=False)

        async def work(tx: UserTransaction) -> None:
            await _note(tx, event.subject, noted)

        await self.store.in_transaction(work)

    async def _tell(
        self, tx: UserTransaction, asked: ChangeUser, before: PersonRecord, after: PersonRecord
    ) -> None:
        now = self.clock.now()
        change = secrets.token_urlsafe(16)
        await tx.owe(told_of_addresses(before, after, change, at=now))
        if asked.by is not None:
            fields = _differing(before.record, after.record)
            details: Details = {"fields": ",".join(fields)}
            if "roles" in fields:
                # Who may do what is worth more than that it was changed.
                details["roles"] = " ".join(after.record.roles)
            await tx.emit(
                Audited.of(asked.by, "change-user", at=now, subject=after.sub, details=details)
            )


async def _note(tx: UserTransaction, sub: str, noted: Noted) -> None:
    await tx.note_account(sub, noted)
    if noted.deleted:
        # Nothing undoes a deletion, so this may come again, and late.
        await tx.forget_memberships(sub)


async def _found(tx: UserTransaction, organization: str, sub: str) -> PersonRecord:
    user = await tx.user(organization, sub)
    if user is None:
        raise NoSuchPerson
    return user


async def _check(tx: UserTransaction, before: PersonRecord, after: PersonRecord) -> None:
    manager, organization = after.record.manager, after.record.organization
    is_new = manager is not None and manager != before.record.manager
    if is_new and await tx.user(organization, str(manager)) is None:
        raise UnknownManager
    if before.is_admin and not after.is_admin:
        await _require_another_admin(tx, before)


async def _require_another_admin(tx: UserTransaction, user: PersonRecord) -> None:
    if not await tx.has_another_admin(user.record.organization, user.sub):
        raise LastAdmin


def _changed(record: AddPerson, asked: ChangeUser) -> AddPerson:
    said = {name: value for name, value in asked.changes if value is not None}
    return record.model_copy(update=said | dict.fromkeys(asked.emptied))


def _differing(before: AddPerson, after: AddPerson) -> list[str]:
    return [
        name for name in AddPerson.model_fields if getattr(before, name) != getattr(after, name)
    ]
