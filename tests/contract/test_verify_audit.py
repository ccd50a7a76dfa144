"""The command that goes through the audit trails, as an operator runs it."""

import asyncio
import os
import sys

from services.profile.mongo_audit import MongoAuditStore
from services.profile.trail import Seal, Told
from shared.contracts.audit import Actor
from shared.contracts.events import Audited
from shared.wiring import Wiring
from tests.contract.settings import Settings
from tests.contract.stores.test_audit_store import AT

KEY = "the key of this test's trail"


async def run(settings: Settings) -> tuple[int | None, list[str]]:
    """Run the command; return how it ends and what it says."""
    told = {
        "SERVICE_KEY": "none",
        "AUDIT_KEY": KEY,
        "MONGO_URL": settings.mongo_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
        "DATABASE_PREFIX": settings.database_prefix,
        "SMTP_HOST": "localhost",
        "MAIL_FROM": "portal@localhost",
        "PUBLIC_URL": "http://localhost",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.profile", "verify-audit",
        env={**os.environ, **{f"PROFILE_{name}": value for name, value in told.items()}},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode, said.decode().splitlines()


async def test_it_says_how_every_trail_is_and_ends_with_1_where_one_is_wrong(
    profile: Wiring, emptied: Settings
) -> None:
    assert await run(emptied) == (0, [])
    store = MongoAuditStore(profile.database, profile.transactions, Seal(KEY.encode()))
    for organization in ("elsewhere", "halden", "halden", "halden"):
        actor = Actor(sub="ada", organization=organization)
        await store.append(Told.by(Audited.of(actor, "add-user", at=AT)))
    elsewhere, halden = [await store.head(each) for each in ("elsewhere", "halden")]
    assert elsewhere is not None
    assert halden is not None
    intact = f"elsewhere: 1 entries, intact, the last is {elsewhere.hash}"
    assert await run(emptied) == (
        0, [intact, f"halden: 3 entries, intact, the last is {halden.hash}"],
    )  # fmt: skip
    await profile.database["audit"].delete_one({"organization": "halden", "sequence": 2})
    wrong = f"halden: 2 entries, 1 wrong, the last is {halden.hash}"
    assert await run(emptied) == (1, [intact, "halden: entry 2 missing", wrong])
