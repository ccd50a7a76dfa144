"""Argon2id off the event loop, in a pool that refuses rather than queues without bound."""

import asyncio
import base64
import contextlib
import os
import secrets
import threading
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from services.credentials.model import HashParameters, prepared
from services.credentials.pool import Pool
from shared.memory import give_back

T = TypeVar("T")

_UNFIT = "\0"
"""Stands for input that cannot be a password; no stored password equals it."""
_NICENESS = 5
_IDLE_SECONDS = 5.0


def _step_back() -> None:
    # Linux keeps niceness per thread. Hashing takes every core it gets, so it
    # lets the event loops of this machine go first.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class Hasher:
    """Hash passwords at a fixed cost, verify them at every cost (OWASP Password Storage).

    Verifiers keep the cost they were made at until their owner signs in. So that it does not show
    in the time who has an older one, or none, every check computes one hash at each cost that
    was ever met: the verifier's at its own, a decoy's at the others.
    At most `threads` run and `queue` wait at once; more raise `Busy`.
    """

    def __init__(self, parameters: HashParameters, *, threads: int, queue: int) -> None:
        self._argon2 = PasswordHasher(
            time_cost=parameters.passes,
            memory_cost=parameters.memory,
            parallelism=parameters.lanes,
        )
        self._pool = Pool("argon2", threads=threads, queue=queue, begin=_step_back)
        self._idle: asyncio.TimerHandle | None = None
        self._decoys: dict[str, str] = {}
        self._meet(self._argon2.hash(secrets.token_urlsafe(32)))

    async def hash(self, password: str) -> str:
        """Return a verifier of the password, in the PHC string format."""
        return await self._run(lambda: self._argon2.hash(_fit(password)))

    async def verify(self, verifier: str | None, password: str) -> bool:
        """Tell whether the password is right. No verifier costs the same and is never right."""
        return await self._run(lambda: self._matches(verifier, password))

    def outdated(self, verifier: str) -> bool:
        """Tell whether a verifier is cheaper to guess than those made now."""
        return self._argon2.check_needs_rehash(verifier)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.close()

    def _matches(self, verifier: str | None, password: str) -> bool:
        own = self._meet(verifier or "")
        # Every hash is computed, in the same order, whichever of them is the verifier's.
        checked = dict(self._decoys) | ({own: verifier} if own and verifier else {})
        equal = {cost for cost, each in checked.items() if self._equals(each, password)}
        return own in equal

    def _meet(self, verifier: str) -> str | None:
        """Return a verifier's cost, at which there is a decoy from now on; None if it has none."""
        cost = _cost(verifier)
        if cost is not None:
            self._decoys.setdefault(cost, _decoy(cost))
        return cost

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


def _cost(verifier: str) -> str | None:
    """Return the part of a verifier that says what it costs; None where it is not one."""
    try:
        extract_parameters(verifier)
    except InvalidHashError:
        return None
    return verifier.rpartition("$")[0].rpartition("$")[0]


def _decoy(cost: str) -> str:
    """Return a verifier of this cost that no password is known for."""
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).decode() for size in (16, 32))
    return f"{cost}${salt.rstrip('=')}${digest.rstrip('=')}"


def _fit(password: str) -> str:
    return prepared(password) or _UNFIT
