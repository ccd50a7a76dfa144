"""A code counts once, whoever of the store's members takes its use and dies with it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.ports import HOST, free
from deploy.local.servers import REPLICA_SET, Program, mongo_url, mongod
from services.credentials.method import Method
from services.credentials.methods import SecurityInfo
from services.credentials.mongo.methods import MongoMethodStore
from shared.mongo import connect
from tests.fault.oracle import Oracle
from tests.fault.portal import Portal, Reply, User
from tests.fault.test_throttling import authenticator
from tests.stack import Launcher

PHONE = Method("phone", "authenticator", "Phone", datetime.now(UTC), proved=True, last_step=7)
_PATIENCE = 30.0


@dataclass
class Members:
    """Three members of a replica set, each a process of its own."""

    launcher: Launcher
    ports: dict[str, int]

    def primary(self) -> str:
        """Return which of them takes writes, once one does."""
        last = monotonic() + _PATIENCE
        while monotonic() < last:
            for name, port in self.ports.items():
                with _client(port) as client, suppress(PyMongoError):
                    if client.admin.command("hello")["isWritablePrimary"]:
                        return name
        raise TimeoutError(self.ports)

    @property
    def url(self) -> str:
        """Where clients find whichever is the primary."""
        hosts = ",".join(f"{HOST}:{port}" for port in self.ports.values())
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"


def _member(name: str, directory: Path, port: int) -> Program:
    started = mongod(directory / name, port)
    # It is asked for the primary by the test, and only has to be there.
    return replace(started, name=name, ready=lambda: _listens(port))


def _listens(port: int) -> bool:
    with _client(port) as client:
        try:
            return bool(client.admin.command("ping")["ok"])
        except PyMongoError:
            return False


def _client(port: int) -> MongoClient[dict[str, Any]]:
    return MongoClient(mongo_url(port), serverSelectionTimeoutMS=300)


@pytest.fixture
def members() -> Iterator[Members]:
    """Start three, and let them agree on a primary."""
    names = ("one", "two", "three")
    ports = free(names)
    with Launcher() as launcher:
        launcher.add(*(_member(each, launcher.directory, ports[each]) for each in names))
        launcher.start(*names)
        launcher.wait_ready(*names)
        config = {
            "_id": REPLICA_SET,
            "members": [
                {"_id": number, "host": f"{HOST}:{ports[each]}"}
                for number, each in enumerate(names)
            ],
            "settings": {"electionTimeoutMillis": 2000},
        }
        with _client(ports[names[0]]) as client:
            client.admin.command("replSetInitiate", config)
        yield Members(launcher, ports)


@pytest.fixture
async def store(members: Members) -> AsyncIterator[MongoMethodStore]:
    """Give the store of methods that are kept by them."""
    await asyncio.to_thread(members.primary)
    async with connect(members.url) as client:
        nothing = cast("Any", None)
        made = MongoMethodStore(client["credentials"], nothing, nothing)
        await made.put(SecurityInfo("ada", methods=(PHONE,), default="phone"), None)
        yield made


async def _take(store: MongoMethodStore, use: str) -> None:
    info = await store.security_info("ada")
    (phone,) = info.methods
    await store.put_use(info.with_changed(phone.took_step(8, datetime.now(UTC))), use)


async def _at_last(store: MongoMethodStore, use: str) -> bool:
    """Return what is said of a use as soon as somebody can say it."""
    last = monotonic() + _PATIENCE
    while True:
        try:
            return await store.is_kept("ada", use)
        except PyMongoError:
            if monotonic() > last:
                raise


async def test_a_use_that_dies_with_the_member_that_took_it_is_not_kept_and_counts_once(
    members: Members, store: MongoMethodStore
) -> None:
    primary = members.primary()
    others = [each for each in members.ports if each != primary]
    for each in others:
        members.launcher.kill(each)
    await _take(store, "lost")
    asked = asyncio.create_task(store.is_kept("ada", "lost"))
    # As long as nobody else has it, nobody says that it is kept.
    done, _ = await asyncio.wait({asked}, timeout=1.0)
    members.launcher.kill(primary)
    members.launcher.start(*others)
    assert not done
    with suppress(PyMongoError):
        assert not await asked
    await asyncio.to_thread(members.primary)
    assert not await _at_last(store, "lost")
    # Nothing was handed out for it, so the code counts now, and only now.
    await _take(store, "kept")
    assert await _at_last(store, "kept")
    # The one that took it first is back, and has given up what nobody else had.
    members.launcher.start(primary)
    members.launcher.wait_ready(primary)
    assert not await _at_last(store, "lost")
    assert await _at_last(store, "kept")


async def test_a_use_that_others_have_outlives_the_member_that_took_it(
    members: Members, store: MongoMethodStore
) -> None:
    await _take(store, "kept")
    assert await store.is_kept("ada", "kept")
    members.launcher.kill(members.primary())
    assert await _at_last(store, "kept")
    (phone,) = (await store.security_info("ada")).methods
    assert phone.last_step == 8


async def _signs_in(portal: Portal, user: User, code: str) -> Reply:
    body = {"user_id": user.user_id, "password": user.password, "code": code}
    return await portal.ask("POST", "/sign-in", body, user=user)


async def _open(oracle: Oracle, user: User) -> int:
    open_ones: dict[str, Any] = {"sub": user.sub, "open": True, "ended_by": None}
    return await oracle.mongo["sessions"]["sessions"].count_documents(open_ones)


async def test_a_code_that_a_dying_service_took_signs_nobody_in(
    portal: Portal, oracle: Oracle
) -> None:
    (user,) = await portal.people(1, sessions=1)
    code, before = (await authenticator(portal, user)).now(), await _open(oracle, user)
    portal.stack.points["credentials"].arm("after-use")
    assert (await _signs_in(portal, user, code)).status == 503
    await portal.whole()
    again = await _signs_in(portal, user, code)
    assert (again.status, again.body["type"]) == (403, "/problems/code-used")
    assert await _open(oracle, user) == before


async def test_a_code_counts_once_where_the_store_is_killed_once_it_was_taken(
    portal: Portal, oracle: Oracle
) -> None:
    (user,) = await portal.people(1, sessions=1)
    code, before = (await authenticator(portal, user)).now(), await _open(oracle, user)
    async with portal.held("credentials", "after-use", _signs_in(portal, user, code)) as begun:
        portal.stack.kill("mongo")
        await portal.whole()
    replies = [await begun]
    replies += await portal.all(_signs_in(portal, user, code) for _ in range(8))
    statuses = Counter(each.status for each in replies)
    assert set(statuses) <= {200, 403, 503}, statuses
    assert statuses[200] <= 1
    assert await _open(oracle, user) == before + statuses[200]
