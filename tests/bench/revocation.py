"""From an answered password change until the last old session is ended and the receipt complete."""

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import chain, pairwise
from statistics import median

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.bench.bare_broker import RoundTrips, round_trips
from tests.bench.completions import Completions, completions
from tests.bench.figures import Bar, Figure, Section, percentile
from tests.bench.ground import Ground
from tests.bench.people import Account

_WARM_TRIPS = 50
_WARM_CHANGES = 2
CHANGERS = 40
_METRIC = "revocation_refused_seconds"


@dataclass(frozen=True)
class Took:
    """Milliseconds until one change had its answer, and from then on until all was ended."""

    answered: float
    ended: float


@dataclass
class Changes:
    """People who change their passwords in turn, each time with sessions open."""

    ground: Ground
    http: aiohttp.ClientSession
    completions: Completions
    waiting: deque[Account]
    epochs: Counter[str] = field(default_factory=Counter)

    async def change(self, sessions: int) -> Took:
        """Change one that many sessions rest on."""
        account = self.waiting.popleft()
        self.epochs[account.sub] += 1
        tokens = await self.ground.clients.tokens(account, sessions, epoch=self.epochs[account.sub])
        begun = time.perf_counter()
        receipt = await self._ask(account, tokens[-1])
        answered = time.perf_counter()
        completed, ended = await self.completions.of(receipt)
        if ended != sessions:
            raise AssertionError(f"{ended} of {sessions} sessions were ended.")
        # The work may be done before the answer is here: then nobody waits.
        return Took((answered - begun) * 1000, max(0.0, completed - answered) * 1000)

    async def _ask(self, account: Account, token: str) -> str:
        new = f"{self.epochs[account.sub]:04} brisk harbours glow"
        body = {"old_password": account.password, "new_password": new}
        async with self.http.post(
            f"{self.ground.url}/api/v1/me/password",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
        ) as response:
            response.raise_for_status()
            answer = await response.json()
        self.waiting.append(Account(account.sub, account.user_id, new))
        return str(answer["receipt"])


@dataclass
class Measured:
    """What was measured, one list per repeat."""

    trips: list[list[float]] = field(default_factory=list)
    answered: list[list[float]] = field(default_factory=list)
    ended: list[list[float]] = field(default_factory=list)
    growth: dict[int, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """A histogram of seconds as it is exported: how many were at most as long as each bound."""

    buckets: dict[float, float]
    seconds: float
    count: float

    def since(self, before: "Counted") -> "Counted":
        """Return what was counted in between."""
        return Counted(
            {bound: n - before.buckets.get(bound, 0) for bound, n in self.buckets.items()},
            self.seconds - before.seconds,
            self.count - before.count,
        )

    def at_most_ms(self, percent: float) -> float:
        """Return the least bound that this many percent did not exceed."""
        wanted = self.count * percent / 100
        return min(bound for bound, n in self.buckets.items() if n >= wanted) * 1000


async def measure(ground: Ground) -> list[Section]:
    """Measure round trips and changes turn about, and then how the time grows with the sessions."""
    before = await _refused(ground)
    measured = Measured()
    async with (
        round_trips(ground.stack.rabbitmq_url) as trips,
        completions(ground.stack.mongo_url) as completed,
        aiohttp.ClientSession() as http,
    ):
        changes = Changes(ground, http, completed, deque(ground.changers))
        await _repeat(ground, changes, trips, measured)
    after = await _refused(ground)
    return [_ending(ground, measured), _answering(measured, after.since(before))]


async def _repeat(ground: Ground, changes: Changes, trips: RoundTrips, into: Measured) -> None:
    scale = ground.scale
    await trips.measure(_WARM_TRIPS)
    for _ in range(_WARM_CHANGES):
        await changes.change(scale.sessions_per_change)
    for _ in range(scale.repeats):
        into.trips.append(await trips.measure(scale.round_trips_per_repeat))
        took = [
            await changes.change(scale.sessions_per_change) for _ in range(scale.changes_per_repeat)
        ]
        into.answered.append([each.answered for each in took])
        into.ended.append([each.ended for each in took])
    # Afterwards, since the store is still writing down thousands of sessions for a while.
    for _ in range(scale.repeats):
        for size in scale.growth:
            took = [await changes.change(size) for _ in range(scale.growth_changes_per_repeat)]
            into.growth.setdefault(size, []).append(median(each.ended for each in took))


def _ending(ground: Ground, measured: Measured) -> Section:
    sessions = ground.scale.sessions_per_change
    p50 = _figure(f"p50 at {sessions} sessions; bare: p50", measured.ended, measured.trips, 50, 50)
    # One repeat has too few changes for a p99 of its own.
    ended, trips = _pooled(measured.ended), _pooled(measured.trips)
    p99 = _figure(f"p99 at {sessions} sessions; bare: p50", ended, trips, 99, 50)
    grown = {size: median(times) for size, times in measured.growth.items()}
    steps = [(large / small, grown[large] / grown[small]) for small, large in pairwise(grown)]
    return Section(
        "Sessions ended after a password change",
        "From when the client has the 202 until it sees, by a change stream of MongoDB, that the "
        f"receipt is complete with every session ended; {CHANGERS} people change theirs in turn. "
        "Beside it one message of 400 bytes at a time through a quorum queue, until it is "
        "confirmed and consumed.",
        (
            p50,
            p99,
            _figure("p99; bare: p99", ended, trips, 99, 99),
            *(
                Figure(f"p50 at {size} sessions", "ms", tuple(times))
                for size, times in measured.growth.items()
            ),
        ),
        (
            Bar("p50 in bare round trips", p50.ratio or 0, 10),
            Bar("p99 in bare round trips", p99.ratio or 0, 25),
            Bar(
                "steepest growth: time over sessions",
                max(time / size for size, time in steps),
                1,
            ),
        ),
    )


def _answering(measured: Measured, refused: Counted) -> Section:
    return Section(
        "Password changes themselves",
        "The time until the client has the 202, which covers three argon2id hashes and the "
        "transaction; and, by the service's own histogram over all repeats, the time from the "
        "commit until nothing older is accepted anywhere, which is before the answer.",
        (
            _figure("change answered, p50", measured.answered, [], 50, 0),
            _figure("change answered, p99", _pooled(measured.answered), [], 99, 0),
            Figure("commit to refused, mean", "ms", (refused.seconds / refused.count * 1000,)),
            Figure("commit to refused, p50 at most", "ms", (refused.at_most_ms(50),)),
            Figure("commit to refused, p99 at most", "ms", (refused.at_most_ms(99),)),
        ),
    )


def _pooled(repeats: list[list[float]]) -> list[list[float]]:
    return [list(chain.from_iterable(repeats))]


def _figure(
    what: str, ours: list[list[float]], bare: list[list[float]], percent: float, of_bare: float
) -> Figure:
    return Figure(
        what,
        "ms",
        tuple(percentile(times, percent) for times in ours),
        tuple(percentile(times, of_bare) for times in bare),
    )


async def _refused(ground: Ground) -> Counted:
    async with (
        aiohttp.ClientSession() as http,
        http.get(ground.stack.metrics_url("credentials")) as response,
    ):
        text = await response.text()
    samples = [
        sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("cause") == "password-changed" and sample.name.startswith(_METRIC)
    ]
    buckets = {
        float(sample.labels["le"]): sample.value for sample in samples if "le" in sample.labels
    }
    totals = {sample.name: sample.value for sample in samples if "le" not in sample.labels}
    return Counted(buckets, totals.get(f"{_METRIC}_sum", 0), totals.get(f"{_METRIC}_count", 0))
