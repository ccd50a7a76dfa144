"""Composition root of the sessions service."""

import asyncio
from collections.abc import Awaitable, Callable

from services.sessions.activity import Activity
from services.sessions.config import SessionsConfig
from services.sessions.devices import Devices
from services.sessions.disabling import Disabling
from services.sessions.disowning import Disowning
from services.sessions.geoip import places_of
from services.sessions.introspection import Introspection
from services.sessions.issuance import Issuance
from services.sessions.mongo.activity import MongoActivityStore
from services.sessions.mongo.personal_data import holdings
from services.sessions.mongo.policies import MongoPolicyStore
from services.sessions.mongo.retention import MongoRetentionStore
from services.sessions.mongo.sessions import MongoSessionStore
from services.sessions.policy import SessionPolicies
from services.sessions.receipts import Receipts
from services.sessions.retention import Retention
from services.sessions.revocation import Revocations
from services.sessions.routes import activity_routes, personal_data_routes, routes
from services.sessions.subscribers import subscribe
from shared.clock import SystemClock
from shared.contracts.personal_data import Keeper
from shared.lease import Lease
from shared.personal_data import PersonalData
from shared.service import Service, application
from shared.wiring import Wiring

NAME: Keeper = "sessions"
_TELL_EVERY_SECONDS = 1.0


def _store(wiring: Wiring) -> MongoSessionStore:
    return MongoSessionStore(wiring.database, wiring.epochs, wiring.transactions)


def _wired(
    config: SessionsConfig,
) -> tuple[Wiring, MongoSessionStore, Revocations, PersonalData]:
    wiring = Wiring.of(NAME, config)
    store = _store(wiring)
    revocations = Revocations(store, SystemClock())
    kept = holdings(wiring.database, wiring.epochs)
    data = PersonalData(NAME, kept, wiring.transactions, SystemClock())
    subscribe(wiring.bus, revocations, data)
    return wiring, store, revocations, data


def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def repeat() -> None:
        # The first time is at once, for what a killed service has left open.
        while True:
            await work()
            await asyncio.sleep(seconds)

    return repeat


def build_service(config: SessionsConfig) -> Service:
    """Return the service, ready to run. Raise `UnusableDatabase` where its places are none."""
    places = places_of(config.geoip_database)
    wiring, store, revocations, data = _wired(config)
    devices = Devices(store, SystemClock(), places)
    kept = MongoPolicyStore(wiring.database, wiring.transactions)
    policies = SessionPolicies(kept, Lease(kept.policy_of, SystemClock()), config.policy)
    activity = Activity(MongoActivityStore(wiring.database), SystemClock(), policies, places)
    retention = Retention(MongoRetentionStore(wiring.database))
    issuance = Issuance(store, devices, policies, activity)
    introspection = Introspection(store, wiring.cache, policies)
    app = application(NAME, config, wiring.is_outage)
    receipts = Receipts(store)
    disabling = Disabling(store, revocations, SystemClock())
    app.add_routes(
        routes(devices, issuance, introspection, revocations, receipts, policies, disabling)
    )
    app.add_routes(personal_data_routes(data))
    app.add_routes(activity_routes(activity, Disowning(revocations, disabling)))
    return wiring.service(
        app,
        tasks=[
            _every(config.reconcile_seconds, revocations.reconcile),
            _every(config.sweep_seconds, revocations.sweep),
            _every(_TELL_EVERY_SECONDS, devices.tell_new),
            _every(_TELL_EVERY_SECONDS, activity.compare_places),
            _every(config.reconcile_seconds, retention.apply),
        ],
    )


async def raise_epochs(config: SessionsConfig) -> int:
    """Have nothing accepted any more that was issued before, and return of how many people."""
    wiring, *_ = _wired(config)
    return await wiring.epochs.raise_all()


async def install(config: SessionsConfig) -> None:
    """Apply indexes and topology. Safe to run twice."""
    wiring, store, *_ = _wired(config)
    await store.install()
    await MongoActivityStore(wiring.database).install()
    await MongoPolicyStore(wiring.database, wiring.transactions).install()
    await wiring.bus.install()
