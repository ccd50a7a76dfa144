"""An SMTP server that delivers into a Maildir.

    python -m deploy.local.mailbox --port N --maildir DIR

Mail with the same Message-ID reaches a recipient once, however often it is sent, because
a sender that crashed sends again. Recipients named `refused@...` are refused.
"""

import argparse
import asyncio
import hashlib
import os
import signal
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path
from uuid import uuid4

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.ports import HOST


class Maildir:
    """The Maildir that mail is delivered into, one file for each recipient of a message."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for folder in ("tmp", "new", "cur"):
            (path / folder).mkdir(parents=True, exist_ok=True)

    def deliver(self, recipient: str, sender: str, content: bytes) -> None:
        """Write the message for the recipient, unless it is there already."""
        name = _file_name(recipient, content)
        if (self.path / "new" / name).exists() or any((self.path / "cur").glob(f"{name}*")):
            return
        traced = f"Return-Path: <{sender}>\nDelivered-To: {recipient}\n".encode()
        unfinished = self.path / "tmp" / f"{name}.{os.getpid()}"
        unfinished.write_bytes(traced + content.replace(b"\r\n", b"\n"))
        unfinished.rename(self.path / "new" / name)


def _file_name(recipient: str, content: bytes) -> str:
    # The name is all that is remembered about a message, so that the server
    # recognizes it after a restart too.
    message_id = BytesHeaderParser(policy=default).parsebytes(content)["Message-ID"]
    identity = f"{message_id or uuid4()}\n{recipient.lower()}"
    return hashlib.sha256(identity.encode()).hexdigest()[:40]


class Receiver:
    """What the SMTP server asks about each recipient and each message."""

    def __init__(self, maildir: Maildir) -> None:
        self._maildir = maildir

    async def handle_RCPT(  # noqa: N802 - aiosmtpd gives the hook its name.
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Accept every recipient but `refused`."""
        if address.partition("@")[0].lower() == "refused":
            return "550 5.1.1 There is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd gives the hook its name.
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Deliver the message; it is on the disk when the answer goes out."""
        content = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            self._maildir.deliver(recipient, envelope.mail_from or "", content)
        return "250 2.0.0 Delivered"


async def serve(host: str, port: int, maildir: Path) -> None:
    """Receive mail until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    receiver = Receiver(Maildir(maildir))
    ended = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, ended.set)
    server = await loop.create_server(
        lambda: SMTP(receiver, hostname="localhost", enable_SMTPUTF8=True, loop=loop), host, port
    )
    async with server:
        await ended.wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.mailbox")
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--maildir", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.host, options.port, options.maildir))


if __name__ == "__main__":
    main()
