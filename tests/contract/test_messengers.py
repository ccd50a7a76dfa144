"""Messages out, against a carrier that takes, refuses, stalls, leads elsewhere or is not there."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr, ValidationError

from deploy.local.ports import HOST, free
from services.credentials.config import CredentialsConfig
from services.credentials.errors import AddressUndeliverable, MessageUndelivered
from services.credentials.messengers import FileCarrier, HttpCarrier, MailCarrier
from services.credentials.store import Message
from shared.contracts.methods import SentKind
from shared.mail import AddressRefused, Mail, MailUndelivered
from tests.memory.clock import StoppedClock

TOKEN = "the token of the carrier"
NUMBER, TEXT = "+494215550147", "1234 5678 is the code …"


def message(kind: SentKind = "sms") -> Message:
    return Message(kind, NUMBER, "Your code", TEXT, "en")


@dataclass
class Company:
    """A carrier's server, which does what it was told to."""

    status: int = 202
    stalls: bool = False
    to: str | None = None
    orders: list[tuple[str | None, dict[str, Any]]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Take an order, or not."""
        self.orders.append((request.headers.get("Authorization"), await request.json()))
        if self.stalls:
            await asyncio.sleep(60)
        headers = {"Location": self.to} if self.to else {}
        return web.Response(status=self.status, headers=headers)


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
async def carrier(company: Company) -> AsyncIterator[HttpCarrier]:
    app = web.Application()
    app.router.add_post("/messages", company.take)
    async with TestServer(app) as server:
        yield HttpCarrier(str(server.make_url("/messages")), SecretStr(TOKEN))


@pytest.mark.parametrize("kind", ["sms", "voice"])
async def test_a_carrier_is_told_what_to_bring_to_whom(
    carrier: HttpCarrier, company: Company, kind: SentKind
) -> None:
    await carrier.carry(message(kind))
    order = {"to": NUMBER, "text": TEXT, "channel": kind, "language": "en"}
    assert company.orders == [(f"Bearer {TOKEN}", order)]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_what_a_carrier_refuses_is_not_sent(
    carrier: HttpCarrier, company: Company, status: int
) -> None:
    company.status = status
    with pytest.raises(MessageUndelivered, match=str(status)) as refused:
        await carrier.carry(message())
    assert NUMBER not in repr(refused.value)
    assert len(company.orders) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_carrier_cannot_lead_elsewhere(
    carrier: HttpCarrier, company: Company, status: int
) -> None:
    company.status, company.to = status, carrier.url
    with pytest.raises(MessageUndelivered):
        await carrier.carry(message())
    assert len(company.orders) == 1


async def test_a_carrier_that_stalls_is_given_up(
    carrier: HttpCarrier, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.credentials.messengers.CarrySeconds", 0.2)
    company.stalls = True
    async with asyncio.timeout(2):
        with pytest.raises(MessageUndelivered, match="TimeoutError"):
            await carrier.carry(message())


async def test_a_carrier_that_is_away_takes_nothing() -> None:
    nowhere = f"http://{HOST}:{free(('carrier',))['carrier']}/"
    with pytest.raises(MessageUndelivered) as refused:
        await HttpCarrier(nowhere, SecretStr(TOKEN)).carry(message())
    assert TOKEN not in repr(refused.value)


async def test_a_file_gets_a_line_for_each_message_and_is_its_owners(tmp_path: Path) -> None:
    carrier = FileCarrier(tmp_path / "sms.jsonl", StoppedClock())
    await asyncio.gather(*(carrier.carry(message("voice")) for _ in range(20)))
    lines = [json.loads(line) for line in carrier.file.read_text().splitlines()]
    told = {"to": NUMBER, "channel": "voice", "text": TEXT, "at": "2026-03-01T12:00:00Z"}
    assert lines == [told] * 20
    assert stat.S_IMODE(carrier.file.stat().st_mode) == 0o600


async def test_a_file_that_cannot_be_written_takes_nothing(tmp_path: Path) -> None:
    with pytest.raises(MessageUndelivered):
        await FileCarrier(tmp_path / "no" / "sms.jsonl", StoppedClock()).carry(message())


@dataclass
class Mails:
    """A mailer that takes mail, or raises what it was told to."""

    raises: Exception | None = None
    taken: list[Mail] = field(default_factory=list)

    async def send(self, mail: Mail) -> None:
        """Take it, or not."""
        if self.raises is not None:
            raise self.raises
        self.taken.append(mail)


async def test_every_code_is_a_mail_of_its_own() -> None:
    mails = Mails()
    for _ in range(2):
        await MailCarrier(mails, "example.org").carry(message("email"))
    assert {(each.to, each.subject, each.text) for each in mails.taken} == {
        (NUMBER, "Your code", TEXT)
    }
    assert len({each.message_id for each in mails.taken}) == 2


async def test_what_a_mail_server_says_of_an_address_goes_no_further() -> None:
    for raised, expected in (
        (AddressRefused("jo@example.org"), AddressUndeliverable),
        (MailUndelivered("jo@example.org"), MessageUndelivered),
    ):
        with pytest.raises(expected) as refused:
            await MailCarrier(Mails(raised), "example.org").carry(message("email"))
        assert "jo@" not in str(refused.value)


def config(**more: Any) -> CredentialsConfig:
    secret = SecretStr("sixteen characters")
    return CredentialsConfig(
        service_key=secret, mongo_url=secret, redis_url=secret, rabbitmq_url=secret, pepper=secret,
        keyring=SecretStr(f"test:{'07' * 32}"), **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    "url",
    ["https://sms.example.org/send", "http://127.0.0.1:9000/", "http://[::1]/", "http://localhost"],
)
def test_a_carrier_is_reached_in_private(url: str) -> None:
    assert config(carrier_url=url, carrier_token=SecretStr(TOKEN)).carrier_url == url


@pytest.mark.parametrize(
    "more",
    [
        {"carrier_url": "http://sms.example.org/", "carrier_token": SecretStr(TOKEN)},
        {"carrier_url": "http://127.0.0.1.example.org/", "carrier_token": SecretStr(TOKEN)},
        {"carrier_url": "ftp://localhost/", "carrier_token": SecretStr(TOKEN)},
        {"carrier_url": "https://sms.example.org/"},
        {"carrier_token": SecretStr(TOKEN)},
        {"smtp_host": "localhost"},
        {"mail_from": "portal@example.org"},
        {
            "carrier_url": "https://sms.example.org/",
            "carrier_token": SecretStr(TOKEN),
            "sms_file": Path("sms.jsonl"),
        },
    ],
)
def test_settings_that_do_not_go_together_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**more)


async def test_a_mail_server_that_stalls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stalls:
        async def send(self, mail: Mail) -> None:
            await asyncio.sleep(60)

    monkeypatch.setattr("services.credentials.messengers.MailSeconds", 0.1)
    with pytest.raises(MessageUndelivered):
        await MailCarrier(Stalls(), "example.org").carry(message("email"))
