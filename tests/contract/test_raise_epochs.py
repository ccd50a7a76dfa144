"""The command that raises every epoch after a restore, as an operator runs it."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

import pytest

from shared.contracts.epochs import NoEpoch
from shared.wiring import Wiring
from tests.contract.settings import Settings

OpenSubject = Callable[[Wiring, str], Awaitable[None]]
NOWHERE = "mongodb://127.0.0.1:1/?directConnection=true"
KEYRING = f"one:{'0' * 64}"


async def run(
    settings: Settings, service: str, word: str, **other: str
) -> tuple[int | None, str, str]:
    """Run a command; return how it ends, what it says and what it logs."""
    told = {
        "SERVICE_KEY": "none",
        "MONGO_URL": settings.mongo_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
        "DATABASE_PREFIX": settings.database_prefix,
        **other,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{service}", word,
        env={**os.environ, **{f"{service}_{name}".upper(): value for name, value in told.items()}},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, logged = await process.communicate()
    return process.returncode, said.decode(), logged.decode()


async def test_it_raises_everybodys_epoch_above_all_that_was_given_and_says_of_how_many(
    sessions: Wiring, emptied: Settings, open_subject: OpenSubject
) -> None:
    assert await run(emptied, "sessions", "raise-epochs") == (
        0, "0 epochs are raised: everybody signs in again\n", "",
    )  # fmt: skip
    for sub in ("ada", "bob", "cyn"):
        await open_subject(sessions, sub)
    await sessions.transactions.run(
        lambda tx: sessions.epochs.raise_("ada", "password-changed", tx.session)
    )
    await sessions.epochs.bury("cyn")
    assert await run(emptied, "sessions", "raise-epochs") == (
        0, "3 epochs are raised: everybody signs in again\n", "",
    )  # fmt: skip
    ada, bob, cyn = [await sessions.epochs.current(sub) for sub in ("ada", "bob", "cyn")]
    assert (ada - bob, cyn - bob, bob > 100_000) == (1, 1, True)
    assert await sessions.epochs.current("nobody") == NoEpoch


@pytest.mark.parametrize(
    ("service", "word"),
    [
        ("sessions", "raise-epochs"),
        ("profile", "erasures"),
        ("profile", "verify-audit"),
        ("credentials", "reseal"),
    ],
)
async def test_where_the_store_is_away_it_says_so_in_a_line_and_ends_with_1(
    settings: Settings, service: str, word: str
) -> None:
    more = {
        "profile": {
            "AUDIT_KEY": "the key of this test's trail",
            "SMTP_HOST": "localhost",
            "MAIL_FROM": "portal@localhost",
            "PUBLIC_URL": "http://localhost",
        },
        "credentials": {"KEYRING": KEYRING, "PEPPER": "0" * 16},
    }
    async with asyncio.timeout(60):
        done = await run(settings, service, word, MONGO_URL=NOWHERE, **more.get(service, {}))
    assert done == (1, "", "The store does not answer. Run this again when it does.\n")
