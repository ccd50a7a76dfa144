"""The credentials service on memory, with hashing that costs nothing."""

from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import uuid4

from pydantic import SecretStr

from services.credentials.asking import Asking
from services.credentials.authentication import Authentication
from services.credentials.blocklist import Blocklist
from services.credentials.hashing import Hasher
from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges
from services.credentials.model import HashParameters, Password, PasswordPolicy, normalized
from services.credentials.password import Passwords
from services.credentials.password_policy import PasswordPolicies
from services.credentials.policy import MethodPolicies, ResetPolicies
from services.credentials.reset_registration import ResetRegistration
from services.credentials.rules import PasswordRules
from services.credentials.security_questions import SecurityQuestions
from services.credentials.throttling import Throttle
from shared.clock import Clock
from shared.contracts.credentials import ChangePassword, Verified, VerifyPassword
from shared.contracts.methods import SentKind, SentKinds
from shared.contracts.sessions import Revoked
from shared.lease import Lease
from tests.memory.clock import StoppedClock
from tests.memory.credential_policies import (
    MemoryPasswordPolicies,
    MemoryPolicies,
    MemoryResetPolicies,
)
from tests.memory.credentials import MemoryCredentials, MemoryMethods
from tests.memory.epochs import MemoryEpochs
from tests.memory.guesses import MemoryCounters, MemoryGuesses

PEPPER = b"the pepper of a test"
CHEAP = HashParameters(memory=8, passes=1, lanes=1)
DEARER = HashParameters(memory=16, passes=2, lanes=1)
OLD = "violet otter counts nine lamps"
NEW = "seven quiet boats in march"


@dataclass
class Verifiers:
    """Hashes that can be counted."""

    verified: list[tuple[str | None, str]] = field(default_factory=list)

    async def hash(self, password: str) -> str:
        """Say what it is of."""
        return f"hash of {password}"

    async def verify(self, verifier: str | None, password: str) -> bool:
        """Compare what it is of."""
        self.verified.append((verifier, password))
        return verifier == f"hash of {password}"


def reset_policies(clock: Clock, kept: MemoryResetPolicies | None = None) -> ResetPolicies:
    """Return the policies for resets: usual ones, which let nobody reset, unless they are kept."""
    policies = kept or MemoryResetPolicies()
    return ResetPolicies(policies, Lease(policies.policy_of, clock))


def registration(
    changes: MethodChanges,
    resets: MemoryResetPolicies | None = None,
    sendable: Collection[SentKind] = SentKinds,
) -> ResetRegistration:
    """Return what tells who is asked to register for resets; nobody, as long as no policy says."""
    clock = changes.clock
    policies = reset_policies(clock, resets)
    ring = Keyring.parse(f"test:{'07' * 32}")
    questions = SecurityQuestions(changes, ring, Verifiers(), clock, policies)
    return ResetRegistration(changes, policies, questions, sendable)


@dataclass
class System:
    """Everything of the credentials service but HTTP and the servers."""

    clock: StoppedClock
    epochs: MemoryEpochs
    store: MemoryCredentials
    guesses: MemoryGuesses
    counters: MemoryCounters
    hasher: Hasher
    authentication: Authentication
    passwords: Passwords

    @classmethod
    def built(cls, *, history: int = 1, hashing: HashParameters = CHEAP) -> "System":
        """Put a system together."""
        clock = StoppedClock()
        epochs = MemoryEpochs(clock)
        store, guesses, counters = (
            MemoryCredentials(epochs),
            MemoryGuesses(clock),
            MemoryCounters(clock),
        )
        hasher = Hasher(hashing, store, clock, threads=2, queue=64)
        usual = PasswordPolicy(history=history)
        rules = PasswordRules(usual, Blocklist())
        throttle = Throttle(guesses, counters)
        kept = MemoryPolicies(store)
        policies = MethodPolicies(kept, Lease(kept.policy_of, clock, clock.pause))
        methods = MemoryMethods(epochs)
        demanded = MemoryPasswordPolicies(epochs)
        lease = Lease(demanded.policy_of, clock, clock.pause)
        demands = PasswordPolicies(demanded, lease, usual, methods, policies)
        changes = MethodChanges(methods, policies, clock)
        asking = Asking(methods, changes, registration(changes))
        return cls(
            clock,
            epochs,
            store,
            guesses,
            counters,
            hasher,
            Authentication(store, methods, hasher, throttle, PEPPER, policies, asking),
            Passwords(store, hasher, rules, throttle, clock, PEPPER, kept, demands),
        )

    def raised(self) -> Hasher:
        """Return a hasher on the same accounts, after its cost was raised."""
        return Hasher(DEARER, self.store, self.clock, threads=1, queue=4)

    async def enroll(
        self, user_id: str = "ada@example.org", password: str = OLD, *, temporary: bool = False
    ) -> Password:
        """Open an account past the rules."""
        account = Password(
            sub=uuid4().hex,
            user_id=normalized(user_id),
            verifier=await self.hasher.hash(password),
            temporary=temporary,
            version=1,
            changed_at=self.clock.now(),
        )
        assert await self.store.in_transaction(lambda tx: tx.open_account(account))
        return account

    async def verify(
        self,
        password: str,
        user_id: str = "ada@example.org",
        *,
        address: str = "192.0.2.7",
        familiar_sub: str | None = None,
    ) -> Verified:
        """Try a password."""
        recognised = await self.authentication.recognise(
            VerifyPassword(
                user_id=user_id,
                password=SecretStr(password),
                address=address,
                familiar_sub=familiar_sub,
            )
        )
        return recognised.verified

    async def change(self, sub: str, old: str = OLD, new: str = NEW) -> Revoked:
        """Change a password."""
        return await self.passwords.change(
            ChangePassword(
                sub=sub,
                old_password=SecretStr(old),
                new_password=SecretStr(new),
                address="192.0.2.7",
            )
        )
