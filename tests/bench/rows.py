"""`python -m tests.bench.rows [--rows N] [--users N]`: pages of few among very many rows.

It starts a MongoDB of its own, fills it and measures. Of a whole run, which takes most of an hour,
it writes tests/bench/results/rows.*, and it leaves nothing else behind.
"""

import argparse
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import uvloop
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict
from pymongo import AsyncMongoClient, monitoring

from deploy.local.ports import free
from deploy.local.servers import mongo_url, mongod
from services.profile.mongo import MongoPeopleStore
from services.sessions.activity import Activity
from services.sessions.disabling import Disabling
from services.sessions.disowning import Disowning
from services.sessions.model import SessionPolicy
from services.sessions.mongo.activity import MongoActivityStore
from services.sessions.mongo.policies import MongoPolicyStore
from services.sessions.mongo.sessions import MongoSessionStore
from services.sessions.places import NoPlaces, Place, Position, Sighting
from services.sessions.policy import SessionPolicies
from services.sessions.revocation import Revocations
from services.sessions.routes import activity_routes
from shared.clock import SystemClock
from shared.lease import Lease
from shared.mongo import Database, is_outage
from shared.service import ServiceConfig, application
from shared.wiring import Wiring
from tests.bench.figures import Bar, Figure, Section
from tests.bench.machine import described_here
from tests.bench.report import verdict, write
from tests.bench.rows_load import FEW, FEW_ROWS, MANY, MANY_ROWS, ORGANIZATION, Load
from tests.contract.settings import Settings
from tests.plans import Reads, plan_of
from tests.stack import Launcher

ROWS, USERS = 10_000_000, 1_000_000
_PAGE, _PORTAL_PAGE = 50, 25
_REPEATS = 300
_KEY = "the key of this benchmark"
_SORTED = {"users, searched for one", "users, searched for some hundreds"}
"""What is found by several indexes at once is put in order when it is found; it is not much."""
_FAR = Place("JP", {}, Position(35.7, 139.7))


class _Config(ServiceConfig):
    model_config = SettingsConfigDict(env_prefix="BENCH_ONLY_")
    port: int = 0
    metrics_port: int = 0
    service_key: SecretStr = SecretStr(_KEY)


def _wired(name: str, url: str) -> Wiring:
    nowhere = SecretStr("redis://127.0.0.1:1/0"), SecretStr("amqp://127.0.0.1:1/")
    return Wiring.of(name, Settings(SecretStr(url), *nowhere, ""))


class Rows:
    """The stores of the services, over what was loaded."""

    def __init__(self, url: str) -> None:
        """Connect as the services do."""
        self.sessions, self.profile = _wired("sessions", url), _wired("profile", url)
        self.activity = MongoActivityStore(self.sessions.database)
        self.devices = MongoSessionStore(
            self.sessions.database, self.sessions.epochs, self.sessions.transactions
        )
        self.people = MongoPeopleStore(self.profile.database, self.profile.transactions)

    def client(self) -> "TestClient[Any, Any]":
        """Return what asks the sessions service's own routes, over TCP."""
        clock = SystemClock()
        kept = MongoPolicyStore(self.sessions.database, self.sessions.transactions)
        policies = SessionPolicies(kept, Lease(kept.policy_of, clock), SessionPolicy.of(60, 24))
        revocations = Revocations(self.devices, clock)
        activity = Activity(self.activity, clock, policies, NoPlaces())
        app = application("sessions", _Config(), is_outage)
        disabling = Disabling(self.devices, revocations, clock)
        app.add_routes(activity_routes(activity, Disowning(revocations, disabling)))
        return TestClient(TestServer(app), headers={"X-Service-Key": _KEY})

    async def page(self, sub: str = MANY, **asked: Any) -> Any:
        """Read a page of activity."""
        usual: dict[str, Any] = {"words": (), "outcome": None, "after": None, "limit": _PAGE + 1}
        return await self.activity.attempts(sub, **usual | asked)

    async def close(self) -> None:
        """Let go of the connections."""
        for each in (self.sessions, self.profile):
            await each.cache.redis.aclose()
            await each.client.close()


def _reads(
    rows: Rows, middle: str, someone: str, one_of_them: str
) -> dict[str, tuple[Callable[[], Awaitable[Any]], int]]:
    """Return every read of a page, with how many documents it may look at."""
    sighting = Sighting("x", MANY, datetime.now(UTC), _FAR)
    month = datetime.now(UTC) - timedelta(days=29)
    one, page = 1, _PAGE + 2
    own = MANY_ROWS
    return {
        "activity, first page": (rows.page, page),
        "activity, a page in the middle": (lambda: rows.page(after=middle), page),
        "activity, a page of the export": (lambda: rows.page(after=middle, limit=201), 202),
        "activity, searched for what is often": (lambda: rows.page(words=["fire"]), 6 * page),
        "activity, searched for what is never": (lambda: rows.page(words=["never"]), own),
        "activity, of one outcome": (lambda: rows.page(outcome="wrong-password"), 6 * page),
        "activity, of an outcome that is never": (lambda: rows.page(outcome="overtaken"), own),
        "activity, one row": (lambda: rows.activity.attempt(MANY, middle), one),
        "activity, by day": (lambda: rows.activity.by_day(MANY, since=month), 0),
        "places, last seen": (lambda: rows.activity.last_sighting(before=sighting), one),
        "places, near": (lambda: rows.activity.was_near(sighting), 0),
        "places, to compare": (lambda: rows.activity.to_compare(limit=50), 50),
        "devices, first page": (lambda: rows.devices.devices_of(MANY, after=None, limit=51), page),
        "users, first page": (lambda: rows.people.people(ORGANIZATION, after=None, limit=51), page),
        "users, a page in the middle": (
            lambda: rows.people.people(ORGANIZATION, after=someone, limit=51), page,
        ),
        "users, searched for one": (
            lambda: rows.people.people(ORGANIZATION, after=None, limit=51, search=one_of_them), 2,
        ),
        # Who is found in several ways is read before anybody is shown.
        "users, searched for some hundreds": (
            lambda: rows.people.people(ORGANIZATION, after=None, limit=51, search="kim.roth.1"),
            1000,
        ),
        "users, searched for very many": (
            lambda: rows.people.people(ORGANIZATION, after=None, limit=51, search="a"), 20 * page,
        ),
    }  # fmt: skip


async def _times(read: Callable[[], Awaitable[Any]], count: int = 20) -> list[float]:
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        await read()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


async def _plans(rows: Rows, sent: Reads) -> Section:
    found = await rows.page(limit=MANY_ROWS // 2)
    people = await rows.people.people(ORGANIZATION, after=None, limit=2000)
    figures, bars = [], []
    for name, (read, most) in _reads(
        rows, found[-1].id, people[-1].sub, people[-1].record.user_id
    ).items():
        sent.sent.clear()
        await read()
        commands = list(sent.sent)
        taken = await _times(read)
        for command in commands:
            plan = await plan_of(_database_of(rows, command), command)
            print(f"  {name}: {plan}", flush=True)
            well = plan.uses_index and (not plan.sorts or name in _SORTED)
            bars += [
                Bar(f"{name}: documents", plan.documents, most, unit=""),
                Bar(f"{name}: by an index", int(well), 1, at_least=True, unit=""),
            ]
        figures.append(Figure(name, "ms", tuple(taken)))
    return Section(
        "Reads among very many rows",
        "Each read of the stores as it is sent, one at a time; whether its plan uses an index, in "
        "whose order it is, and how many documents it looks at, as explained.",
        tuple(figures), tuple(bars),
    )  # fmt: skip


def _database_of(rows: Rows, command: dict[str, Any]) -> Database:
    of_profile = "people" in command.values()
    return (rows.profile if of_profile else rows.sessions).database


async def _pages(rows: Rows) -> Section:
    """Ask for a page of each in turn."""
    taken: dict[tuple[str, str], list[float]] = {}

    async def ask(
        what: str, sub: str, client: "TestClient[Any, Any]", path: str, **asked: Any
    ) -> None:
        begun = time.perf_counter()
        answer = await client.post(path, json={"sub": sub, **asked})
        assert answer.status == 200, await answer.text()
        await answer.read()
        taken.setdefault((what, sub), []).append((time.perf_counter() - begun) * 1000)

    async with rows.client() as client:
        for _ in range(_REPEATS):
            for sub in (MANY, FEW):
                await ask("a page of 50", sub, client, "/activity/list")
                await ask("a page of 10", sub, client, "/activity/list", limit=FEW_ROWS)
                await ask("the days of the picture", sub, client, "/activity/count")
    figures = [
        Figure(f"{what}: with {MANY_ROWS:,} rows; bare: with {FEW_ROWS}", "ms",
               tuple(taken[what, MANY]), tuple(taken[what, FEW]))
        for what in dict.fromkeys(what for what, _ in taken)
    ]  # fmt: skip
    by_name = {each.what.partition(":")[0]: each for each in figures}
    return Section(
        "A page of few among very many rows",
        f"HTTP of the sessions service, asked in turn for a user with {MANY_ROWS:,} rows and for "
        f"one with {FEW_ROWS}, {_REPEATS} times.",
        tuple(figures),
        tuple(
            Bar(f"{name}, beside that of a user with {FEW_ROWS} rows", by_name[name].ratio or 0, 2)
            for name in ("a page of 50", "a page of 10")
        ),
    )  # fmt: skip


async def _measure(url: str, users: int, count: int) -> bool:
    conditions = described_here({}) | {
        "scale": f"{count:,} rows, {users:,} users", "repeats": _REPEATS, "generator": "one client",
    }  # fmt: skip
    sent = Reads()
    monitoring.register(sent)
    rows = Rows(url)
    begun = time.monotonic()
    async with AsyncMongoClient[dict[str, Any]](url, tz_aware=True) as client:
        conditions["versions"]["mongod"] = (await client.server_info())["version"]
        await Load(client, rows.sessions, rows.profile).fill(users, count)
        rows_kept = await client["sessions"]["activity"].estimated_document_count()
        users_kept = await client["profile"]["people"].estimated_document_count()
    conditions["scale"] = f"{rows_kept:,} rows, {users_kept:,} users"
    print(f"Loaded {conditions['scale']} in {time.monotonic() - begun:.0f} s.", flush=True)
    sections = [await _plans(rows, sent), await _pages(rows)]
    await rows.close()
    for section in sections:
        print(section.title, *map(verdict, section.bars), sep="\n  ")
    if (count, users) == (ROWS, USERS):
        print(f"Written: {write(conditions, sections, 'rows')}")
    return all(bar.passed for section in sections for bar in section.bars)


def main() -> int:
    """Return 0, or 1 where a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rows", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--users", type=int, default=USERS)
    chosen = parser.parse_args()
    with Launcher() as launcher:
        port = free()["mongo"]
        launcher.add(mongod(launcher.directory / "mongo", port))
        launcher.start("mongo")
        launcher.wait_ready("mongo")
        kept = uvloop.run(_measure(mongo_url(port), chosen.users, chosen.rows))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
