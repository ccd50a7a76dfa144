"""Rows of activity follow the policy: fewer days remove what is older, more keep it longer."""

from datetime import timedelta

import pytest

from services.sessions.attempts import NewAttempt
from services.sessions.model import SessionPolicy
from services.sessions.mongo.activity import MongoActivityStore
from services.sessions.mongo.policies import MongoPolicyStore
from services.sessions.mongo.retention import MongoRetentionStore
from services.sessions.retention import Retention
from shared.wiring import Wiring

ROW = NewAttempt(
    sub="ada", outcome="signed-in", app="portal", familiar=True, organization="halden", kept_days=90
)
AGES = (0, 8, 40, 89)


class Installation:
    """Rows of several ages, and what brings them in line."""

    def __init__(self, wiring: Wiring) -> None:
        self.activity = MongoActivityStore(wiring.database)
        self.policies = MongoPolicyStore(wiring.database, wiring.transactions)
        self.rows = wiring.database["activity"]
        self.store = MongoRetentionStore(wiring.database, settled_seconds=0, rows_at_once=2)

    async def add(self, organization: str | None = "halden", sub: str = "ada") -> None:
        for age in AGES:
            row = NewAttempt(**{**vars(ROW), "organization": organization, "sub": sub})
            await self.activity.add_attempt(f"{sub}-{age:02}", row)
            back = {"$subtract": ["$at", age * 24 * 3600 * 1000]}
            ends = {"$subtract": ["$forget_at", age * 24 * 3600 * 1000]}
            await self.rows.update_one(
                {"_id": f"{sub}-{age:02}"}, [{"$set": {"at": back, "forget_at": ends}}]
            )

    async def put(self, days: int, organization: str = "halden") -> None:
        await self.policies.put_policy(organization, SessionPolicy(3600, 86400, days))

    async def shown(self, sub: str = "ada") -> list[str]:
        found = await self.activity.attempts(sub, words=(), outcome=None, after=None, limit=10)
        return [each.id for each in found]

    async def kept_days(self, sub: str = "ada") -> set[timedelta]:
        return {each["forget_at"] - each["at"] async for each in self.rows.find({"sub": sub})}

    async def apply(self) -> None:
        await Retention(self.store).apply()


@pytest.fixture
async def here(sessions: Wiring) -> Installation:
    built = Installation(sessions)
    await built.add()
    return built


async def test_fewer_days_remove_what_is_older_and_more_keep_the_rest(here: Installation) -> None:
    await here.put(30)
    await here.apply()
    assert await here.shown() == ["ada-00", "ada-08"]
    assert await here.kept_days() == {timedelta(days=30)}
    await here.put(3650)
    await here.apply()
    assert await here.kept_days() == {timedelta(days=3650)}


async def test_another_organization_and_what_is_nobody_s_stay_as_they_are(
    here: Installation,
) -> None:
    await here.add("other", "eve")
    await here.add(None, ".nobody")
    await here.put(7)
    await here.apply()
    assert await here.shown() == ["ada-00"]
    for sub in ("eve", ".nobody"):
        assert len(await here.shown(sub)) == len(AGES)


async def test_whoever_is_stopped_is_followed_by_another_who_goes_on(here: Installation) -> None:
    await here.put(30)
    assert await here.store.due() == "halden"
    assert await here.store.bring_in_line("halden")
    # The second begins where the first was, and there is nothing for a third.
    assert await here.store.due() == "halden"
    await here.apply()
    assert await here.kept_days() == {timedelta(days=30)}
    assert await here.store.due() is None
    assert not await here.store.bring_in_line("halden")


async def test_a_policy_that_comes_in_the_middle_begins_anew(here: Installation) -> None:
    await here.put(30)
    assert await here.store.due() == "halden"
    assert await here.store.bring_in_line("halden")
    await here.put(100)
    # Whoever was at the one before stops there.
    assert not await here.store.bring_in_line("halden")
    await here.apply()
    assert await here.kept_days() == {timedelta(days=100)}


async def test_a_policy_of_a_moment_ago_waits_until_all_go_by_it(here: Installation) -> None:
    await here.put(30)
    patient = MongoRetentionStore(here.store.database)
    assert await patient.due() is None
    assert await patient.due() is None
    assert await here.store.due() == "halden"
