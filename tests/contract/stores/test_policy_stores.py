"""What every store of policies does, in memory and in MongoDB alike."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from services.credentials.method_policy import MethodPolicy
from services.credentials.model import PasswordPolicy
from services.credentials.mongo.accounts import MongoCredentialStore
from services.credentials.mongo.policies import MongoPasswordPolicyStore, MongoResetPolicyStore
from services.credentials.mongo.policies import MongoPolicyStore as MongoMethodPolicies
from services.credentials.reset_policy import ResetPolicy
from services.credentials.store import CredentialStore, PasswordPolicyStore, ResetPolicyStore
from services.credentials.store import PolicyStore as MethodPolicyStore
from services.profile.mongo import MongoPeopleStore
from services.profile.store import PeopleStore
from services.sessions.model import SessionPolicy, proof_of
from services.sessions.mongo.policies import MongoPolicyStore as MongoSessionPolicies
from services.sessions.mongo.sessions import MongoSessionStore
from services.sessions.store import PolicyStore as SessionPolicyStore
from services.sessions.store import SessionStore
from shared.contracts.audit import Actor
from shared.contracts.events import Audited
from shared.contracts.policy import KeptPortalPolicy, PortalPolicy
from shared.contracts.portal import PortalRules
from shared.contracts.profile import Helpdesk
from shared.contracts.refusals import ChangedMeanwhile
from shared.contracts.sessions import EstablishSession, Session
from shared.policies import Replaced, Telling
from shared.wiring import Wiring
from tests.contract.stores.sessions.cases import DAY, WHERE, state_of
from tests.contract.stores.test_credential_store import ADA, AT, open_account, put
from tests.memory.credential_policies import MemoryPasswordPolicies, MemoryResetPolicies
from tests.memory.credential_policies import MemoryPolicies as MemoryMethodPolicies
from tests.memory.credentials import MemoryCredentials
from tests.memory.profile import MemoryPeople
from tests.memory.sessions import MemoryPolicies as MemorySessionPolicies
from tests.memory.sessions import MemorySessions

STRICT = MethodPolicy(frozenset({"authenticator"}), "required", 7, skip_days=14, reconfirm_days=90)
LONG = PasswordPolicy(
    minimum_length=20, history=3, banned=("bremen",), minimum_length_with_factor=9
)
PORTAL = PortalPolicy(
    access="groups", groups=("staff",), fields=("emails",), areas=(), helpdesk=Helpdesk(name="Desk")
)
SHORT = SessionPolicy(idle_seconds=300, lifetime_seconds=3600)


@dataclass(frozen=True)
class Accounts:
    """A store of policies, and the accounts beside it."""

    policies: MethodPolicyStore
    credentials: CredentialStore


@pytest.fixture(params=["memory", "mongodb"])
def accounts(request: pytest.FixtureRequest) -> Accounts:
    return accounts_in(request.param, request)


def accounts_in(where: str, request: pytest.FixtureRequest) -> Accounts:
    if where == "memory":
        memory = MemoryCredentials()
        return Accounts(MemoryMethodPolicies(memory), memory)
    wiring = request.getfixturevalue("credentials")
    store = MongoCredentialStore(wiring.database, wiring.epochs, wiring.transactions)
    return Accounts(MongoMethodPolicies(wiring.database, wiring.transactions), store)


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
    return opened_in(request.param, request)


def opened_in(where: str, request: pytest.FixtureRequest) -> Open:
    if where == "memory":
        memory = MemorySessions()
        return Open(MemorySessionPolicies(memory), memory)
    wiring = request.getfixturevalue("sessions")
    store = MongoSessionStore(wiring.database, wiring.epochs, wiring.transactions)
    return Open(MongoSessionPolicies(wiring.database, wiring.transactions), store)


@pytest.fixture(params=["memory", "mongodb"])
def passwords(request: pytest.FixtureRequest) -> PasswordPolicyStore:
    return passwords_in(request.param, request)


def passwords_in(where: str, request: pytest.FixtureRequest) -> PasswordPolicyStore:
    if where == "memory":
        return MemoryPasswordPolicies()
    wiring = request.getfixturevalue("credentials")
    return MongoPasswordPolicyStore(wiring.database, wiring.transactions)


def people_in(where: str, request: pytest.FixtureRequest) -> PeopleStore:
    if where == "memory":
        return MemoryPeople()
    wiring = request.getfixturevalue("profile")
    return MongoPeopleStore(wiring.database, wiring.transactions)


def resets_in(where: str, request: pytest.FixtureRequest) -> ResetPolicyStore:
    if where == "memory":
        return MemoryResetPolicies()
    wiring = request.getfixturevalue("credentials")
    return MongoResetPolicyStore(wiring.database, wiring.transactions)


async def test_a_policy_for_passwords_replaces_the_one_before_it(
    passwords: PasswordPolicyStore,
) -> None:
    assert await passwords.policy_of("halden") is None
    for version, policy in enumerate((LONG, PasswordPolicy()), start=1):
        await passwords.put_policy("halden", policy)
        found = await passwords.policy_of("halden")
        assert found == policy
        assert found.version == version
    assert await passwords.policy_of("elsewhere") is None


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


Put = Callable[[tuple[int, ...] | None, Telling], Awaitable[Replaced]]


KINDS = ("methods", "password", "portal", "reset", "sessions")


@pytest.fixture(params=[f"{kind} {where}" for kind in KINDS for where in ("memory", "mongodb")])
def put_policy(request: pytest.FixtureRequest) -> Put:
    """Give a way to replace one policy of an organization."""
    kind, where = request.param.split()
    if kind == "methods":
        methods = accounts_in(where, request).policies
        return lambda replaces, told: methods.put_policy(
            "halden", STRICT, replaces=replaces, told=told
        )
    if kind == "password":
        passwords = passwords_in(where, request)
        return lambda replaces, told: passwords.put_policy(
            "halden", LONG, replaces=replaces, told=told
        )
    if kind == "reset":
        resets = resets_in(where, request)
        return lambda replaces, told: resets.put_policy(
            "halden", ResetPolicy("everyone"), replaces=replaces, told=told
        )
    if kind == "portal":
        people = people_in(where, request)
        return lambda replaces, told: people.put_portal_policy(
            "halden", PORTAL, replaces=replaces, told=told
        )
    sessions = opened_in(where, request).policies
    return lambda replaces, told: sessions.put_policy("halden", SHORT, replaces=replaces, told=told)


def nothing(_replaced: Replaced) -> None:
    """Tell nobody."""


async def test_a_policy_is_replaced_only_where_a_version_stands_that_was_named(
    put_policy: Put,
) -> None:
    for replaces in ((1,), ()):
        with pytest.raises(ChangedMeanwhile):
            await put_policy(replaces, nothing)
    first = await put_policy((0,), nothing)
    assert first.version == 1
    assert first.changed
    for replaces in ((0,), (2,), ()):
        with pytest.raises(ChangedMeanwhile):
            await put_policy(replaces, nothing)
    assert await put_policy((5, 1), nothing) == Replaced(2, ())
    assert (await put_policy(None, nothing)).version == 3


@pytest.mark.parametrize("known", [0, 1])
async def test_of_those_who_replace_one_version_at_once_one_does_and_is_told_of(
    put_policy: Put, known: int
) -> None:
    for _ in range(known):
        await put_policy(None, nothing)
    told: list[int] = []

    def tell(replaced: Replaced) -> None:
        told.append(replaced.version)

    racing = (put_policy((known,), tell) for _ in range(8))
    ended = await asyncio.gather(*racing, return_exceptions=True)
    done = [each for each in ended if isinstance(each, Replaced)]
    assert [each.version for each in done] == [known + 1]
    assert sum(isinstance(each, ChangedMeanwhile) for each in ended) == 7
    assert set(told) == {known + 1}


async def test_who_names_no_version_is_never_in_anybodys_way(put_policy: Put) -> None:
    racing = (put_policy(None, nothing) for _ in range(6))
    versions = [each.version for each in await asyncio.gather(*racing)]
    assert sorted(versions) == [1, 2, 3, 4, 5, 6]


async def test_what_is_told_is_told_with_the_change_or_not_at_all(credentials: Wiring) -> None:
    store = MongoMethodPolicies(credentials.database, credentials.transactions)
    actor = Actor(sub="ada", organization="halden")

    def tell(replaced: Replaced) -> Audited:
        if replaced.version == 2:
            raise ZeroDivisionError
        return Audited.of(actor, "replace-policy", at=AT)

    await store.put_policy("halden", MethodPolicy(trust_days=7), told=tell)
    with pytest.raises(ZeroDivisionError):
        await store.put_policy("halden", STRICT, told=tell)
    assert (await store.policy_of("halden")) == MethodPolicy(trust_days=7)
    assert await credentials.database["outbox"].count_documents({"name": "audited"}) == 1


async def test_a_policy_from_before_there_were_versions_is_version_0(
    credentials: Wiring, sessions: Wiring
) -> None:
    old = {"_id": "halden", "allowed": [], "second_factor": "off", "trust_days": 0}
    await credentials.database["policies"].insert_one(old)
    methods = MongoMethodPolicies(credentials.database, credentials.transactions)
    times = {"_id": "halden", "idle_seconds": 300, "lifetime_seconds": 3600}
    await sessions.database["policies"].insert_one(times)
    lasting = MongoSessionPolicies(sessions.database, sessions.transactions)
    assert (await methods.policy_of("halden")).version == 0
    assert (await methods.put_policy("halden", STRICT, replaces=(0,))).version == 1
    assert await lasting.put_policy("halden", SHORT, replaces=(0,)) == Replaced(1, ())
    known = await lasting.policy_of("halden")
    assert known is not None
    assert known.version == 1


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
    assert state.session.organization == "halden"
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


async def test_a_portal_policy_from_before_there_were_rules_says_what_changed(
    profile: Wiring,
) -> None:
    desk = Helpdesk(name="Desk")
    old = {"_id": "halden", "name": "Halden", "helpdesk": desk.model_dump(), "version": 3}
    await profile.database["organizations"].insert_one(old)
    people = MongoPeopleStore(profile.database, profile.transactions)
    found = await people.organization("halden")
    assert found is not None
    assert found.rules == PortalRules()
    shortened = PortalPolicy(helpdesk=desk, fields=("office", "emails"))
    assert await people.put_portal_policy("halden", shortened) == Replaced(4, ("fields",))
    changed = await people.organization("halden")
    assert changed is not None
    assert changed.policy == KeptPortalPolicy(**dict(shortened), version=4)
