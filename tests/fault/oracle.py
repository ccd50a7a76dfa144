"""The oracle: says of changes that were made under a fault whether the promise was kept.

After a change was answered, nothing older is accepted; no session record stays open; every
receipt is completed within ten seconds of the fault's end; each change is mailed once; nothing is
parked, and nothing is lost.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any, Self

import aio_pika
from pymongo import AsyncMongoClient

from shared.broker import parked_queue
from shared.cache import LeaseSeconds
from shared.service import end
from tests.fault.portal import (
    ACCEPTED,
    GATEWAYS,
    PROBES,
    Change,
    Portal,
    Reply,
    User,
    becomes,
    sid_of,
    sub_of,
)

HealSeconds = 10.0
_PATIENCE = 40.0
"""For mails and events, which may wait for their next try."""
_EASED_SECONDS = 0.5
STORES = ("profile", "credentials", "sessions")
CONSUMERS = ("profile",)
"""Those with an inbox. The receipts, which are judged first, remember what sessions has heard."""


@dataclass
class Watch:
    """Shows tokens again and again, and remembers how each was answered.

    It looks closely until it is told for how long yet, and then less often: what is accepted by
    mistake is believed from a cache, where it stays for a lease, or for good.
    """

    portal: Portal
    tokens: list[str]
    pause: float = 0.05
    seen: list[tuple[str, Reply]] = field(default_factory=list)
    _close_until: float = math.inf

    @asynccontextmanager
    async def running(self, lanes: int = 4) -> AsyncIterator[Self]:
        """Watch until the block ends."""
        tasks = [asyncio.create_task(self._show_for_ever()) for _ in range(lanes)]
        try:
            yield self
        finally:
            await asyncio.gather(*map(end, tasks))

    def look_closely_for_a_while(self) -> None:
        """Look less often from when what is in a cache by now cannot be believed any more."""
        self._close_until = time.monotonic() + 2 * LeaseSeconds

    async def _show_for_ever(self) -> None:
        while True:
            token = self.portal.rng.choice(self.tokens)
            self.seen.append((token, await self.portal.show(token)))
            is_close = time.monotonic() < self._close_until
            await asyncio.sleep(self.pause if is_close else _EASED_SECONDS)


@dataclass
class Verdict:
    """What was found. `worst` is how long after the fault's end the last receipt was complete."""

    changes: int = 0
    stale: int = 0
    lost: int = 0
    mails_missing: int = 0
    mails_doubled: int = 0
    worst: float = 0.0
    wrongs: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was wrong."""
        return not self.wrongs

    def add(self, other: "Verdict") -> None:
        """Take over what another one found."""
        self.worst = max(self.worst, other.worst)
        for name in ("changes", "stale", "lost", "mails_missing", "mails_doubled", "wrongs"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def wrong(self, *what: object) -> None:
        """Take note of something that must not be."""
        self.wrongs.append(" ".join(map(str, what)))


@dataclass
class Oracle:
    """Looks into the stores themselves, past every service."""

    portal: Portal
    mongo: AsyncMongoClient[dict[str, Any]]
    _mails: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def verdict(
        self,
        changes: Sequence[Change],
        *,
        healed: float,
        watch: Watch | None = None,
        by_events: bool = True,
    ) -> Verdict:
        """Judge the changes of users who made no others, once the fault has ended.

        Without `by_events`, the effects suffice, though an event may not have brought them.
        """
        found = Verdict(changes=len(changes))
        users = {change.user.sub: change.user for change in changes}
        found.worst = await self._completed(list(users), healed, found)
        receipts = await self._receipts(list(users))
        for change in changes:
            await self._judge_answer(change, receipts, found)
        await self._judge_sessions(users, found)
        if watch is not None:
            _judge_watch(watch, changes, found)
        if by_events:
            await self._judge_events(receipts, found)
        await self._judge_mails(users, receipts, found)
        if parked := await self.parked():
            found.wrong("parked:", parked)
        return found

    async def receipts_of(self, user: User) -> list[dict[str, Any]]:
        """Return the revocations of a user, oldest first."""
        found = await self._receipts([user.sub])
        return sorted(found.values(), key=lambda each: each["epoch"])

    async def epochs_of(self, subs: Sequence[str]) -> dict[str, int]:
        """Return the users' epochs."""
        found = self.mongo["epochs"]["epochs"].find({"_id": {"$in": list(subs)}})
        return {each["_id"]: each["epoch"] async for each in found}

    async def open_and_older(self, subs: Sequence[str]) -> list[str]:
        """Return the sessions that are open though their user's epoch has left them behind."""
        epochs = await self.epochs_of(subs)
        found = self.mongo["sessions"]["sessions"].find(
            {"sub": {"$in": list(subs)}, "ended_by": None}
        )
        return [each["_id"] async for each in found if each["epoch"] < epochs[each["sub"]]]

    async def parked(self) -> Counter[str]:
        """Count what is parked, without the canaries."""
        parked: Counter[str] = Counter()
        connection = await aio_pika.connect(self.portal.stack.rabbitmq_url)
        async with connection, connection.channel() as channel:
            for service in STORES:
                queue = await channel.declare_queue(parked_queue(service), passive=True)
                while message := await queue.get(fail=False):
                    parked[service] += "x-canary" not in message.headers
        return +parked

    def mails(self) -> list[tuple[str, str]]:
        """Return of every mail to whom it went and its Message-ID."""
        for file in Path(self.portal.stack.maildir, "new").iterdir():
            if file.name not in self._mails:
                head = BytesHeaderParser().parsebytes(file.read_bytes())
                self._mails[file.name] = (str(head["Delivered-To"]), str(head["Message-ID"]))
        return list(self._mails.values())

    async def _receipts(self, subs: Sequence[str]) -> dict[str, dict[str, Any]]:
        found = self.mongo["epochs"]["revocations"].find({"sub": {"$in": list(subs)}})
        return {each["_id"]: each async for each in found}

    async def _completed(self, subs: list[str], healed: float, found: Verdict) -> float:
        query = {"sub": {"$in": subs}, "incomplete": True}
        revocations = self.mongo["epochs"]["revocations"]

        async def all_complete() -> bool:
            none_open = not await self.open_and_older(subs)
            return none_open and await revocations.find_one(query) is None

        if not await becomes(
            all_complete, seconds=max(1.0, healed + HealSeconds - time.monotonic())
        ):
            open_still = await self.open_and_older(subs)
            incomplete = await revocations.count_documents(query)
            found.lost += max(len(open_still), incomplete)
            found.wrong(
                f"{len(open_still)} sessions open, {incomplete} receipts incomplete"
                f" {HealSeconds} s after the fault's end"
            )
        return max(0.0, time.monotonic() - healed)

    async def _judge_answer(
        self, change: Change, receipts: dict[str, dict[str, Any]], found: Verdict
    ) -> None:
        user, sub = change.user, change.user.sub
        own = [each for each in receipts.values() if each["sub"] == sub]
        if change.receipt is not None and change.receipt not in receipts:
            found.lost += 1
            found.wrong(user.user_id, "was given a receipt that does not exist")
        if change.answered is None and own and change.kind == "password":
            # Nobody was told, but it happened; then it happened wholly.
            user.password = change.new_password
        for status in {reply.status for reply in change.replies} - {
            202,
            401,
            403,
            409,
            429,
            503,
            0,
        }:
            found.wrong(user.user_id, "was answered", status, change.replies[-1].body)
        if user.password != change.old_password:
            refused = await self.portal.sign_in(user, change.old_password)
            if refused.status != 401:
                found.stale += 1
                found.wrong(user.user_id, "signed in with the old password:", refused)
        accepted = await self.portal.sign_in(user)
        if accepted.status != 200:
            found.lost += 1
            found.wrong(user.user_id, "cannot sign in:", accepted)

    async def _judge_sessions(self, users: dict[str, User], found: Verdict) -> None:
        epochs = await self.epochs_of(list(users))
        stored = self.mongo["sessions"]["sessions"].find({"sub": {"$in": list(users)}})
        sessions = {each["_id"]: each async for each in stored}

        async def judge(token: str) -> None:
            session = sessions[sid_of(token)]
            older = session["epoch"] < epochs[sub_of(token)]
            which = "an older" if older else "a newer"
            if older != ("ended_by" in session):
                found.lost += 1
                found.wrong("the record of", which, "session:", session)
            for gateway in GATEWAYS:
                for probe in range(len(PROBES)):
                    reply = await self.portal.show(token, gateway=gateway, probe=probe)
                    if reply.status not in ({401} if older else ACCEPTED):
                        found.stale += reply.status in ACCEPTED
                        found.wrong(which, "session was answered", reply)

        await self.portal.all(judge(token) for user in users.values() for token in user.tokens)

    async def _judge_events(self, receipts: dict[str, dict[str, Any]], found: Verdict) -> None:
        async def all_arrived() -> bool:
            return not [place async for place in self._unsent(list(receipts))]

        if not await becomes(all_arrived, seconds=_PATIENCE):
            left = [place async for place in self._unsent(list(receipts))]
            found.lost += len(left)
            found.wrong("events lost:", Counter(left))

    async def _unsent(self, receipts: list[str]) -> AsyncIterator[str]:
        for service in STORES:
            if await self.mongo[service]["outbox"].find_one({"pending": True}):
                yield f"outbox of {service}"
        for service in CONSUMERS:
            inbox = self.mongo[service]["inbox"]
            if await inbox.count_documents({"_id": {"$in": receipts}}) != len(receipts):
                yield f"inbox of {service}"

    async def _judge_mails(
        self, users: dict[str, User], receipts: dict[str, dict[str, Any]], found: Verdict
    ) -> None:
        addresses = {sub: user.email for sub, user in users.items()}
        owed = Counter(
            (addresses[each["sub"]], f"<{receipt}@localhost>") for receipt, each in receipts.items()
        )

        async def all_there() -> bool:
            return not owed - Counter(self.mails())

        if not await becomes(all_there, seconds=_PATIENCE):
            missing = owed - Counter(self.mails())
            found.mails_missing += missing.total()
            found.wrong("mails missing:", missing)
        ours = Counter(mail for mail in self.mails() if mail[0] in set(addresses.values()))
        # Whoever has several sessions has come on several devices, each told of once.
        new = Counter({mail for mail in ours if mail[1].startswith("<new-device.")})
        doubled = ours - owed - new
        found.mails_doubled += doubled.total()
        if doubled:
            found.wrong("mails doubled:", doubled)
        query = {"_id": {"$in": list(receipts)}}
        if await self.mongo["profile"]["notices"].count_documents(query) != len(receipts):
            found.wrong("notices and receipts do not match")


def _judge_watch(watch: Watch, changes: Sequence[Change], found: Verdict) -> None:
    ended = {token: change for change in changes for token in change.older}
    for token, reply in watch.seen:
        if reply.status not in ACCEPTED | {401, 503, 0}:
            found.wrong("a token was answered", reply)
        change = ended.get(token)
        if change is None or change.answered is None:
            continue
        if reply.began > change.answered and reply.status in ACCEPTED:
            found.stale += 1
            found.wrong("accepted", reply.began - change.answered, "s after the answer")
        if reply.ended < change.replies[0].began and reply.status == 401:
            found.wrong("refused before the change:", reply)
