"""Mail by SMTP: the only file that imports its client."""

from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from shared.mail import AddressRefused, Mail, MailUndelivered

SendSeconds = 6.0
_PERMANENT = 500
# What is said of this mail. Whatever the server says before, about us or its own state, may pass.
_REFUSALS = (SMTPSenderRefused, SMTPRecipientRefused, SMTPRecipientsRefused, SMTPDataError)


@dataclass(frozen=True)
class SmtpMailer:
    """Hands mail to one server, a connection each: mails are rare and must not share a fate."""

    host: str
    port: int
    sender: str

    async def send(self, mail: Mail) -> None:
        """Return once the server has taken the mail.

        A refusal for good (RFC 5321, 4.2.1) raises `AddressRefused`, whichever command it answers.
        """
        message = self._message(mail)
        try:
            async with SMTP(hostname=self.host, port=self.port, timeout=SendSeconds) as server:
                await server.send_message(message, recipients=[mail.to])
        except _REFUSALS as error:
            if codes := _permanent(error):
                raise AddressRefused(f"The mail server answers {codes}.") from error
            raise MailUndelivered(repr(error)) from error
        except SMTPNotSupported as error:
            raise AddressRefused("The mail server cannot take this address.") from error
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
    # Beyond ASCII only some servers go on to others (SMTPUTF8, RFC 6531); a mail about security
    # must not depend on that.
    try:
        addressee = Address(addr_spec=address)
    except (HeaderParseError, ValueError, AttributeError, IndexError) as error:
        raise AddressRefused("This is not an address.") from error
    if addressee.addr_spec != address or not address.isascii():
        raise AddressRefused("This is not an address.")
    return addressee


def _permanent(error: SMTPException) -> str:
    """Return the server's answers if each of them is final, else nothing."""
    refused = error.recipients if isinstance(error, SMTPRecipientsRefused) else [error]
    codes = {each.code for each in refused if isinstance(each, SMTPResponseException)}
    return ", ".join(map(str, sorted(codes))) if min(codes) >= _PERMANENT else ""
