"""The sessions service on memory: everything of it but HTTP, the bus and the servers."""

from dataclasses import dataclass

from services.sessions.activity import Activity
from services.sessions.devices import Devices
from services.sessions.disabling import Disabling
from services.sessions.introspection import Introspection
from services.sessions.issuance import Issuance
from services.sessions.model import SessionPolicy, proof_of
from services.sessions.policy import SessionPolicies
from services.sessions.receipts import Receipts
from services.sessions.revocation import Revocations
from shared.contracts.events import Cause, CredentialChange, CredentialChangePayload, SessionRevoked
from shared.contracts.sessions import (
    Established,
    EstablishSession,
    Introspect,
    Revoked,
    Session,
    SignOutEverywhere,
    Where,
)
from shared.lease import Lease
from tests.memory.clock import StoppedClock
from tests.memory.epochs import MemoryEpochs
from tests.memory.places import MemoryPlaces
from tests.memory.sessions import MemoryAcceptances, MemoryPolicies, MemorySessions

POLICY = SessionPolicy(idle_seconds=3600, lifetime_seconds=24 * 3600)
WHERE = Where(address="192.0.2.7", user_agent="Browser/1")


def policies_of(store: MemorySessions, clock: StoppedClock) -> SessionPolicies:
    """Return the policies of organizations that have set none yet."""
    kept = MemoryPolicies(store)
    return SessionPolicies(kept, Lease(kept.policy_of, clock, clock.pause), POLICY)


@dataclass
class System:
    """Everything of the sessions service but HTTP, the bus and the servers."""

    clock: StoppedClock
    epochs: MemoryEpochs
    store: MemorySessions
    cache: MemoryAcceptances
    places: MemoryPlaces

    @classmethod
    def built(cls) -> "System":
        clock = StoppedClock()
        epochs = MemoryEpochs(clock, epochs={"ada": 1, "eve": 1})
        return cls(clock, epochs, MemorySessions(epochs), MemoryAcceptances(), MemoryPlaces())

    def __post_init__(self) -> None:
        self.devices = Devices(self.store, self.clock, self.places)
        policies = self.policies = policies_of(self.store, self.clock)
        self.activity = Activity(self.store.activity, self.clock, policies, self.places)
        self.issuance = Issuance(self.store, self.devices, policies, self.activity)
        self.introspection = Introspection(self.store, self.cache, policies)
        self.revocations = Revocations(self.store, self.clock)
        self.receipts = Receipts(self.store)
        self.disabling = Disabling(self.store, self.revocations, self.clock)

    async def begin(
        self,
        sub: str = "ada",
        *,
        epoch: int = 1,
        key: str | None = None,
        factor: str | None = None,
    ) -> Established:
        asked = EstablishSession(
            sub=sub, epoch=epoch, where=WHERE, device_key=key, factor=factor,
            aal=2 if factor else 1,
        )  # fmt: skip
        return await self.issuance.establish(asked)

    async def accept(self, established: Established) -> Session:
        sub, sid, secret = established.token.split(".")
        asked = Introspect(sub=sub, sid=sid, proof=proof_of(secret))
        return await self.introspection.introspect(asked)

    async def sign_out_everywhere(self, sub: str = "ada") -> Revoked:
        return await self.revocations.sign_out_everywhere(SignOutEverywhere(sub=sub))

    def told(self) -> list[SessionRevoked]:
        return [each for each in self.epochs.outbox.values() if isinstance(each, SessionRevoked)]


def change(receipt: str, epoch: int, cause: Cause = "password-changed") -> CredentialChange:
    return CredentialChange(
        id=receipt,
        subject="ada",
        occurred_at=StoppedClock().now(),
        initiating_entity="user",
        payload=CredentialChangePayload(
            credential_type="password",
            change_type="update",
            cause=cause,
            epoch=epoch,
            receipt=receipt,
        ),
    )
