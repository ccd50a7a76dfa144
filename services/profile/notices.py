"""Notices: mails that tell people what was done to their account."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from services.profile.model import Notice, PersonRecord
from services.profile.store import NoticeStore, PeopleStore, Texts
from shared.contracts.events import CredentialChange, SignedOutEverywhere
from shared.mail import AddressRefused, Mail, Mailer, MailUndelivered
from shared.telemetry import log

_LONGEST_PAUSE_SECONDS = 60.0
_SENDING_SECONDS = 8.0
"""Shorter than the store's lease, or another mailer would send the same mail meanwhile."""
_ANY_CAUSE = "account-changed"


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
        # What leaves no receipt is known by its event.
        known_as = payload.receipt or event.id
        notice = Notice(known_as, event.subject, payload.cause, event.occurred_at)
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
            async with asyncio.timeout(_SENDING_SECONDS):
                await self._send(notice)
        except AddressRefused as error:
            log.warning("notice-refused", receipt=notice.receipt, error=str(error))
            await self.store.undeliverable(notice.receipt, str(error))
        except (MailUndelivered, TimeoutError) as error:
            log.warning("notice-waits", receipt=notice.receipt, error=repr(error))
            await self._postpone(notice)
        except Exception:
            # A notice that fails in a way nobody foresaw must not stop the others.
            log.exception("notice-failed", receipt=notice.receipt)
            await self._postpone(notice)
        else:
            await self.store.sent(notice.receipt)
        return True

    async def _postpone(self, notice: Notice) -> None:
        # After a day of attempts the power would be larger than a number can be.
        pause = min(2.0 ** min(notice.attempts, 10), _LONGEST_PAUSE_SECONDS)
        await self.store.postpone(notice.receipt, seconds=pause)

    async def _send(self, notice: Notice) -> None:
        """Send one mail, to the first of the person's addresses that is taken."""
        person = await self.people.person(notice.sub)
        if person is None:
            raise AddressRefused("There is nobody.")
        refused = AddressRefused("There is no address.")
        for address in person.record.emails:
            try:
                return await self.mailer.send(await self._mail(notice, person, address))
            except AddressRefused as error:
                refused = error
        raise refused

    async def _mail(self, notice: Notice, person: PersonRecord, address: str) -> Mail:
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
        # A service of the next version may have a cause that this one has no words for yet.
        known = self.texts.has(f"mail.{notice.cause}.text")
        text_id = f"mail.{notice.cause if known else _ANY_CAUSE}"
        return Mail(
            message_id=f"<{notice.receipt}@{self.domain}>",
            to=address,
            subject=self.texts.text(f"{text_id}.subject", record.preferred_language, **values),
            text=self.texts.text(f"{text_id}.text", record.preferred_language, **values),
        )
