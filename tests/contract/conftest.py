"""The services' own wiring, on the servers of the test run and databases that are emptied."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from uuid import uuid4

import pytest
from pydantic import SecretStr
from pymongo import MongoClient

from services.credentials.mongo.accounts import MongoCredentialStore
from services.credentials.mongo.guesses import MongoLockStore
from services.credentials.mongo.methods import MongoMethodStore
from services.credentials.mongo.policies import MongoPasswordPolicyStore, MongoResetPolicyStore
from services.credentials.mongo.policies import MongoPolicyStore as MongoMethodPolicies
from services.credentials.mongo.resets import MongoResetStore
from services.profile.mongo import MongoPeopleStore
from services.profile.mongo_audit import MongoAuditStore
from services.profile.mongo_memberships import MongoMembershipStore
from services.profile.mongo_notices import MongoNoticeStore
from services.profile.mongo_personal_data import MongoErasureStore
from services.profile.mongo_terms import MongoTermsStore
from services.profile.trail import Seal
from services.sessions.mongo.activity import MongoActivityStore
from services.sessions.mongo.policies import MongoPolicyStore as MongoSessionPolicies
from services.sessions.mongo.sessions import MongoSessionStore
from shared.epochs import Epochs
from shared.wiring import Wiring
from tests.contract.brokers import Brokers
from tests.contract.settings import STORES, Settings, wired
from tests.servers import Servers


async def _install(settings: Settings) -> None:
    async with wired("sessions", settings) as sessions:
        await MongoSessionStore(sessions.database, sessions.epochs, sessions.transactions).install()
        await MongoActivityStore(sessions.database).install()
        await MongoSessionPolicies(sessions.database, sessions.transactions).install()
    async with wired("credentials", settings) as credentials:
        await MongoCredentialStore(
            credentials.database, credentials.epochs, credentials.transactions
        ).install()
        await MongoMethodStore(
            credentials.database, credentials.epochs, credentials.transactions
        ).install()
        await MongoPasswordPolicyStore(credentials.database, credentials.transactions).install()
        await MongoMethodPolicies(credentials.database, credentials.transactions).install()
        await MongoResetPolicyStore(credentials.database, credentials.transactions).install()
        await MongoResetStore(credentials.database, credentials.transactions).install()
        await MongoLockStore(credentials.database, credentials.transactions).install()
    async with wired("profile", settings) as profile:
        await MongoPeopleStore(profile.database, profile.transactions).install()
        await MongoNoticeStore(profile.database, profile.epochs, profile.transactions).install()
        trail = MongoAuditStore(profile.database, profile.transactions, Seal(b"a test's key"))
        await trail.install()
        await MongoTermsStore(profile.database, profile.transactions, profile.epochs).install()
        await MongoErasureStore(profile.database, profile.transactions).install()
        guests = MongoMembershipStore(profile.database, transactions=profile.transactions)
        await guests.install()


@pytest.fixture(scope="session")
def settings(servers: Servers) -> Iterator[Settings]:
    """Install the services' databases once, and drop them in the end."""
    prefix = f"t{uuid4().hex[:12]}_"
    made = Settings(
        SecretStr(servers.mongo_url),
        SecretStr(servers.redis_url),
        SecretStr(servers.rabbitmq_url),
        prefix,
    )
    asyncio.run(_install(made))
    yield made
    with MongoClient[dict[str, object]](servers.mongo_url) as client:
        for name in client.list_database_names():
            if name.startswith(prefix):
                client.drop_database(name)


@pytest.fixture
def emptied(settings: Settings) -> Settings:
    """Empty every collection; their indexes stay."""
    with MongoClient[dict[str, object]](settings.mongo_url.get_secret_value()) as client:
        for name in (*STORES, "epochs"):
            database = client[f"{settings.database_prefix}{name}"]
            for collection in database.list_collection_names():
                database[collection].delete_many({})
    return settings


@pytest.fixture
async def sessions(emptied: Settings) -> AsyncIterator[Wiring]:
    """Give the sessions service's wiring."""
    async with wired("sessions", emptied) as wiring:
        yield wiring


@pytest.fixture
async def credentials(emptied: Settings) -> AsyncIterator[Wiring]:
    """Give the credentials service's wiring."""
    async with wired("credentials", emptied) as wiring:
        yield wiring


@pytest.fixture
async def profile(emptied: Settings) -> AsyncIterator[Wiring]:
    """Give the profile service's wiring."""
    async with wired("profile", emptied) as wiring:
        yield wiring


@pytest.fixture
def open_subject() -> Callable[[Wiring, str], Awaitable[None]]:
    """Give a way to open a subject's first epoch, which a new account does otherwise."""

    async def opened(wiring: Wiring, sub: str) -> None:
        await wiring.transactions.run(lambda tx: wiring.epochs.open(sub, tx.session))

    return opened


@pytest.fixture
def epochs(sessions: Wiring) -> Epochs:
    """Give the shared epochs."""
    return sessions.epochs


@pytest.fixture
async def brokers(rabbitmq_url: str) -> AsyncIterator[Brokers]:
    """Give buses of this test's own, and delete their queues."""
    made = Brokers(rabbitmq_url)
    yield made
    for bus, _ in list(made.running.values()):
        await made.stop(bus)
    async with made.channel() as channel:
        for name in made.queues:
            await channel.queue_delete(name)
