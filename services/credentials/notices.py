"""Notices to addresses that an account had: nobody else knows them, and no event names them."""

from dataclasses import dataclass

from services.credentials.keyring import Keyring
from services.credentials.owed import AddressNotice
from services.credentials.store import AddressNoticeStore, CredentialStore, Words
from shared.mail import AddressRefused, Mail, Mailer, MailUndelivered
from shared.owed import Sender

TEXTS = ("mail.", "sent.")
"""What the ids of all that this service says begin with."""


@dataclass(frozen=True)
class AddressNotices:
    """Tell addresses that are no methods any more, and all of a reset (NIST SP 800-63B-4, 4.6)."""

    store: AddressNoticeStore
    accounts: CredentialStore
    keyring: Keyring
    mailer: Mailer
    words: Words
    portal_url: str
    domain: str

    async def send_due(self) -> bool:
        """Send one mail that is due; return whether there was one."""
        return await Sender(self.store, self._send).send_due()

    async def keep_sending(self) -> None:
        """Send whatever is due, for ever."""
        await Sender(self.store, self._send).run()

    async def _send(self, notice: AddressNotice) -> None:
        account = await self.accounts.password_of(notice.sub)
        if account is None:
            raise AddressRefused("There is nobody.")
        values = {
            "user_id": account.user_id,
            "at": self.words.moment(notice.at, notice.language),
            "portal": self.portal_url,
        }
        is_reset = notice.cause == "password-reset"
        kind = "mail.reset-address" if is_reset else "mail.former-address"
        text_id = f"{kind}.text" if is_reset else f"{kind}.{notice.cause}"
        mail = Mail(
            # The mail to the person has the event's id, and a mailbox keeps one of each.
            message_id=f"<{notice.id}@{self.domain}>",
            to=self.keyring.open(notice.place, notice.sealed).decode(),
            subject=self.words.text(f"{kind}.subject", notice.language, **values),
            text=self.words.text(text_id, notice.language, **values),
        )
        try:
            await self.mailer.send(mail)
        except MailUndelivered:
            # It is logged, and what a mail server says may repeat the address.
            raise MailUndelivered("The mail server did not take it.") from None
