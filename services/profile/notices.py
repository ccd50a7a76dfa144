"""Notices: mails that tell people what was done to their account."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.profile.model import Notice, NoticeCause, PersonRecord, once_a_day
from services.profile.store import NoticeStore, PeopleStore, Texts
from shared.contracts.events import (
    AccountDisabled,
    AccountEnabled,
    AccountEnabledPayload,
    Audited,
    CredentialChange,
    CredentialChangePayload,
    DeviceDisabled,
    HelpAsked,
    HelpAskedPayload,
    NewDevices,
    NewDevicesPayload,
    SignedOutEverywhere,
    SignInLocked,
    SignInLockedPayload,
)
from shared.mail import AddressRefused, Mail, Mailer
from shared.owed import Sender

TEXTS = "mail."
"""What the ids of all that this service says begin with."""
_ANY_CAUSE = "account-changed"
_UNTOLD = "?"
_TO_EACH_ADDRESS = {"password-reset", "password-set-by-admin"}
"""A password that its owner did not choose, or not while signed in, may be somebody else's."""
_IN_SEVERAL = _TO_EACH_ADDRESS | {"help-asked"}
"""What is told to each address of somebody, or to others."""
_OF_REFUSED_RESET: Mapping[str | None, NoticeCause] = {
    "not-enabled": "reset-not-enabled",
    "not-registered": "reset-not-registered",
}
"""What the owner of an account can do something about, or their helpdesk. That it is disabled is
not said, and of a lock there is a mail already."""
_WITHOUT_RECEIPT = (
    SignInLockedPayload,
    HelpAskedPayload,
    AccountEnabledPayload,
    NewDevicesPayload,
)
Told = (
    CredentialChange
    | SignedOutEverywhere
    | SignInLocked
    | HelpAsked
    | AccountDisabled
    | AccountEnabled
    | DeviceDisabled
    | NewDevices
)


@dataclass(frozen=True)
class Notices:
    """Owe a mail for every change, and send it until the mail server has it."""

    store: NoticeStore
    people: PeopleStore
    mailer: Mailer
    texts: Texts
    portal_url: str
    domain: str

    async def owe(self, event: Told) -> None:
        """Owe the mail that an event asks for; events may come twice and in any order."""
        notice = _notice_of(event)
        await self.store.owe(event.id, notice, *await self._to_other_admins(event, notice))

    async def owe_of_refused_reset(self, event: Audited) -> None:
        """Owe the owner of an account the reason that whoever asks for a reset is not told.

        Anybody who knows the user ID can bring it about, so it is one mail a day. It is owed after
        the entry of the audit trail, so the answer takes no longer for it.
        """
        cause = _OF_REFUSED_RESET.get(event.payload.reason)
        if event.payload.action != "reset-refused" or cause is None:
            return
        receipt = once_a_day(f"reset-refused {event.subject}", event.occurred_at)
        notice = Notice(receipt, event.subject, cause, event.occurred_at)
        await self.store.owe(f"{event.id}.owner", notice)

    async def _to_other_admins(self, event: Told, notice: Notice) -> list[Notice]:
        """Return what an organization's admins are told of what one of them did."""
        by = event.payload.by if isinstance(event, CredentialChange) else None
        person = await self.people.person(event.subject) if by is not None else None
        if person is None:
            return []
        return [
            Notice(
                f"{notice.receipt}.{each.sub}",
                each.sub,
                "password-of-user-set",
                notice.committed_at,
                whose=person.sub,
            )
            for each in await self.people.admins(person.record.organization)
            if each.sub not in {by, person.sub}
        ]

    async def owe_missed(self, after: datetime | None) -> datetime | None:
        """Owe the mails whose event was lost; return where to go on from next time."""
        return await self.store.owe_missed(after)

    async def send_due(self) -> bool:
        """Send one mail that is due; return whether there was one."""
        return await Sender(self.store, self._send).send_due()

    async def keep_sending(self) -> None:
        """Send whatever is due, for ever."""
        await Sender(self.store, self._send).run()

    async def _send(self, notice: Notice) -> None:
        """Send one mail, to the first of the person's addresses that is taken."""
        person = await self.people.person(notice.sub)
        if person is None:
            raise AddressRefused("There is nobody.")
        if notice.cause in _IN_SEVERAL and notice.to is None and notice.whose is None:
            return await self._owe_each(notice, person)
        refused = AddressRefused("There is no address.")
        addresses = person.record.emails if notice.to is None else (notice.to,)
        for address in addresses:
            try:
                return await self.mailer.send(await self._mail(notice, person, address))
            except AddressRefused as error:
                refused = error
        raise refused

    async def _owe_each(self, notice: Notice, person: PersonRecord) -> None:
        """Owe a mail of its own to everybody who is to be told, so that none waits for another."""
        record = person.record
        addresses = dict.fromkeys(record.emails) if notice.cause in _TO_EACH_ADDRESS else {}
        each = [
            replace(notice, receipt=f"{notice.receipt}.{number}", to=address)
            for number, address in enumerate(addresses)
        ]
        is_admins_reset = notice.cause == "password-reset" and "admin" in record.roles
        if is_admins_reset or notice.cause == "help-asked":
            each += await self._to_admins(notice, person)
        await self.store.owe(f"{notice.receipt}.each", *each)

    async def _to_admins(self, notice: Notice, person: PersonRecord) -> list[Notice]:
        is_reset = notice.cause == "password-reset"
        cause: NoticeCause = "admin-password-reset" if is_reset else notice.cause
        return [
            replace(
                notice,
                receipt=f"{notice.receipt}.{admin.sub}",
                sub=admin.sub,
                cause=cause,
                whose=person.sub,
            )
            for admin in await self.people.admins(person.record.organization)
            if admin.sub != person.sub
        ]

    async def _mail(self, notice: Notice, person: PersonRecord, address: str) -> Mail:
        record = person.record
        organization = await self.people.organization(notice.organization or record.organization)
        values = {
            "name": record.display_name,
            "user_id": record.user_id,
            "organization": organization.name if organization else "",
            "helpdesk": organization.helpdesk.email or organization.helpdesk.phone
            if organization
            else "",
            "at": self.texts.moment(notice.committed_at, record.preferred_language),
            "portal": self.portal_url,
            "method": self._method(notice, record.preferred_language),
            "whose": await self._name(notice.whose),
            "left": _UNTOLD if notice.codes_left is None else str(notice.codes_left),
        }
        text_id = self._text_id(notice)
        return Mail(
            message_id=f"<{notice.receipt}@{self.domain}>",
            to=address,
            subject=self.texts.text(f"{text_id}.subject", record.preferred_language, **values),
            text=self.texts.text(f"{text_id}.text", record.preferred_language, **values),
        )

    async def _name(self, sub: str | None) -> str:
        person = await self.people.person(sub) if sub is not None else None
        record = person.record if person is not None else None
        return f"{record.display_name} ({record.user_id})" if record is not None else _UNTOLD

    def _text_id(self, notice: Notice) -> str:
        # What is said of an address or of recovery codes is not what is said of a factor. A
        # service of the next version may have a cause that this one has no words for yet.
        texts = (f"mail.{notice.cause}.{notice.about}", f"mail.{notice.cause}")
        known = (each for each in texts if self.texts.has(f"{each}.text"))
        return next(known, f"mail.{_ANY_CAUSE}")

    def _method(self, notice: Notice, language: str | None) -> str:
        text_id = f"mail.about.{notice.about}"
        return self.texts.text(text_id, language) if self.texts.has(text_id) else _UNTOLD


def _notice_of(event: Told) -> Notice:
    at, payload = event.occurred_at, event.payload
    if isinstance(payload, _WITHOUT_RECEIPT):
        return Notice(event.id, event.subject, payload.cause, at)
    # What leaves no receipt is known by its event.
    notice = Notice(payload.receipt or event.id, event.subject, payload.cause, at)
    if isinstance(payload, CredentialChangePayload):
        return replace(notice, about=payload.credential_type, codes_left=payload.codes_left)
    return notice
