"""What every store of policies does, in memory and in MongoDB alike."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from services.credentials.method_policy import MethodPolicy
from services.credentials.mongo.accounts import MongoCredentialStore
from services.credentials.mongo.policies import MongoPolicyStore as MongoMethodPolicies
from services.credentials.store import CredentialStore
from services.credentials.store import PolicyStore as MethodPolicyStore
from services.sessions.model import SessionPolicy, proof_of
from services.sessions.mongo import MongoPolicyStore as MongoSessionPolicies
from services.sessions.mongo import MongoSessionStore
from services.sessions.store import PolicyStore as SessionPolicyStore
from services.sessions.store import SessionStore
from shared.contracts.sessions import EstablishSession, Session
from tests.contract.stores.sessions.cases import DAY, WHERE, state_of
from tests.contract.stores.test_credential_store import ADA, AT, open_account, put
from tests.memory.credentials import MemoryCredentials
from tests.memory.credentials import MemoryPolicies as MemoryMethodPolicies
from tests.memory.sessions import MemoryPolicies as MemorySessionPolicies
from tests.memory.sessions import MemorySessions

STRICT = MethodPolicy(frozenset({"authenticator"}), "required", 7, skip_days=14, reconfirm_days=90)
SHORT = SessionPolicy(idle_seconds=300, lifetime_seconds=3600)


@dataclass(frozen=True)
class Accounts:
    """A store of policies, and the accounts beside it."""

    policies: MethodPolicyStore
    credentials: CredentialStore


@pytest.fixture(params=["memory", "mongodb"])
def accounts(request: pytest.FixtureRequest) -> Accounts:
    if request.param == "memory":
        memory = MemoryCredentials()
        return Accounts(MemoryMethodPolicies(memory), memory)
    wiring = request.getfixturevalue("credentials")
    store = MongoCredentialStore(wiring.database, wiring.epochs, wiring.transactions)
    return Accounts(MongoMethodPolicies(wiring.database), store)


@dataclass(frozen=True)
class Open:
    """A store of policies, and the sessions beside it."""

    policies: SessionPolicyStore
    sessions: SessionStore

    async def begin(self, organization: str | None, policy: SessionPolicy = DAY) -> Session:
        asked = EstablishSession(sub="ada", epoch=1, where=WHERE, organization=organization)
        return await self.sessions.add_session(
            asked, device_id="device", proof=proof_of("ada"), policy=policy
        )


@pytest.fixture(params=["memory", "mongodb"])
def opened(request: pytest.FixtureRequest) -> Open:
    if request.param == "memory":
        memory = MemorySessions()
        return Open(MemorySessionPolicies(memory), memory)
    wiring = request.getfixturevalue("sessions")
    store = MongoSessionStore(wiring.database, wiring.epochs, wiring.transactions)
    return Open(MongoSessionPolicies(wiring.database), store)


async def test_a_policy_for_methods_replaces_the_one_before_it(accounts: Accounts) -> None:
    store = accounts.policies
    assert await store.policy_of("halden") == MethodPolicy()
    for policy, version in ((STRICT, 0), (MethodPolicy(frozenset(), "off", 0), 1)):
        await store.put_policy("halden", policy)
        assert await store.policy_of("halden") == replace(policy, trust_version=version)
    assert await store.policy_of("elsewhere") == MethodPolicy()


async def test_where_no_device_may_be_trusted_the_version_of_trust_rises(
    accounts: Accounts,
) -> None:
    store, found = accounts.policies, []
    for days in (30, 7, 0, 0, 30):
        # Whatever version who replaces it knows of, it is the store's that counts.
        await store.put_policy("halden", MethodPolicy(trust_days=days, trust_version=9))
        found.append((await store.policy_of("halden")).trust_version)
    assert found == [0, 0, 1, 2, 2]


async def test_an_account_says_whose_it_is(accounts: Accounts) -> None:
    await open_account(accounts.credentials, replace(ADA, organization="halden"))
    assert await accounts.policies.organization_of("ada") == "halden"
    assert await accounts.policies.organization_of("nobody") is None
    found = await accounts.credentials.password_named(ADA.user_id)
    assert found is not None
    assert found.organization == "halden"


async def test_an_account_is_adopted_once_and_only_under_its_name(accounts: Accounts) -> None:
    await open_account(accounts.credentials, ADA)
    assert await accounts.policies.organization_of("ada") is None
    for user_id, organization, expected in (
        ("somebody@example.org", "halden", None),
        (ADA.user_id, "halden", "halden"),
        (ADA.user_id, "elsewhere", "halden"),
    ):
        await accounts.policies.adopt("ada", user_id, organization)
        assert await accounts.policies.organization_of("ada") == expected


async def test_a_change_that_knew_no_organization_leaves_it_as_it_is(accounts: Accounts) -> None:
    await open_account(accounts.credentials, ADA)
    changed = ADA.changed("verifier-2", at=AT, history=1)
    await accounts.policies.adopt("ada", ADA.user_id, "halden")
    await put(accounts.credentials, changed)
    found = await accounts.credentials.password_of("ada")
    assert found == replace(changed, organization="halden")


async def test_a_policy_for_sessions_replaces_the_one_before_it(opened: Open) -> None:
    assert await opened.policies.policy_of("halden") is None
    for policy in (SHORT, DAY):
        await opened.policies.put_policy("halden", policy)
        assert await opened.policies.policy_of("halden") == policy
    assert await opened.policies.policy_of("elsewhere") is None


async def test_open_sessions_of_the_organization_alone_are_shortened(opened: Open) -> None:
    ours, theirs, nobodys = [await opened.begin(each) for each in ("halden", "elsewhere", None)]
    await opened.policies.shorten("halden", SHORT)
    state = await state_of(opened.sessions, ours)
    assert state.organization == "halden"
    assert state.session.expires_at == ours.created_at + timedelta(seconds=300)
    for each in (theirs, nobodys):
        assert (await state_of(opened.sessions, each)).session == each


async def test_nothing_is_lengthened(opened: Open) -> None:
    session = await opened.begin("halden", SHORT)
    await opened.policies.shorten("halden", DAY)
    assert (await state_of(opened.sessions, session)).session == session


async def test_a_renewal_keeps_to_a_lifetime_that_came_later(opened: Open) -> None:
    session = await opened.begin("halden")
    brief = SessionPolicy(idle_seconds=3600, lifetime_seconds=60)
    await opened.sessions.seen(session.sid, brief)
    renewed = (await state_of(opened.sessions, session)).session
    assert renewed.expires_at == session.created_at + timedelta(seconds=60)
