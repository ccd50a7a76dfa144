"""What admins do to the users of their own organization."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import SecretStr

from services.gateway.account import words_of
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.model import acting
from services.gateway.records import of_record
from shared.contracts.accounts import (
    Account,
    DisableAccount,
    EnableAccount,
    ReadAccount,
    SetTemporaryPassword,
    TemporaryPassword,
)
from shared.contracts.audit import Actor
from shared.contracts.methods import ListMethods, Method
from shared.contracts.profile import Person
from shared.contracts.refusals import Busy, ChangedMeanwhile, NotFound, Refusal
from shared.contracts.resets import AskRegistered, RegisteredForReset
from shared.contracts.sessions import Revoked, SignOutEverywhere
from shared.contracts.users import ChangeUser, Emptiable, NoteAccount, ReadUser, RecordChanges, User

_LAST_ADMIN = "last-admin"
_TRIES = 4


@dataclass(frozen=True)
class KnownUser:
    """A user with what they have registered, and whether their account lets them in."""

    user: User
    account: Account
    methods: tuple[Method, ...]
    for_reset: RegisteredForReset

    @property
    def has_factor(self) -> bool:
        """Tell whether a second factor is asked of them."""
        return any(each.allowed and each.is_factor for each in self.methods)


@dataclass(frozen=True)
class _Shutting:
    """What is done to an account of an organization, and by which admin, if it is one.

    `records` are the revisions of the record that it is done to, where not to any.
    """

    organization: str
    deleted: bool
    by: Actor | None = None
    records: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Users:
    """Look after users. Who belongs to another organization is not found."""

    profile: ProfileClient
    credentials: CredentialsClient
    sessions: SessionsClient

    async def read(self, admin: Person, sub: str) -> KnownUser:
        """Return one user."""
        user, account = await self._found(admin, sub)
        methods, for_reset = await asyncio.gather(
            self.credentials.methods(ListMethods(sub=sub)),
            self.credentials.registered_for_reset(
                AskRegistered(sub=sub, **of_record(user).model_dump())
            ),
        )
        return KnownUser(user, account, methods.items, for_reset)

    async def change(
        self,
        admin: Person,
        sub: str,
        changes: RecordChanges,
        *,
        emptied: tuple[Emptiable, ...] = (),
        replaces: tuple[int, ...] | None = None,
    ) -> KnownUser:
        """Change a record, if it is at one of these revisions where they are given."""
        await self._found(admin, sub)
        await self.profile.change_user(
            ChangeUser(
                sub=sub,
                organization=admin.home_organization.id,
                changes=changes,
                emptied=emptied,
                revisions=replaces,
                by=acting(admin),
            )
        )
        return await self.read(admin, sub)

    async def set_temporary_password(
        self, admin: Person, sub: str, password: SecretStr | None
    ) -> TemporaryPassword:
        """Give a user another password for once. Whatever is open of theirs ends."""
        user, _ = await self._found(admin, sub)
        return await self.credentials.set_temporary_password(
            SetTemporaryPassword(sub=sub, password=password, words=words_of(user), by=acting(admin))
        )

    async def sign_out(self, admin: Person, sub: str) -> Revoked:
        """End whatever is open of a user. When this returns, nothing of it is accepted."""
        await self._found(admin, sub)
        return await self.sessions.sign_out_everywhere(SignOutEverywhere(sub=sub, by=acting(admin)))

    async def disable(self, admin: Person, sub: str) -> Account:
        """Let nobody into an account. The last admin's stays open."""
        _, before = await self._found(admin, sub)
        shutting = _Shutting(admin.home_organization.id, deleted=False, by=acting(admin))
        return await self._shut(before, shutting)

    async def delete(
        self, admin: Person, sub: str, *, replaces: tuple[int, ...] | None = None
    ) -> None:
        """Let nobody into an account any more, and list its user no longer.

        It is done if the user's record is at one of these revisions where they are given.
        """

        async def found() -> Account:
            user, account = await self._found(admin, sub)
            if replaces is not None and user.revision not in replaces:
                raise ChangedMeanwhile
            return account

        shutting = _Shutting(
            admin.home_organization.id, deleted=True, by=acting(admin), records=replaces
        )
        await self._delete(found, shutting)

    async def delete_for_operator(self, organization: str, sub: str) -> None:
        """Do the same for who runs the installation; also to somebody who has no account yet."""

        async def found() -> Account:
            return await self.credentials.account(ReadAccount(sub=sub))

        try:
            await self._delete(found, _Shutting(organization, deleted=True))
        except Refusal as refusal:
            if refusal.type != NotFound.type:
                raise
            nobody = Account(sub=sub, revision=0, disabled=True, deleted=True)
            await self._note(organization, nobody)

    async def enable(self, admin: Person, sub: str) -> None:
        """Let the owner of an account in again."""
        await self._found(admin, sub)
        await self._enable(admin.home_organization.id, sub, acting(admin))

    async def _enable(self, organization: str, sub: str, by: Actor | None) -> None:
        account = await self.credentials.enable(EnableAccount(sub=sub, by=by))
        await self._note(organization, account)

    async def _delete(self, found: Callable[[], Awaitable[Account]], shutting: "_Shutting") -> None:
        """Shut an account for good.

        It cannot be taken back, so it is begun anew where the account was changed meanwhile:
        another admin may have enabled it, and the last of the others stopped being one since.
        """
        for _ in range(_TRIES):
            before = await found()
            try:
                await self._shut(before, shutting)
            except Refusal as refusal:
                if refusal.type != ChangedMeanwhile.type:
                    raise
            else:
                return
        raise Busy

    async def _shut(self, before: Account, shutting: "_Shutting") -> Account:
        # Who is an admin is for the profile service to say, so it is asked first: from then on the
        # user counts as none. Where this goes no further, the account still lets them in, and the
        # same call, or enabling it, makes both say the same.
        organization, deleted = shutting.organization, shutting.deleted
        intended = before.model_copy(update={"disabled": True})
        await self._note(organization, intended, records=shutting.records)
        shut = await self.credentials.disable(
            DisableAccount(
                sub=before.sub,
                deleted=deleted,
                revision=before.revision if deleted else None,
                by=shutting.by,
            )
        )
        try:
            # The event does the same; the admin need not wait for that.
            await self._note(organization, shut)
        except Refusal as refusal:
            # Another admin has enabled them meanwhile, and somebody shut out who was left but them.
            if refusal.type == _LAST_ADMIN and not deleted:
                await self._enable(organization, before.sub, shutting.by)
            raise
        return shut

    async def _found(self, admin: Person, sub: str) -> tuple[User, Account]:
        organization = admin.home_organization.id
        user = await self.profile.user(ReadUser(sub=sub, organization=organization))
        account = await self.credentials.account(ReadAccount(sub=sub))
        if account.deleted:
            raise NotFound
        return user, account

    async def _note(
        self, organization: str, account: Account, *, records: tuple[int, ...] | None = None
    ) -> None:
        await self.profile.note_account(
            NoteAccount(
                sub=account.sub,
                organization=organization,
                disabled=account.disabled,
                deleted=account.deleted,
                revision=account.revision,
                record_revisions=records,
            )
        )
