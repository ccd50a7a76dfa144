"""Argon2id off the event loop, in a pool that refuses rather than queues without bound."""

import asyncio
import base64
import contextlib
import math
import os
import secrets
import threading
from collections.abc import Callable
from typing import TypeVar, cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.credentials.model import HashParameters, cost_of, prepared
from services.credentials.pool import Pool
from services.credentials.store import Costs
from shared.clock import Clock
from shared.memory import give_back

T = TypeVar("T")

_UNFIT = "\0"
"""Stands for input that cannot be a password; no stored password equals it."""
_NICENESS = 5
_IDLE_SECONDS = 5.0
_KNOWN_SECONDS = 1.0


def _step_back() -> None:
    # Linux keeps niceness per thread. Hashing takes every core it gets, so it
    # lets the event loops of this machine go first.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class Hasher:
    """Hash passwords at a fixed cost, verify them at every cost (OWASP Password Storage).

    Verifiers keep the cost they were made at until their owner signs in. So that it does not show
    in the time who has an older one, or none, every check computes one hash at each cost that
    is in use: the verifier's at its own, a decoy's at the others. Which they are is asked of the
    store, and may be a second old.
    At most `threads` run and `queue` wait at once; more raise `Busy`.
    """

    def __init__(
        self, parameters: HashParameters, costs: Costs, clock: Clock, *, threads: int, queue: int
    ) -> None:
        self._argon2 = PasswordHasher(
            time_cost=parameters.passes,
            memory_cost=parameters.memory,
            parallelism=parameters.lanes,
        )
        self._pool = Pool("argon2", threads=threads, queue=queue, begin=_step_back)
        self._idle: asyncio.TimerHandle | None = None
        self._costs, self._clock = costs, clock
        self._own = cast("str", cost_of(self._argon2.hash(secrets.token_urlsafe(32))))
        # By cost. The threads read it, so what is learned replaces it as a whole.
        self._decoys = {self._own: _decoy(self._own)}
        self._known_until = -math.inf
        self._learning: asyncio.Task[None] | None = None

    async def hash(self, password: str) -> str:
        """Return a verifier of the password, in the PHC string format."""
        return await self._run(lambda: self._argon2.hash(_fit(password)))

    async def verify(self, verifier: str | None, password: str) -> bool:
        """Tell whether the password is right. No verifier costs the same and is never right."""
        await self._know_costs()
        return await self._run(lambda: self._matches(verifier, password))

    def outdated(self, verifier: str) -> bool:
        """Tell whether a verifier is cheaper to guess than those made now."""
        return self._argon2.check_needs_rehash(verifier)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.close()

    async def _know_costs(self) -> None:
        if self._clock.monotonic() < self._known_until:
            return
        # Whoever comes while they are being read waits for the same reading, and nobody
        # who is gone takes it away from the others.
        if self._learning is None or self._learning.done():
            self._learning = asyncio.create_task(self._learn_costs())
        await asyncio.shield(self._learning)

    async def _learn_costs(self) -> None:
        asked_at = self._clock.monotonic()
        in_use = sorted({self._own, *await self._costs.costs_in_use()})
        self._decoys = {cost: self._decoys.get(cost) or _decoy(cost) for cost in in_use}
        self._known_until = asked_at + _KNOWN_SECONDS

    def _matches(self, verifier: str | None, password: str) -> bool:
        own = cost_of(verifier or "")
        # Every hash is computed, in the same order, whichever of them is the verifier's.
        checked = self._decoys | ({own: verifier} if own and verifier else {})
        equal = {cost for cost, each in checked.items() if self._equals(each, password)}
        return own in equal

    def _equals(self, verifier: str, password: str) -> bool:
        try:
            return self._argon2.verify(verifier, _fit(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await self._pool.run(work)
        finally:
            self._give_back_when_idle()

    def _give_back_when_idle(self) -> None:
        # The C library keeps what a hash was computed in, many MiB a thread, which makes
        # the next one faster. It need not be kept through the night.
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(_IDLE_SECONDS, give_back)


def _decoy(cost: str) -> str:
    """Return a verifier of this cost that no password is known for."""
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).decode() for size in (16, 32))
    return f"{cost}${salt.rstrip('=')}${digest.rstrip('=')}"


def _fit(password: str) -> str:
    return prepared(password) or _UNFIT
