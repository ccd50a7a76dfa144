"""What signed-in people do with their account."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import SecretStr, ValidationError

from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.errors import (
    AnswerLost,
    ConfirmationRequired,
    FlowEnded,
    PasswordChangeUnconfirmed,
    SessionIsRevoked,
)
from services.gateway.model import Caller
from services.gateway.portal_access import PortalAccess
from services.gateway.step_up import StepUps
from shared.contracts.accounts import ReadAccount
from shared.contracts.credentials import (
    ChangePassword,
    CheckPassword,
    PasswordReport,
    ReplacePassword,
    Words,
)
from shared.contracts.portal import PROFILE_FIELDS, ProfileField
from shared.contracts.profile import AddPerson, GetPerson, Person, Photo
from shared.contracts.refusals import NotFound, Refusal
from shared.contracts.sessions import (
    EndSession,
    ListReceipts,
    ListSessions,
    ReadReceipt,
    Receipt,
    ReceiptList,
    Revoked,
    SessionList,
    SignOutEverywhere,
)

P = TypeVar("P", bound=Person)

_MEMBERS: dict[ProfileField, str] = {"photo": "photo_url"}


def words_of(person: Person) -> Words:
    """Return the names that a person's password must not be built from."""
    return names_in(person, organization=person.home_organization.name)


def rated_for(person: Person, password: SecretStr) -> CheckPassword:
    """Return the question whether a password may be a person's next one."""
    return CheckPassword(
        password=password,
        words=words_of(person),
        sub=person.sub,
        organization=person.home_organization.id,
    )


def names_in(person: Person | AddPerson, *, organization: str) -> Words:
    """Return the names in a record. The part of an address after the @ is the organization's."""
    addresses = [each.partition("@") for each in (person.user_id, *person.emails)]
    hosts = dict.fromkeys(host for _, _, host in addresses if host)
    return Words(
        own=(person.display_name, *dict.fromkeys(name for name, _, _ in addresses)),
        organization=(organization, *hosts),
    )


@dataclass(frozen=True)
class Account:
    """One's own profile, sessions, receipts and password."""

    profile: ProfileClient
    credentials: CredentialsClient
    sessions: SessionsClient
    step_ups: StepUps
    portal: PortalAccess

    async def me(self, caller: Caller) -> bytes:
        """Return the caller's profile as the JSON that clients read, as far as they may see it."""
        organization = caller.session.organization
        if organization is None or await self.portal.fields(organization) != PROFILE_FIELDS:
            me = await self.profile.me(GetPerson(sub=caller.sub))
            return (await self.shown(me)).model_dump_json().encode()
        return await self.profile.get_raw(GetPerson(sub=caller.sub))

    async def shown(self, record: P) -> P:
        """Return somebody's own record without what their organization does not show them.

        Of that nothing is said: it is `null`, or there are no items.
        """
        fields = await self.portal.fields(record.home_organization.id)
        hidden = (_MEMBERS.get(each, each) for each in PROFILE_FIELDS if each not in fields)
        return record.model_copy(
            update={each: Person.model_fields[each].default for each in hidden}
        )

    async def person(self, caller: Caller) -> Person:
        """Return the caller's whole profile, for what has to know it."""
        return await self.profile.get(GetPerson(sub=caller.sub))

    async def photo(self, caller: Caller) -> Photo:
        """Return the caller's photo, or raise where their organization does not show it."""
        organization = caller.session.organization
        if organization is None:
            organization = (await self.person(caller)).home_organization.id
        await self.portal.check_field(organization, "photo")
        return await self.profile.photo(GetPerson(sub=caller.sub))

    async def open_sessions(
        self, caller: Caller, *, limit: int = 50, after: str | None = None
    ) -> SessionList:
        """Return a page of the caller's open sessions, newest first."""
        return await self.sessions.list(ListSessions(sub=caller.sub, limit=limit, after=after))

    async def sign_out(self, caller: Caller) -> None:
        """End the caller's own session."""
        await self.sessions.end(
            EndSession(sub=caller.sub, sid=caller.session.sid, cause="signed-out")
        )

    async def end_session(self, caller: Caller, sid: str) -> None:
        """End one of the caller's sessions, the current one too."""
        await self.sessions.end(EndSession(sub=caller.sub, sid=sid, cause="ended-by-user"))

    async def sign_out_everywhere(self, caller: Caller, *, confirmed: bool) -> Revoked:
        """Refuse everything issued to the caller so far; nothing happens unconfirmed."""
        if not confirmed:
            raise ConfirmationRequired(
                errors=[{"field": "confirm", "reason": "not-confirmed", "message": "not-confirmed"}]
            )
        return await self.sessions.sign_out_everywhere(SignOutEverywhere(sub=caller.sub))

    async def change_password(
        self, caller: Caller, *, old: SecretStr | None, new: SecretStr
    ) -> Revoked:
        """Change the caller's password; every session ends, this one too.

        A second factor that was shown a moment ago stands in for an old password that is not given.
        """
        if old is None:
            await self.step_ups.require_instead_of_password(caller)
        words = words_of(await self.person(caller))
        try:
            if old is None:
                return await self._replace_password(caller, new, words)
            return await self.credentials.change(
                ChangePassword(
                    sub=caller.sub,
                    old_password=old,
                    new_password=new,
                    address=caller.where.address,
                    words=words,
                )
            )
        except AnswerLost as lost:
            raise PasswordChangeUnconfirmed from lost

    async def _replace_password(self, caller: Caller, new: SecretStr, words: Words) -> Revoked:
        epoch = caller.session.epoch
        try:
            return await self.credentials.replace(
                ReplacePassword(sub=caller.sub, epoch=epoch, new_password=new, words=words)
            )
        except Refusal as refusal:
            if refusal.type == FlowEnded.type:
                # What the session stood for ended while its request was on its way.
                raise SessionIsRevoked from refusal
            raise

    async def password_set_at(self, caller: Caller) -> datetime | None:
        """Return when the caller's present password was first set, or last changed."""
        account = await self.credentials.account(ReadAccount(sub=caller.sub))
        return account.password_set_at

    async def check_password(self, caller: Caller, password: SecretStr) -> PasswordReport:
        """Rate a password for the caller; nothing is stored."""
        return await self.credentials.check(rated_for(await self.person(caller), password))

    async def receipt(self, sub: str | None, receipt_id: str, token: str | None) -> Receipt:
        """Return a receipt, to its user or to who shows the token it came with."""
        try:
            asked = ReadReceipt(id=receipt_id, sub=sub, token=token)
        except ValidationError as error:
            # What is too long to be an id or a token opens nothing, like any other wrong one.
            raise NotFound from error
        return await self.sessions.receipt(asked)

    async def receipts(
        self, caller: Caller, *, limit: int = 50, after: str | None = None
    ) -> ReceiptList:
        """Return a page of the caller's receipts, newest first."""
        return await self.sessions.receipts(ListReceipts(sub=caller.sub, limit=limit, after=after))
