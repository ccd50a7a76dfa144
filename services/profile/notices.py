"""Notices: mails that tell people what was done to their account."""

from dataclasses import dataclass
from datetime import datetime

from services.profile.errors import AddressRefused, MailUndelivered
from services.profile.model import Mail, Notice, PersonRecord
from services.profile.store import Mailer, NoticeStore, PeopleStore, Texts
from shared.contracts.events import CredentialChange, SignedOutEverywhere
from shared.telemetry import log

_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Notices:
    """Owe a mail for every change, and send it until the mail server has it."""

    store: NoticeStore
    people: PeopleStore
    mailer: Mailer
    texts: Texts
    portal_url: str
    domain: str

    async def owe(self, event: CredentialChange | SignedOutEverywhere) -> None:
        """Owe the mail that an event asks for; events may come twice and in any order."""
        payload = event.payload
        notice = Notice(payload.receipt, event.subject, payload.cause, event.occurred_at)
        await self.store.owe(event.id, notice)

    async def owe_missed(self, after: datetime | None) -> datetime | None:
        """Owe the mails whose event was lost; return where to go on from next time."""
        return await self.store.owe_missed(after)

    async def send_due(self) -> bool:
        """Send one mail that is due; return whether there was one."""
        notice = await self.store.claim()
        if notice is None:
            return False
        try:
            await self._send(notice)
        except AddressRefused as error:
            log.warning("notice-refused", receipt=notice.receipt)
            await self.store.undeliverable(notice.receipt, str(error))
        except MailUndelivered as error:
            log.warning("notice-waits", receipt=notice.receipt, error=str(error))
            pause = min(2.0**notice.attempts, _LONGEST_PAUSE_SECONDS)
            await self.store.postpone(notice.receipt, seconds=pause)
        else:
            await self.store.sent(notice.receipt)
        return True

    async def _send(self, notice: Notice) -> None:
        person = await self.people.person(notice.sub)
        if person is None or not person.record.emails:
            raise AddressRefused("There is no address.")
        await self.mailer.send(await self._mail(notice, person))

    async def _mail(self, notice: Notice, person: PersonRecord) -> Mail:
        record = person.record
        organization = await self.people.organization(record.organization)
        values = {
            "name": record.display_name,
            "user_id": record.user_id,
            "organization": organization.name if organization else "",
            "helpdesk": organization.helpdesk.email or organization.helpdesk.phone
            if organization
            else "",
            "at": self.texts.moment(notice.committed_at, record.preferred_language),
            "portal": self.portal_url,
        }
        text_id = f"mail.{notice.cause}"
        return Mail(
            message_id=f"<{notice.receipt}@{self.domain}>",
            to=record.emails[0],
            subject=self.texts.text(f"{text_id}.subject", record.preferred_language, **values),
            text=self.texts.text(f"{text_id}.text", record.preferred_language, **values),
        )
