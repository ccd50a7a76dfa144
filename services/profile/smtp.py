"""Mail by SMTP: the only file that imports its client."""

from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException, SMTPRecipientRefused, SMTPRecipientsRefused

from services.profile.errors import AddressRefused, MailUndelivered
from services.profile.model import Mail

SendSeconds = 6.0
_PERMANENT = 500


@dataclass(frozen=True)
class SmtpMailer:
    """Hands mail to one server, a connection each: notices are rare and must not share a fate."""

    host: str
    port: int
    sender: str

    async def send(self, mail: Mail) -> None:
        """Return once the server has taken the mail."""
        message = self._message(mail)
        try:
            async with SMTP(hostname=self.host, port=self.port, timeout=SendSeconds) as server:
                await server.send_message(message, recipients=[mail.to])
        except (SMTPRecipientsRefused, SMTPRecipientRefused) as error:
            if _is_permanent(error):
                raise AddressRefused("The mail server refuses the address.") from error
            raise MailUndelivered(repr(error)) from error
        except (SMTPException, OSError, TimeoutError) as error:
            raise MailUndelivered(repr(error)) from error

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = _addressee(mail.to)
        message["Subject"] = mail.subject
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = mail.message_id
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message


def _addressee(address: str) -> Address:
    # Read as a header, `a,b@example.org` would be two addressees, and others fail to be read.
    try:
        addressee = Address(addr_spec=address)
    except (HeaderParseError, ValueError, AttributeError, IndexError) as error:
        raise AddressRefused("This is not an address.") from error
    if addressee.addr_spec != address:
        raise AddressRefused("This is not an address.")
    return addressee


def _is_permanent(error: SMTPRecipientsRefused | SMTPRecipientRefused) -> bool:
    refused = error.recipients if isinstance(error, SMTPRecipientsRefused) else [error]
    return all(each.code >= _PERMANENT for each in refused)
