"""A disk that is full refuses what it cannot keep, and nothing that was acknowledged is lost."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import PyMongoError

from deploy.local.servers import Program
from deploy.local.services import SERVICES
from tests.fault.oracle import Oracle
from tests.fault.ordeal import FAULTS, Fault, Ordeal
from tests.fault.portal import Portal, WoundableStack

_ROOM = "900m"
_NO_SPACE = "No space left on device"
_AT_ONCE = 1024 * 1024


def _fill(stack: WoundableStack) -> None:
    block = bytes(_AT_ONCE)
    place = stack.directory / "mongo" / "ballast"
    with place.open("wb", buffering=0) as ballast, suppress(OSError):
        while ballast.write(block):
            pass
    # The journal's room is taken beforehand; what the store keeps beside it needs more.
    with MongoClient[dict[str, Any]](stack.mongo_url, timeoutMS=3000) as client:
        while stack.log("mongo").count(_NO_SPACE) < 1:
            try:
                client["cramped"]["ballast"].insert_one({"weight": os.urandom(_AT_ONCE)})
                client.admin.command("fsync")
            except PyMongoError:
                return


def _make_room(stack: WoundableStack) -> None:
    (stack.directory / "mongo" / "ballast").unlink(missing_ok=True)


@pytest.fixture
def cramped() -> Iterator[WoundableStack]:
    """Run a stack whose MongoDB has a disk of its own, which is small."""
    stack = WoundableStack()
    place = stack.directory / "mongo"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        stack.close()
        pytest.skip("Mounting a small disk takes root.")
    try:
        with stack:
            yield stack
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
async def cramped_portal(cramped: WoundableStack) -> AsyncIterator[Portal]:
    """Give that stack, as people use it."""
    async with Portal(cramped) as opened:
        yield opened


async def test_a_full_disk_of_the_store_refuses_cleanly_and_loses_nothing(
    cramped_portal: Portal,
) -> None:
    full = Fault("mongo has no disk left", _fill, _make_room)
    mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(cramped_portal.stack.mongo_url)
    async with mongo:
        oracle = Oracle(cramped_portal, mongo)
        before = [await cramped_portal.change(user) for user in await cramped_portal.people(2)]
        ordeal = Ordeal(full, "during", seconds=6.0, people=4, sessions=2)
        verdict = await ordeal.run(cramped_portal, oracle)
        assert _NO_SPACE in cramped_portal.stack.log("mongo")
        assert verdict.clean, verdict.wrongs
        verdict = await oracle.verdict(before, healed=monotonic())
        assert verdict.clean, verdict.wrongs


async def test_a_full_disk_of_the_broker_delays_and_refuses_nothing(
    portal: Portal, oracle: Oracle
) -> None:
    fault = FAULTS["rabbitmq has no disk left"]
    verdict = await Ordeal(fault, "before", seconds=5.0).run(portal, oracle)
    assert verdict.clean, verdict.wrongs


@contextmanager
def _no_room_for_logs(stack: WoundableStack) -> Iterator[None]:
    """Start the services anew, each with its output on a device that is always full."""
    plain = {name: stack.programs[name] for name in SERVICES}
    unheard = ("sh", "-c", 'exec "$@" >/dev/full 2>&1', "sh")
    _restart(stack, {n: replace(each, argv=(*unheard, *each.argv)) for n, each in plain.items()})
    try:
        yield
    finally:
        _restart(stack, plain)


def _restart(stack: WoundableStack, programs: dict[str, Program]) -> None:
    for name in programs:
        stack.term(name)
    stack.add(*programs.values())
    stack.start(*programs)
    stack.wait_ready(*programs)


async def test_logs_that_cannot_be_written_stop_nobody(portal: Portal, oracle: Oracle) -> None:
    with _no_room_for_logs(portal.stack):
        people = await portal.people(2)
        changes = [await portal.change(user, gateway="gateway") for user in people]
        verdict = await oracle.verdict(changes, healed=monotonic())
    assert verdict.clean, verdict.wrongs
