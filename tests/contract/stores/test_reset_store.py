"""What every store of resets and of their policies does, in memory and in MongoDB alike."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest

from services.credentials.errors import ResetEnded
from services.credentials.model import help_asked, reset_refused
from services.credentials.mongo.accounts import MongoCredentialStore
from services.credentials.mongo.policies import MongoResetPolicyStore
from services.credentials.mongo.resets import MongoResetStore
from services.credentials.reset_policy import ResetPolicy
from services.credentials.resets import Reset
from services.credentials.store import CredentialStore, ResetPolicyStore, ResetStore
from shared.mongo import Database
from shared.wiring import Wiring
from tests.contract.stores.test_credential_store import ADA, AT, open_account
from tests.memory.credential_policies import MemoryResetPolicies
from tests.memory.credentials import MemoryCredentials

RESET = Reset(
    id="r1",
    sub="ada",
    user_id="$ada",
    organization="halden",
    epoch=1,
    policy_version=2,
    methods_version=3,
    is_admin=True,
)
STRICT = ResetPolicy(
    "groups",
    frozenset({"$pilots", "crew"}),
    frozenset({"email", "sms"}),
    methods_required=2,
    reconfirm_days=0,
    questions_to_register=5,
    questions_to_answer=4,
)


@dataclass(frozen=True)
class Kept:
    """A store of resets, the accounts and the policies beside it, and a way to let time pass."""

    resets: ResetStore
    accounts: CredentialStore
    policies: ResetPolicyStore
    memory: MemoryCredentials | None
    database: Database | None

    async def end(self) -> None:
        """Let every reset and every turn to answer be over."""
        if self.memory is not None:
            for known, (reset, _) in self.memory.resets.by_id.items():
                self.memory.resets.by_id[known] = (reset, 0.0)
        if self.database is not None:
            await self.database["resets"].update_many({}, {"$set": {"ends_at": AT}})

    async def forget_turns(self) -> None:
        """Let every turn to answer have run out."""
        if self.memory is not None:
            self.memory.resets.answering.clear()
        if self.database is not None:
            await self.database["resets"].update_many({}, {"$set": {"answering_until": AT}})

    async def told(self) -> list[str]:
        """Return the names of the events that were told."""
        if self.memory is not None:
            return [each.name for each in self.memory.epochs.outbox.values()]
        assert self.database is not None
        return [each["name"] async for each in self.database["outbox"].find()]


@pytest.fixture(params=["memory", "mongodb"])
def kept(request: pytest.FixtureRequest) -> Kept:
    if request.param == "memory":
        memory = MemoryCredentials()
        return Kept(memory.resets, memory, MemoryResetPolicies(), memory, None)
    wiring = request.getfixturevalue("credentials")
    accounts = MongoCredentialStore(wiring.database, wiring.epochs, wiring.transactions)
    resets = MongoResetStore(wiring.database, wiring.transactions)
    policies = MongoResetPolicyStore(wiring.database, wiring.transactions)
    return Kept(resets, accounts, policies, None, wiring.database)


async def test_a_reset_is_found_as_it_was_begun(kept: Kept) -> None:
    refused = replace(RESET, id="r2", organization=None, refused="unknown")
    await kept.resets.begin(RESET, None)
    await kept.resets.begin(refused, reset_refused("ada", "halden", "unknown", at=AT))
    assert await kept.resets.find("r1") == RESET
    assert await kept.resets.find("r2") == refused
    assert await kept.resets.find("r3") is None
    assert await kept.told() == ["audited"]


async def test_each_step_replaces_what_was_read_and_nothing_else(kept: Kept) -> None:
    await kept.resets.begin(RESET, None)
    asked = RESET.on("mail")
    assert await kept.resets.change(asked)
    assert not await kept.resets.change(RESET.on("phone"))
    assert await kept.resets.find("r1") == replace(asked, revision=1)
    proved = replace(asked, revision=1).answered("email", 4)
    assert await kept.resets.change(proved)
    assert await kept.resets.find("r1") == replace(proved, revision=2)


async def test_of_fifty_who_want_to_answer_at_once_one_has_the_turn(kept: Kept) -> None:
    await kept.resets.begin(RESET, None)
    claimed = await asyncio.gather(*(kept.resets.claim(RESET) for _ in range(50)))
    assert [each for each in claimed if each is not None] == [replace(RESET, revision=1)]


async def test_a_turn_ends_with_the_change_it_makes_or_by_itself(kept: Kept) -> None:
    await kept.resets.begin(RESET, None)
    claimed = await kept.resets.claim(RESET)
    assert claimed is not None
    assert await kept.resets.claim(claimed) is None
    assert await kept.resets.change(claimed)
    again = await kept.resets.claim(replace(claimed, revision=2))
    assert again is not None
    await kept.forget_turns()
    assert await kept.resets.claim(again) is not None


async def test_what_is_over_is_neither_found_nor_changed_nor_claimed(kept: Kept) -> None:
    await kept.resets.begin(RESET, None)
    await kept.end()
    assert await kept.resets.find("r1") is None
    assert not await kept.resets.change(RESET.on("mail"))
    assert await kept.resets.claim(RESET) is None


async def test_a_reset_is_done_in_the_transaction_of_the_password_or_not_at_all(
    kept: Kept,
) -> None:
    await open_account(kept.accounts, ADA)
    # What it rests on was never written, and so cannot have been replaced.
    reset = replace(RESET, policy_version=0, methods_version=0)
    await kept.resets.begin(reset, None)
    done = ADA.changed("verifier-2", at=AT, history=1)

    async def finish(changed: Reset) -> None:
        async def work(tx: object) -> None:
            await tx.put_password(done)  # type: ignore[attr-defined]
            await tx.finish_reset(changed, "receipt")  # type: ignore[attr-defined]

        await kept.accounts.in_transaction(work)

    with pytest.raises(ResetEnded):
        await finish(replace(reset, revision=7))
    assert await kept.accounts.password_of("ada") == ADA
    await finish(reset)
    assert await kept.accounts.password_of("ada") == done
    found = await kept.resets.find("r1")
    assert found == replace(reset, receipt="receipt", revision=1)


async def test_help_that_is_asked_for_is_told(kept: Kept) -> None:
    await kept.resets.tell(help_asked("ada", at=AT))
    assert await kept.told() == ["help-asked"]


async def test_a_policy_for_resets_is_replaced_as_its_next_version(kept: Kept) -> None:
    assert await kept.policies.policy_of("halden") == ResetPolicy()
    for version, policy in enumerate((STRICT, ResetPolicy(), STRICT), start=1):
        # Whatever version who replaces it knows of, it is the store's that counts.
        await kept.policies.put_policy("halden", replace(policy, version=9))
        assert await kept.policies.policy_of("halden") == replace(policy, version=version)
    assert await kept.policies.policy_of("elsewhere") == ResetPolicy()


async def test_a_reset_does_not_outlive_the_policy_or_the_methods_that_it_rests_on(
    credentials: Wiring,
) -> None:
    database, transactions = credentials.database, credentials.transactions
    accounts = MongoCredentialStore(database, credentials.epochs, transactions)
    resets = MongoResetStore(database, transactions)
    policies = MongoResetPolicyStore(database, transactions)
    await policies.put_policy("halden", ResetPolicy("everyone"))
    reset = replace(RESET, policy_version=1, methods_version=0)
    await resets.begin(reset, None)

    async def finish(tx: Any) -> None:
        await tx.finish_reset(reset, "receipt")

    await policies.put_policy("halden", ResetPolicy("nobody"))
    with pytest.raises(ResetEnded):
        await accounts.in_transaction(finish)
    assert await resets.find("r1") == reset
    await database["reset_policies"].update_one({"_id": "halden"}, {"$set": {"version": 1}})
    await accounts.in_transaction(finish)
    found = await resets.find("r1")
    assert found is not None
    assert found.receipt == "receipt"
    # What was in the way of a replacement is no part of the policy.
    assert await policies.policy_of("halden") == ResetPolicy("nobody", version=1)
