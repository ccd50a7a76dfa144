"""What the services keep of people in MongoDB: all of it is told, and all of it is erased."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.credentials.keyring import Keyring
from services.credentials.method import place_of
from services.credentials.model import change_guesses, sign_in_guesses
from services.credentials.mongo.personal_data import CredentialHoldings
from services.profile.erasures import Erasures
from services.profile.mongo_audit import MongoAuditStore
from services.profile.mongo_personal_data import MongoErasureStore
from services.profile.mongo_personal_data import holdings as kept_by_profile
from services.profile.trail import Inspection, Seal, Told
from services.sessions.mongo.personal_data import holdings as kept_by_sessions
from shared.clock import SystemClock
from shared.contracts.accounts import DeletedDays
from shared.contracts.audit import Actor
from shared.contracts.events import AccountErased, AccountPurged, Audited
from shared.contracts.personal_data import KEEPERS, AskErasure, FindSubject, ReadPersonalData
from shared.mongo import Database, Document
from shared.personal_data import NOT_SHOWN, PersonalData
from shared.wiring import Wiring

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEPPER, RING = b"the pepper of a test", Keyring.parse(f"test:{'07' * 32}")
SEAL = Seal(b"a test's key")
KEEPS_NOTHING = {
    "outbox", "inbox", "organizations", "terms", "audit-heads", "erasures", "policies",
    "password_policies", "reset_policies", "one_time", "quotas", "gone_factors",
    "leave-policies", "terms-pdfs", "activity_retention",
}  # fmt: skip
"""Subjects at most, or keyed hashes that are forgotten within a day."""


@dataclass(frozen=True)
class Keepers:
    """The three services' parts, by name."""

    wirings: dict[str, Wiring]
    parts: dict[str, PersonalData]

    async def told(self, sub: str, *, limit: int = 50) -> dict[str, list[Document]]:
        """Return everything that is told of somebody, by section."""
        told: dict[str, list[Document]] = {}
        for part in self.parts.values():
            after: str | None = None
            while True:
                page = await part.read(ReadPersonalData(sub=sub, after=after, limit=limit))
                told.setdefault(page.section, []).extend(page.items)
                after = page.next
                if after is None:
                    break
        return told

    async def everything(self) -> dict[str, list[Document]]:
        """Return every document there is, by database and collection."""
        databases = [each.database for each in self.wirings.values()]
        databases.append(self.wirings["sessions"].epochs.database)
        return {
            f"{database.name.partition('_')[2]}.{name}": await database[name].find().to_list()
            for database in databases
            for name in await database.list_collection_names()
        }

    async def erase(self, sub: str) -> None:
        for part in self.parts.values():
            await part.erase(AccountPurged.of(sub, at=AT))


@pytest.fixture
async def keepers(profile: Wiring, credentials: Wiring, sessions: Wiring) -> Keepers:
    kept: dict[Any, Any] = {
        "profile": kept_by_profile(profile.database),
        "credentials": CredentialHoldings(
            credentials.database, credentials.epochs, RING, PEPPER
        ).of,
        "sessions": kept_by_sessions(sessions.database, sessions.epochs),
    }
    wirings = {"profile": profile, "credentials": credentials, "sessions": sessions}
    parts = {
        keeper: PersonalData(
            keeper,
            of,
            wirings[keeper].transactions,
            SystemClock(),
            **({"first": credentials.epochs.bury} if keeper == "credentials" else {}),
        )
        for keeper, of in kept.items()
    }
    return Keepers(wirings, parts)


async def live(keepers: Keepers, sub: str) -> None:
    """Keep something of somebody wherever anything is kept."""
    profile, credentials, sessions = (each.database for each in keepers.wirings.values())
    epochs = keepers.wirings["sessions"].epochs.database
    mark, user_id = f"{sub}'s own", f"{sub}@halden.example"
    await profile["people"].insert_one({
        "_id": sub, "user_id": user_id, "user_id_key": user_id, "display_name": mark,
        "organization": "halden", "emails": [f"{sub}@mail.example"], "disabled": True,
        "deleted_at": AT,
    })  # fmt: skip
    await profile["photos"].insert_one({"_id": sub, "image": mark, "media_type": "image/png"})
    await profile["terms-decisions"].insert_one({
        "_id": f"d.{sub}.1", "sub": sub, "document": "d", "number": 1, "decision": "accepted",
        "at": AT, "where": {"address": "192.0.2.7", "user_agent": mark},
    })  # fmt: skip
    await profile["memberships"].insert_one(
        {"_id": f"{sub}/elsewhere", "sub": sub, "organization": "elsewhere", "role": "guest"}
    )
    for invited in (sub, "nobody"):
        await profile["invitations"].insert_one({
            "_id": f"i-{invited}-{sub}", "sub": invited, "user_id": user_id,
            "user_id_key": user_id, "organization": f"of {invited}", "invited_at": AT,
        })  # fmt: skip
    notice = {"_id": f"n-{sub}", "sub": sub, "cause": "password-changed", "to": mark}
    await profile["notices"].insert_one({**notice, "committed_at": AT})
    actor = Actor(sub=sub, organization="halden")
    trail = MongoAuditStore(profile, keepers.wirings["profile"].transactions, SEAL)
    await trail.append(Told.by(Audited.of(actor, "add-user", at=AT, subject=f"other than {sub}")))
    await _credentials(credentials, sub, user_id, mark)
    await epochs["epochs"].insert_one({"_id": sub, "epoch": 3, "password_version": 2})
    await sessions["activity"].insert_one({"_id": f"{sub}-1", "sub": sub})
    for number in range(5):
        at = AT + timedelta(minutes=number // 2)
        await sessions["activity"].insert_one({
            "_id": f"{sub}-{9 - number}", "sub": sub, "at": at, "outcome": "signed-in",
            "address": mark, "forget_at": at + timedelta(days=36500),
        })  # fmt: skip
    await sessions["activity_tallies"].insert_one({"_id": f"{sub}.signed-in.2026-03-01"})
    await sessions["devices"].insert_one(
        {"_id": f"device-{sub}", "sub": sub, "name": mark, "key_hash": f"h{sub}"}
    )
    await sessions["sessions"].insert_one(
        {"_id": f"session-{sub}", "sub": sub, "user_agent": mark, "proof": f"h{sub}"}
    )
    await sessions["new_devices_told"].insert_one({"_id": sub})
    await epochs["revocations"].insert_one(
        {"_id": f"r-{sub}", "sub": sub, "committed_at": AT, "token_hash": f"h{sub}"}
    )


async def _credentials(database: Database, sub: str, user_id: str, mark: str) -> None:
    await database["passwords"].insert_one(
        {"_id": sub, "user_id": user_id, "verifier": f"$argon2id${sub}", "former": []}
    )
    target = RING.seal(place_of(sub, "m1"), mark.encode())
    asked = RING.seal(place_of(sub, "m2"), b'[["Whose was it?", "$argon2id$answer"]]')
    await database["security_info"].insert_one({
        "_id": sub, "version": 1,
        "methods": [
            {"id": "m1", "kind": "sms", "label": mark, "sealed": target, "codes": []},
            {"id": "m2", "kind": "security-questions", "label": "", "sealed": asked, "codes": []},
        ],
    })  # fmt: skip
    await database["address_notices"].insert_one({"_id": f"a-{sub}", "sub": sub, "sealed": b"x"})
    for guesses in (
        sign_in_guesses(PEPPER, user_id, familiar=False),
        sign_in_guesses(PEPPER, user_id, familiar=True),
        change_guesses(PEPPER, sub),
    ):
        await database["guesses"].insert_one({"_id": guesses.key, "failures": 2})
    await database["guesses"].insert_one({"_id": f"code-{sub}", "untold": {"sub": sub}})
    await database["locks_told"].insert_one({"_id": f"{sub} codes-locked"})
    await database["resets"].insert_one({"_id": f"reset-{sub}", "sub": sub, "user_id": user_id})


async def test_no_collection_is_forgotten(keepers: Keepers) -> None:
    await live(keepers, "ada")
    told = {
        each.collection.name for part in keepers.parts.values() for each in await part.holdings("x")
    }
    there = {name.rpartition(".")[2] for name in await keepers.everything()}
    # The tests of events count in the same databases.
    there.discard("counters")
    assert there - told - KEEPS_NOTHING == set()
    assert told - there == set()


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_everything_is_told_in_order_and_secrets_are_not(
    keepers: Keepers, limit: int
) -> None:
    for sub in ("ada", "ada2"):
        await live(keepers, sub)
    told = await keepers.told("ada", limit=limit)
    assert [each["id"] for each in told["sign-ins"]] == [
        "ada-1",
        "ada-8",
        "ada-9",
        "ada-6",
        "ada-7",
        "ada-5",
    ]
    assert {name: len(items) for name, items in told.items()} == {
        "person": 1, "photo": 1, "terms": 1, "organizations": 1, "invitations": 2,
        "mails": 1, "audit": 1, "account": 1, "epoch": 1,
        "methods": 1, "mails-owed-to-removed-addresses": 1, "wrong-guesses": 4, "locks-told": 1,
        "resets": 1, "devices": 1, "sessions": 1, "sign-ins": 6, "sign-ins-by-day": 1,
        "new-devices-told": 1, "receipts": 1,
    }  # fmt: skip
    first, second = told["methods"][0]["methods"]
    assert (first["label"], second["questions"]) == ("ada's own", ["Whose was it?"])
    assert told["methods"][0][NOT_SHOWN] == ["methods.sealed"]
    assert told["account"][0][NOT_SHOWN] == ["verifier"]
    said = repr(told)
    assert "argon2" not in said
    assert "hada" not in said
    assert "ada2" not in said


async def test_all_of_one_is_erased_but_the_trail_and_the_epoch_and_nothing_of_another(
    keepers: Keepers,
) -> None:
    for sub in ("ada", "bo"):
        await live(keepers, sub)
    before, of_bo = await keepers.everything(), await keepers.told("bo")
    for _ in range(2):
        await keepers.erase("ada")
    after = await keepers.everything()
    left = {name for name, kept in after.items() if any("ada" in repr(each) for each in kept)}
    outboxes = {f"{keeper}.outbox" for keeper in KEEPERS}
    assert left == {"profile.audit", "epochs.epochs", *outboxes}
    trail = after["profile.audit"]
    assert trail == before["profile.audit"]
    assert "ada's own" not in repr(trail)
    epoch = {"_id": "ada", "epoch": 4, "password_version": 0, "buried": True}
    assert [each for each in after["epochs.epochs"] if each["_id"] == "ada"] == [epoch]
    assert await keepers.told("bo") == of_bo
    assert len(after["credentials.guesses"]) == 4
    for keeper in KEEPERS:
        told = [each["body"] for each in after[f"{keeper}.outbox"]]
        assert len(told) == 2
        confirmed = {AccountErased.model_validate_json(each).payload.service for each in told}
        assert confirmed == {keeper}
    # The guesses of somebody who has the user ID next are not touched by what comes late.
    guesses = keepers.wirings["credentials"].database["guesses"]
    key = sign_in_guesses(PEPPER, "ada@halden.example", familiar=False).key
    await guesses.insert_one({"_id": key, "failures": 1})
    await keepers.erase("ada")
    assert await guesses.count_documents({"_id": key}) == 1


async def test_the_trail_is_intact_after_an_erasure_and_names_nobody(keepers: Keepers) -> None:
    await live(keepers, "ada")
    await keepers.erase("ada")
    profile = keepers.wirings["profile"]
    store = MongoAuditStore(profile.database, profile.transactions, SEAL)
    inspection = Inspection(SEAL, "halden", await store.head("halden"))
    entries = await store.entries("halden", limit=9)
    assert [fault for each in entries for fault in inspection.entry(each)] == []
    assert [*inspection.end(await store.head("halden"))] == []
    assert [each.told.actor for each in entries] == ["ada"]


@pytest.fixture
def erasures(profile: Wiring) -> Erasures:
    return Erasures(MongoErasureStore(profile.database, profile.transactions), SystemClock())


async def told_of(profile: Wiring, name: str) -> int:
    return await profile.database["outbox"].count_documents({"name": name})


async def test_who_was_deleted_thirty_days_ago_is_purged(
    keepers: Keepers, profile: Wiring, erasures: Erasures
) -> None:
    for sub, days in (("ada", DeletedDays + 1), ("bo", DeletedDays - 1)):
        await live(keepers, sub)
        deleted_at = datetime.now(UTC) - timedelta(days=days)
        await profile.database["people"].update_one(
            {"_id": sub}, {"$set": {"deleted_at": deleted_at}}
        )
    for _ in range(2):
        await erasures.work_off()
    assert [each.sub async for each in erasures.all()] == ["ada"]
    assert await told_of(profile, "account-purged") == 1
    assert await told_of(profile, "audited") == 1


def long_ago(*names: str, seconds: int) -> list[Document]:
    earlier = {name: {"$subtract": ["$$NOW", seconds * 1000]} for name in names}
    return [{"$set": earlier}]


async def test_a_purge_is_told_until_all_have_confirmed_and_a_minute_is_over(
    keepers: Keepers, profile: Wiring, erasures: Erasures
) -> None:
    await live(keepers, "ada")
    records = profile.database["erasures"]
    assert (await erasures.ask(AskErasure(sub="ada"))).waits_for == KEEPERS

    async def again(*, confirmed: bool, asked: int) -> int:
        before = await told_of(profile, "account-purged")
        if confirmed:
            for keeper in KEEPERS:
                purged = AccountPurged.of("ada", at=AT)
                await erasures.confirm(AccountErased.of(purged, keeper, at=AT))
        await records.update_one({"_id": "ada"}, long_ago("asked_at", seconds=asked))
        await records.update_one(
            {"_id": "ada", "due_at": {"$ne": None}}, long_ago("due_at", seconds=1)
        )
        await erasures.work_off()
        return await told_of(profile, "account-purged") - before

    assert await again(confirmed=False, asked=61) == 1
    assert await again(confirmed=True, asked=59) == 1
    assert await again(confirmed=True, asked=61) == 1
    assert await again(confirmed=True, asked=61) == 0
    await erasures.repeat(["ada", "from-a-backup"])
    assert [each.waits_for async for each in erasures.all()] == [KEEPERS, KEEPERS]
    assert (await erasures.find(FindSubject(name="ADA@halden.example"))).sub == "ada"
    found = await erasures.find(FindSubject(name="from-a-backup"))
    assert (found.organization, found.deleted) == (None, True)


async def test_nothing_of_an_epoch_that_is_buried_is_accepted_again(sessions: Wiring) -> None:
    epochs = sessions.epochs
    await sessions.transactions.run(lambda tx: epochs.open("ada", tx.session))
    for _ in range(2):
        await epochs.bury("ada")
        assert await epochs.current("ada") == 2
    await epochs.bury("nobody")
    assert await epochs.current("nobody") == 0
    assert (await epochs.standing("ada")).password_version == 0
