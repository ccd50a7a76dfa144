"""Messages out: by SMTP, by a carrier's HTTP interface, or into a file of this machine."""

import asyncio
import json
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import aiohttp
from pydantic import SecretStr

from services.credentials.errors import AddressUndeliverable, MessageUndelivered
from services.credentials.store import Message
from shared.clock import Clock
from shared.mail import AddressRefused, Mail, Mailer, MailUndelivered

CarrySeconds = 5.0
MailSeconds = 8.0
"""For all that a mail server is told; whoever waits for the answer gives up after twelve."""
_OWNER_ONLY = 0o600


@dataclass(frozen=True)
class MailCarrier:
    """Sends messages as mail."""

    mailer: Mailer
    domain: str

    async def carry(self, message: Message) -> None:
        """Hand the message to the mail server."""
        # Every code is a mail of its own, so nothing but the server knows it by its id.
        mail = Mail(f"<{uuid4().hex}@{self.domain}>", message.to, message.subject, message.text)
        try:
            async with asyncio.timeout(MailSeconds):
                await self.mailer.send(mail)
        except AddressRefused as error:
            raise AddressUndeliverable from error
        except (MailUndelivered, TimeoutError):
            # What a mail server says may repeat the address, so neither words nor cause go on.
            raise MessageUndelivered("The mail server did not take it.") from None


@dataclass(frozen=True)
class HttpCarrier:
    """Hands text messages and calls to a carrier, as `docs/operations.md` tells carriers."""

    url: str
    token: SecretStr

    async def carry(self, message: Message) -> None:
        """Return once the carrier has answered with 2xx."""
        order = {
            "to": message.to,
            "text": message.text,
            "channel": message.kind,
            "language": message.language,
        }
        headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"}
        try:
            # A connection each: messages are rare, and nothing of one may be left to the next.
            async with (
                asyncio.timeout(CarrySeconds),
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
                # Whoever is not the one that was configured gets neither the token nor the code.
                session.post(
                    self.url, json=order, headers=headers, allow_redirects=False
                ) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise MessageUndelivered(type(error).__name__) from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise MessageUndelivered(f"The carrier answers {status}.")


@dataclass(frozen=True)
class FileCarrier:
    """Writes text messages and calls as JSON lines into a file, for a machine without a carrier."""

    file: Path
    clock: Clock

    async def carry(self, message: Message) -> None:
        """Return once the line is in the file."""
        line = {
            "to": message.to,
            "channel": message.kind,
            "text": message.text,
            "at": self.clock.now().isoformat().replace("+00:00", "Z"),
        }
        try:
            await asyncio.to_thread(self._append, json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise MessageUndelivered(type(error).__name__) from None

    def _append(self, line: str) -> None:
        # One write to a file opened for appending is never torn by another's.
        opened = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _OWNER_ONLY)
        try:
            os.write(opened, line.encode())
        finally:
            os.close(opened)
