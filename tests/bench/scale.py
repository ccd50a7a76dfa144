"""How much is measured: enough to rely on, or just enough to see that the benchmarks work."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Numbers of things and lengths of time, in seconds; what is per repeat says so."""

    name: str
    repeats: int
    accounts: int
    reading_seconds: float
    alone_seconds: float
    hashing_seconds: float
    sign_in_seconds: float
    factor_sign_ins_per_repeat: int
    listings_per_repeat: int
    probe_seconds: float
    changes_per_repeat: int
    sessions_per_change: int
    growth: tuple[int, ...]
    growth_changes_per_repeat: int
    round_trips_per_repeat: int
    store_reads_per_repeat: int
    requests_for_memory: int


FULL = Scale(
    name="full",
    repeats=3,
    accounts=200,
    reading_seconds=10,
    alone_seconds=6,
    hashing_seconds=6,
    sign_in_seconds=15,
    factor_sign_ins_per_repeat=150,
    listings_per_repeat=300,
    probe_seconds=15,
    changes_per_repeat=70,
    sessions_per_change=100,
    growth=(1, 10, 100, 1000),
    growth_changes_per_repeat=5,
    round_trips_per_repeat=1000,
    store_reads_per_repeat=100,
    requests_for_memory=100_000,
)
QUICK = Scale(
    name="quick",
    repeats=1,
    accounts=40,
    reading_seconds=3,
    alone_seconds=2,
    hashing_seconds=3,
    sign_in_seconds=5,
    factor_sign_ins_per_repeat=60,
    listings_per_repeat=100,
    probe_seconds=4,
    changes_per_repeat=10,
    sessions_per_change=100,
    growth=(1, 10, 100),
    growth_changes_per_repeat=3,
    round_trips_per_repeat=200,
    store_reads_per_repeat=30,
    requests_for_memory=3_000,
)
