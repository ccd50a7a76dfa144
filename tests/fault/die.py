"""`python -m tests.fault.die NAME`: a service that dies or waits exactly where a test wants it to.

The product has no hooks for this. Functions of it are wrapped from outside before it starts, and
a test arms a point with a file in the stack's directory. The service's wall clock can be moved the
same way, while it runs.
"""

import asyncio
import os
import runpy
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

FOLDER = "points"
_LOOK_SECONDS = 0.01

# A point is named after what happens there, and lies right before and right after it.
_IN_ALL = {
    "commit": "pymongo.asynchronous.client_session:AsyncClientSession.commit_transaction",
    "publish": "shared.broker:Bus.publish",
    "mark": "shared.outbox:Outbox._mark",
    "settle": "shared.epochs:Epochs.settle",
    "fill": "shared.cache:AcceptanceCache.fill",
    "ack": "shared.broker:_Consumer._finish",
    "erase": "shared.personal_data:Holding.erase",
}
_IN_ONE = {
    "profile": {
        "effect": "services.profile.notices:Notices.owe",
        "send": "shared.smtp:SmtpMailer.send",
        "sent": "services.profile.mongo_notices:MongoNoticeStore.sent",
    },
    "credentials": {
        "verify": "services.credentials.authentication:Authentication.recognise",
        "hash": "services.credentials.hashing:Hasher.verify",
        "use": "services.credentials.mongo.methods:MongoMethodStore.put_use",
    },
    "sessions": {
        "effect": "services.sessions.revocation:Revocations.carry_out",
        "store": "services.sessions.mongo.sessions:MongoSessionStore.add_session",
        "renewal": "services.sessions.mongo.sessions:MongoSessionStore.seen",
    },
    "gateway": {"call": "services.gateway.clients.credentials:CredentialsClient.change"},
}


@dataclass(frozen=True)
class Points:
    """The points of one service, as the test that arms them sees them, and as the service does."""

    directory: Path
    service: str

    def arm(self, point: str, act: str = "die", *, nth: int = 1) -> None:
        """Let the service `die` or `hold` when it reaches e.g. `before-commit` for the nth time."""
        unfinished = self._file(f"{point}.new")
        unfinished.write_text(f"{act} {nth}")
        unfinished.rename(self._file(point))

    def was_reached(self, point: str) -> bool:
        """Whether the service died at the point, or is held there."""
        return self._file(f"{point}.reached").exists()

    def release(self, point: str) -> None:
        """Let go what is held at the point."""
        self._file(f"{point}.reached").unlink(missing_ok=True)

    def clear(self) -> None:
        """Disarm every point, let go what is held, and put the clock right."""
        for file in self.directory.glob(f"{self.service}.*"):
            file.unlink(missing_ok=True)

    def set_clock(self, seconds: float) -> None:
        """Move the service's wall clock away from the machine's."""
        self._file("clock").write_text(str(seconds))

    def clock(self) -> float:
        """Return by how much the wall clock is moved."""
        try:
            return float(self._file("clock").read_text() or 0)
        except FileNotFoundError:
            return 0.0

    async def reach(self, point: str) -> None:
        """Do what the point is armed with, if it is."""
        armed = self._file(point)
        if not armed.exists():
            return
        act, _, left = armed.read_text().partition(" ")
        if int(left) > 1:
            self.arm(point, act, nth=int(left) - 1)
            return
        armed.unlink()
        reached = self._file(f"{point}.reached")
        reached.touch()
        if act == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        # The test is another process, and a file is all that it shares with this one.
        while reached.exists():  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)

    def _file(self, name: str) -> Path:
        return self.directory / f"{self.service}.{name}"


def _surrounded(
    points: Points, name: str, original: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    async def call(*args: Any, **options: Any) -> Any:
        await points.reach(f"before-{name}")
        answer = await original(*args, **options)
        await points.reach(f"after-{name}")
        return answer

    return call


def _wrap(points: Points) -> None:
    for name, place in (_IN_ALL | _IN_ONE[points.service]).items():
        module, _, path = place.partition(":")
        owner, _, attribute = path.rpartition(".")
        kind = getattr(import_module(module), owner)
        setattr(kind, attribute, _surrounded(points, name, getattr(kind, attribute)))


def _move_clock(points: Points) -> None:
    clock, right_time = import_module("shared.clock").SystemClock, time.time
    right_now = clock.now

    def now(self: object) -> datetime:
        moved: datetime = right_now(self) + timedelta(seconds=points.clock())
        return moved

    for owner, name, moved in (
        (clock, "now", now),
        (time, "time", lambda: right_time() + points.clock()),
    ):
        setattr(owner, name, moved)


def main(service: str) -> None:
    """Run the service in this process."""
    points = Points(Path(os.environ["PORTAL_STACK"], FOLDER), service)
    _wrap(points)
    _move_clock(points)
    sys.argv = [f"services.{service}"]
    runpy.run_module(f"services.{service}", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
