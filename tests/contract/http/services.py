"""The three services' real HTTP applications on memory, and the gateway's real clients of them."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from services.credentials.accounts import Accounts
from services.credentials.app_passwords import AppPasswords
from services.credentials.asking import Asking
from services.credentials.authentication import Authentication
from services.credentials.blocklist import Blocklist
from services.credentials.clearing import Clearing
from services.credentials.hashing import Hasher
from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges
from services.credentials.model import HashParameters, PasswordPolicy
from services.credentials.notices import TEXTS
from services.credentials.out_of_band import OutOfBand
from services.credentials.passkey_sign_in import PasskeySignIn
from services.credentials.passkeys import RelyingParty
from services.credentials.password import Passwords
from services.credentials.password_policy import PasswordPolicies
from services.credentials.password_reset import PasswordReset
from services.credentials.policy import MethodPolicies, ResetPolicies
from services.credentials.recovery_codes import RecoveryCodes
from services.credentials.reset_limits import ResetLimits
from services.credentials.reset_registration import ResetRegistration
from services.credentials.routes import account_routes, question_routes, reset_routes
from services.credentials.routes import personal_data_routes as credentials_data_routes
from services.credentials.routes import routes as credentials_routes
from services.credentials.rules import PasswordRules
from services.credentials.security_info import SecurityInformation
from services.credentials.security_questions import SecurityQuestions
from services.credentials.sending import Sending
from services.credentials.throttling import Throttle
from services.credentials.totp import Authenticators
from services.credentials.webauthn import Passkeys
from services.gateway.clients import peer
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.organizations import OrganizationsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.personal_data import ErasureClient, PersonalDataClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.clients.terms import TermsClient
from services.profile.audit import Audit
from services.profile.erasures import Erasures
from services.profile.organizations import Organizations
from services.profile.organizations_admin import OrganizationsAdministration
from services.profile.people import People
from services.profile.portal_policy import PortalPolicies
from services.profile.routes import organization_routes, terms_routes
from services.profile.routes import personal_data_routes as profile_data_routes
from services.profile.routes import routes as profile_routes
from services.profile.terms import Terms
from services.profile.terms_admin import TermsAdministration
from services.profile.users import Users
from services.sessions.activity import Activity
from services.sessions.devices import Devices
from services.sessions.disabling import Disabling
from services.sessions.disowning import Disowning
from services.sessions.introspection import Introspection
from services.sessions.issuance import Issuance
from services.sessions.model import SessionPolicy
from services.sessions.policy import SessionPolicies
from services.sessions.receipts import Receipts
from services.sessions.revocation import Revocations
from services.sessions.routes import activity_routes
from services.sessions.routes import personal_data_routes as sessions_data_routes
from services.sessions.routes import routes as sessions_routes
from shared.contracts.methods import SentKinds
from shared.contracts.personal_data import KEEPERS, Keeper
from shared.lease import Lease
from shared.mongo import is_outage
from shared.personal_data import PersonalData
from shared.service import ServiceConfig, application
from shared.texts import Catalogues
from tests.memory.audit import MemoryAudit
from tests.memory.clock import StoppedClock
from tests.memory.credential_policies import (
    MemoryPasswordPolicies,
    MemoryPolicies,
    MemoryResetPolicies,
)
from tests.memory.credentials import MemoryCarrier, MemoryCredentials, MemoryMethods, MemoryOneTimes
from tests.memory.epochs import MemoryEpochs
from tests.memory.guesses import MemoryCounters, MemoryGuesses, MemoryQuotas
from tests.memory.memberships import MemoryMemberships
from tests.memory.personal_data import MemoryErasures, MemoryHolding, data_of, keeping
from tests.memory.places import MemoryPlaces
from tests.memory.profile import MemoryPeople
from tests.memory.sessions import MemoryAcceptances, MemorySessions
from tests.memory.sessions import MemoryPolicies as MemorySessionPolicies
from tests.memory.terms import MemoryTerms

KEY = "the key of these tests"
PORTAL = "https://portal.example"


class Config(ServiceConfig):
    """What these applications are told."""

    model_config = SettingsConfigDict(env_prefix="TEST_ONLY_")
    port: int = 0
    metrics_port: int = 0
    service_key: SecretStr = SecretStr(KEY)


def _app(name: str, routes: Iterable[web.RouteDef]) -> web.Application:
    app = application(name, Config(), is_outage)
    app.add_routes(routes)
    return app


@dataclass(frozen=True)
class Memory:
    """What the three services keep."""

    clock: StoppedClock
    epochs: MemoryEpochs
    people: MemoryPeople
    credentials: MemoryCredentials
    methods: MemoryMethods
    policies: MemoryPolicies
    sessions: MemorySessions
    carrier: MemoryCarrier
    guesses: MemoryGuesses
    audit: MemoryAudit
    reset_policies: MemoryResetPolicies
    terms: MemoryTerms
    erasures: MemoryErasures
    holdings: dict[Keeper, tuple[MemoryHolding, ...]]
    places: MemoryPlaces
    memberships: MemoryMemberships

    @classmethod
    def empty(cls) -> "Memory":
        """Keep nothing yet."""
        clock = StoppedClock()
        epochs = MemoryEpochs(clock)
        credentials = MemoryCredentials(epochs)
        people = MemoryPeople(epochs)
        return cls(
            clock,
            epochs,
            people,
            credentials,
            MemoryMethods(epochs),
            MemoryPolicies(credentials),
            MemorySessions(epochs),
            MemoryCarrier(),
            MemoryGuesses(clock),
            MemoryAudit(clock=clock),
            MemoryResetPolicies(epochs),
            MemoryTerms(epochs),
            MemoryErasures(people),
            {
                "profile": (keeping("person", []), keeping("photo", [])),
                "credentials": (keeping("account", [], secret=("verifier",)),),
                "sessions": (keeping("sign-ins", []),),
            },
            MemoryPlaces(),
            MemoryMemberships(people),
        )

    def profile(self) -> web.Application:
        """Return the profile service."""
        people = People(self.people, self.clock)
        users = Users(self.people, people, self.clock)
        audit = Audit(self.audit, self.people, self.clock)
        policies = PortalPolicies(self.people, people, self.clock)
        administration = TermsAdministration(self.terms, self.people, self.clock)
        own = profile_routes(people, users, audit, policies)
        erasures = Erasures(self.erasures, self.clock)
        data = profile_data_routes(self.data("profile"), erasures)
        kept = (self.memberships, self.people, self.clock)
        guests = organization_routes(Organizations(*kept), OrganizationsAdministration(*kept))
        terms = terms_routes(Terms(self.terms), administration)
        return _app("profile", [*own, *data, *guests, *terms])

    def data(self, keeper: Keeper) -> PersonalData:
        """Return a service's part of what is kept of people."""
        return data_of(keeper, self.people, *self.holdings[keeper])

    def hasher(self) -> Hasher:
        """Return one that costs nothing."""
        cheap = HashParameters(memory=8, passes=1, lanes=1)
        return Hasher(cheap, self.credentials, self.clock, threads=1, queue=16)

    def credentials_app(self, hasher: Hasher) -> web.Application:
        """Return the credentials service."""
        pepper = b"the pepper of a test"
        throttle = Throttle(self.guesses, MemoryCounters(self.clock))
        rules = PasswordRules(PasswordPolicy(), Blocklist())
        kept = self.policies
        policies = MethodPolicies(kept, Lease(kept.policy_of, self.clock, self.clock.pause))
        changes = MethodChanges(self.methods, policies, self.clock)
        ring = Keyring.parse(f"test:{'07' * 32}")
        resets = self.reset_policies
        resetting = ResetPolicies(resets, Lease(resets.policy_of, self.clock, self.clock.pause))
        questions = SecurityQuestions(changes, ring, hasher, self.clock, resetting)
        registration = ResetRegistration(changes, resetting, questions, SentKinds)
        asking = Asking(self.methods, changes, registration)
        authentication = Authentication(
            self.credentials, self.methods, hasher, throttle, pepper, policies, asking
        )
        demanded = MemoryPasswordPolicies(self.epochs)
        lease = Lease(demanded.policy_of, self.clock, self.clock.pause)
        demands = PasswordPolicies(demanded, lease, rules.policy, self.methods, policies)
        passwords = Passwords(
            self.credentials, hasher, rules, throttle, self.clock, pepper, kept, demands
        )
        site = RelyingParty.at(PORTAL)
        passkeys = Passkeys(changes, MemoryOneTimes(self.clock), site, self.clock, pepper)
        passkey_sign_in = PasskeySignIn(
            self.credentials,
            self.methods,
            changes,
            passkeys,
            throttle,
            self.clock,
            pepper,
            registration,
        )
        security_info = SecurityInformation(
            self.methods,
            changes,
            throttle,
            Authenticators(changes, ring, self.clock),
            RecoveryCodes(changes, self.clock, pepper),
            passkeys,
            OutOfBand(
                changes,
                MemoryOneTimes(self.clock),
                Sending(dict.fromkeys(SentKinds, self.carrier), MemoryQuotas(self.clock), pepper),
                ring,
                Catalogues.load(*TEXTS),
                self.clock,
                pepper,
            ),
            self.clock,
            pepper,
            resetting,
        )
        app_passwords = AppPasswords(
            self.credentials, self.methods, changes, throttle, self.clock, pepper
        )
        clearing = Clearing(changes)
        reset = PasswordReset(
            passwords,
            security_info,
            resetting,
            self.credentials.resets,
            ResetLimits(throttle, MemoryQuotas(self.clock), pepper),
            questions,
        )
        accounts = Accounts(self.credentials, hasher, rules, demands, self.clock)
        return _app(
            "credentials",
            [
                *credentials_data_routes(self.data("credentials")),
                *reset_routes(reset, registration),
                *account_routes(accounts),
                *credentials_routes(
                    authentication,
                    passwords,
                    security_info,
                    passkey_sign_in,
                    app_passwords,
                    clearing,
                    policies,
                    asking,
                ),
                *question_routes(questions),
            ],
        )

    def sessions_app(self) -> web.Application:
        """Return the sessions service."""
        usual = SessionPolicy(idle_seconds=3600, lifetime_seconds=24 * 3600)
        kept = MemorySessionPolicies(self.sessions)
        lease = Lease(kept.policy_of, self.clock, self.clock.pause)
        policies = SessionPolicies(kept, lease, usual)
        revocations = Revocations(self.sessions, self.clock)
        devices = Devices(self.sessions, self.clock, self.places)
        disabling = Disabling(self.sessions, revocations, self.clock)
        activity = Activity(self.sessions.activity, self.clock, policies, self.places)
        return _app(
            "sessions",
            [
                *sessions_routes(
                    devices,
                    Issuance(self.sessions, devices, policies, activity),
                    Introspection(self.sessions, MemoryAcceptances(), policies),
                    revocations,
                    Receipts(self.sessions),
                    policies,
                    disabling,
                ),
                *sessions_data_routes(self.data("sessions")),
                *activity_routes(activity, Disowning(revocations, disabling)),
            ],
        )


@dataclass(frozen=True)
class Services:
    """The services where they listen, and a client of each."""

    memory: Memory
    session: peer.Session
    urls: dict[str, str]

    def peer(self, name: str, key: str = KEY) -> Peer:
        """Return a connection to one service."""
        return Peer(self.session, self.urls[name], key)

    @property
    def profile(self) -> ProfileClient:
        """The gateway's client of the profile service."""
        return ProfileClient(self.peer("profile"))

    @property
    def terms(self) -> TermsClient:
        """The gateway's client of what that service has to do with terms of use."""
        return TermsClient(self.peer("profile"))

    @property
    def keepers(self) -> tuple[PersonalDataClient, ...]:
        """The gateway's clients of what each of them keeps of somebody."""
        return tuple(PersonalDataClient(self.peer(each)) for each in KEEPERS)

    @property
    def erasures(self) -> ErasureClient:
        """The gateway's client of who is erased."""
        return ErasureClient(self.peer("profile"))

    @property
    def organizations(self) -> OrganizationsClient:
        """The gateway's client of what that service has to do with guests."""
        return OrganizationsClient(self.peer("profile"))

    @property
    def credentials(self) -> CredentialsClient:
        """The gateway's client of the credentials service."""
        return CredentialsClient(self.peer("credentials"))

    @property
    def sessions(self) -> SessionsClient:
        """The gateway's client of the sessions service."""
        return SessionsClient(self.peer("sessions"))


Ask = Callable[[Services], Coroutine[Any, Any, object]]
Calls = dict[tuple[str, str], Ask]
"""What makes a call succeed, by the service and the path."""


@asynccontextmanager
async def running() -> AsyncIterator[Services]:
    """Run the three services."""
    memory = Memory.empty()
    hasher = memory.hasher()
    apps = {
        "profile": memory.profile(),
        "credentials": memory.credentials_app(hasher),
        "sessions": memory.sessions_app(),
    }
    async with AsyncExitStack() as stack:
        stack.callback(hasher.close)
        urls = {}
        for name, app in apps.items():
            server = await stack.enter_async_context(TestServer(app))
            urls[name] = str(server.make_url("")).rstrip("/")
        yield Services(memory, await stack.enter_async_context(peer.connect()), urls)
