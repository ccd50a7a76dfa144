"""What asking for a session does to it: a use renews it, and a look does not."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from services.sessions.errors import SessionIsRevoked, SessionRequired
from services.sessions.introspection import Introspection
from services.sessions.model import SessionPolicy
from shared.contracts.sessions import EstablishSession, Introspect, Session, Where
from tests.memory.clock import StoppedClock
from tests.memory.epochs import MemoryEpochs
from tests.memory.sessions import MemoryAcceptances, MemorySessions
from tests.unit.sessions.system import policies_of

POLICY = SessionPolicy(idle_seconds=3600, lifetime_seconds=24 * 3600)
PROOF = "a" * 64


@dataclass
class System:
    """One session, and what asks for it."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    cache: MemoryAcceptances = field(default_factory=MemoryAcceptances)

    def __post_init__(self) -> None:
        self.epochs = MemoryEpochs(self.clock, epochs={"ada": 1})
        self.store = MemorySessions(self.epochs)
        policies = policies_of(self.store, self.clock)
        self.introspection = Introspection(self.store, self.cache, policies)

    async def begin(self) -> Session:
        asked = EstablishSession(sub="ada", epoch=1, where=Where(address="192.0.2.7"))
        return await self.store.add_session(asked, device_id="d", proof=PROOF, policy=POLICY)

    async def ask(self, sid: str, *, renew: bool = True) -> Session:
        asked = Introspect(sub="ada", sid=sid, proof=PROOF, renew=renew)
        return await self.introspection.introspect(asked)


@pytest.fixture
def system() -> System:
    return System()


@pytest.mark.asvs("7.3.1")
async def test_a_session_that_is_only_looked_at_runs_out(system: System) -> None:
    sid = (await system.begin()).sid
    for _ in range(719):
        system.clock.advance(5)
        await system.ask(sid, renew=False)
    system.clock.advance(5)
    with pytest.raises(SessionRequired) as refused:
        await system.ask(sid, renew=False)
    assert refused.value.extra == {"cause": "expired"}


async def test_a_use_answers_with_the_session_as_it_was_renewed(system: System) -> None:
    begun = await system.begin()
    system.clock.advance(3000)
    used = await system.ask(begun.sid)
    assert used.expires_at == begun.expires_at + timedelta(seconds=3000)
    assert used.last_seen_at == begun.last_seen_at + timedelta(seconds=3000)


async def test_a_look_does_not_hide_the_next_use_behind_the_cache(system: System) -> None:
    begun = await system.begin()
    system.clock.advance(3000)
    await system.ask(begun.sid, renew=False)
    assert system.cache.filled == {}


async def test_a_session_that_ends_while_it_is_renewed_is_refused(system: System) -> None:
    begun = await system.begin()
    system.clock.advance(3000)
    original = system.store.seen

    async def overtaken(sid: str, policy: SessionPolicy) -> None:
        await original(sid, policy)
        await system.store.in_transaction(lambda tx: tx.end("ada", sid, "signed-out"))

    system.store.seen = overtaken  # type: ignore[method-assign]
    with pytest.raises(SessionIsRevoked):
        await system.ask(begun.sid)


def test_who_does_not_know_the_field_asks_for_a_renewal() -> None:
    assert Introspect(sub="ada", sid="s", proof=PROOF).renew
