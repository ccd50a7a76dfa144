"""Mail by SMTP, against a server that takes, refuses, stalls or is not there."""

import asyncio
import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.ports import HOST, free
from shared.mail import AddressRefused, Mail, MailUndelivered
from shared.smtp import SmtpMailer


@dataclass
class MailServer:
    """Takes mail, or answers what it was told to."""

    says_to_sender: str = "250 OK"
    says_to_recipient: str = "250 OK"
    says_to_content: str = "250 OK"
    silent: bool = False
    taken: list[Envelope] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 - the name that aiosmtpd calls
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take or refuse a sender."""
        if self.says_to_sender.startswith("2"):
            envelope.mail_from = address
        return self.says_to_sender

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take or refuse a recipient."""
        if self.silent:
            await asyncio.sleep(60)
        if self.says_to_recipient.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.says_to_recipient

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take or refuse the mail itself."""
        if self.says_to_content.startswith("2"):
            self.taken.append(envelope)
        return self.says_to_content


PORT = free(("smtp",))["smtp"]


@pytest.fixture
def server() -> Iterator[MailServer]:
    made = MailServer()
    controller = Controller(made, hostname=HOST, port=PORT)
    controller.start()
    yield made
    controller.stop()


def mailer(port: int = PORT) -> SmtpMailer:
    return SmtpMailer(HOST, port, "Account portal <portal@example.org>")


def mail(to: str = "jonas@example.org") -> Mail:
    return Mail(
        "<r1@example.org>",
        to,
        "Ihr Kennwort wurde ge\u00e4ndert",
        "Gr\u00fc\u00dfe\n\u65e5\u672c\n",
    )


async def test_a_mail_arrives_as_it_was_written(server: MailServer) -> None:
    await mailer().send(mail())
    (envelope,) = server.taken
    assert envelope.rcpt_tos == ["jonas@example.org"]
    assert envelope.mail_from == "portal@example.org"
    assert isinstance(envelope.content, bytes)
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message["Subject"] == "Ihr Kennwort wurde ge\u00e4ndert"
    assert message["Message-ID"] == "<r1@example.org>"
    assert message["To"] == "jonas@example.org"
    assert message["From"] == "Account portal <portal@example.org>"
    assert message["Date"].datetime is not None
    assert message.get_content().splitlines() == ["Gr\u00fc\u00dfe", "\u65e5\u672c"]


async def test_no_machine_answers_it_with_an_absence_note(server: MailServer) -> None:
    await mailer().send(mail())
    assert isinstance(server.taken[0].content, bytes)
    assert b"Auto-Submitted: auto-generated" in server.taken[0].content


@pytest.mark.parametrize("says", ["550 no such mailbox", "553 mailbox name not allowed"])
async def test_an_address_that_is_refused_for_good_is_said_to_be(
    server: MailServer, says: str
) -> None:
    server.says_to_recipient = says
    with pytest.raises(AddressRefused):
        await mailer().send(mail())


async def test_an_address_that_is_refused_for_now_is_not_given_up(server: MailServer) -> None:
    server.says_to_recipient = "450 mailbox busy"
    with pytest.raises(MailUndelivered):
        await mailer().send(mail())
    server.says_to_recipient = "250 OK"
    await mailer().send(mail())
    assert len(server.taken) == 1


@pytest.mark.parametrize("says", ["451 try later", "452 full for now"])
async def test_a_mail_that_is_not_taken_this_time_is_undelivered(
    server: MailServer, says: str
) -> None:
    server.says_to_content = says
    with pytest.raises(MailUndelivered):
        await mailer().send(mail())
    server.says_to_content, server.says_to_sender = "250 OK", says
    with pytest.raises(MailUndelivered):
        await mailer().send(mail())


@pytest.mark.parametrize("says", ["550 not from you", "552 full", "554 no"])
async def test_a_mail_that_is_refused_for_good_is_not_tried_for_ever(
    server: MailServer, says: str
) -> None:
    server.says_to_content = says
    with pytest.raises(AddressRefused, match=says[:3]):
        await mailer().send(mail())
    server.says_to_content, server.says_to_sender = "250 OK", says
    with pytest.raises(AddressRefused, match=says[:3]):
        await mailer().send(mail())


@pytest.mark.parametrize("to", ["j\u00fcrgen@mueller.example", "a@b\u00fccher.example"])
async def test_what_only_some_servers_pass_on_is_refused(server: MailServer, to: str) -> None:
    with pytest.raises(AddressRefused):
        await mailer().send(mail(to))
    assert server.taken == []


async def test_a_server_that_is_not_there_leaves_the_mail_undelivered() -> None:
    with pytest.raises(MailUndelivered):
        await mailer(free(("nothing",))["nothing"]).send(mail())


async def test_a_server_that_does_not_answer_is_given_up_in_time(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.smtp.SendSeconds", 0.3)
    server.silent = True
    with pytest.raises(MailUndelivered):
        async with asyncio.timeout(10):
            await mailer().send(mail())


@pytest.mark.parametrize(
    "to",
    [
        "a,b@example.org",
        "a;b@example.org",
        "<a@example.org",
        '"a b"@example.org',
        "a:b@example.org",
        "(a@example.org",
        "j\u00f6rg@example.org",
        "a@b\u00fccher.example",
        "a@[example",
        "@@example.org",
        "a@example.org>,<b@example.org",
        "\\@example.org",
        "=?utf-8?q?a=40b?=@example.org",
    ],
)
async def test_an_odd_address_is_delivered_to_or_refused_and_reaches_nobody_else(
    server: MailServer, to: str
) -> None:
    try:
        await mailer().send(mail(to))
    except (AddressRefused, MailUndelivered):
        return
    (envelope,) = server.taken
    assert envelope.rcpt_tos == [to]
