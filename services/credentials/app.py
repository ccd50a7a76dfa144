"""Composition root of the credentials service."""

from aiohttp import web

from services.credentials.authentication import Authentication
from services.credentials.blocklist import Blocklist
from services.credentials.config import CredentialsConfig
from services.credentials.hashing import Hasher
from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges
from services.credentials.mongo import (
    MongoCredentialStore,
    MongoGuessStore,
    MongoMethodStore,
    MongoOneTimeStore,
)
from services.credentials.passkey_sign_in import PasskeySignIn
from services.credentials.passkeys import RelyingParty
from services.credentials.password import Passwords
from services.credentials.recovery_codes import RecoveryCodes
from services.credentials.redis import RedisGuessCounters
from services.credentials.resealing import Resealing
from services.credentials.routes import routes
from services.credentials.rules import PasswordRules
from services.credentials.security_info import SecurityInformation
from services.credentials.throttling import Throttle
from services.credentials.totp import Authenticators
from services.credentials.webauthn import Passkeys
from shared.clock import SystemClock
from shared.service import Service, application
from shared.wiring import Wiring

NAME = "credentials"


def _store(wiring: Wiring) -> MongoCredentialStore:
    return MongoCredentialStore(wiring.database, wiring.epochs, wiring.transactions)


def _methods(wiring: Wiring) -> MongoMethodStore:
    return MongoMethodStore(wiring.database, wiring.epochs, wiring.transactions)


def build_service(config: CredentialsConfig) -> Service:
    """Return the service, ready to run."""
    wiring = Wiring.of(NAME, config)
    store, methods = _store(wiring), _methods(wiring)
    pepper = config.pepper.get_secret_value().encode()
    keyring = Keyring.parse(config.keyring.get_secret_value())
    hasher = Hasher(
        config.hashing,
        store,
        SystemClock(),
        threads=config.hash_threads,
        queue=config.hash_queue,
    )
    rules = PasswordRules(config.policy, Blocklist(config.breached_file))
    throttle = Throttle(MongoGuessStore(wiring.database), RedisGuessCounters(wiring.cache.redis))
    authentication = Authentication(store, methods, hasher, throttle, pepper)
    passwords = Passwords(store, hasher, rules, throttle, SystemClock(), pepper)
    changes = MethodChanges(methods, SystemClock())
    passkeys = Passkeys(
        changes,
        MongoOneTimeStore(wiring.database),
        RelyingParty.at(config.portal_url),
        SystemClock(),
        pepper,
    )
    passkey_sign_in = PasskeySignIn(
        store, methods, changes, passkeys, throttle, SystemClock(), pepper
    )
    security_info = SecurityInformation(
        methods,
        changes,
        throttle,
        Authenticators(changes, keyring, SystemClock()),
        RecoveryCodes(changes, SystemClock(), pepper),
        passkeys,
        SystemClock(),
        pepper,
    )
    app = application(NAME, config, wiring.is_outage)
    app.add_routes(routes(authentication, passwords, security_info, passkey_sign_in))

    async def end_threads(_app: web.Application) -> None:
        hasher.close()
        rules.pool.close()

    app.on_cleanup.append(end_threads)
    return wiring.service(app)


async def reseal(config: CredentialsConfig) -> tuple[int, int]:
    """Seal every secret under the newest key of the ring; return how many were and cannot be."""
    wiring = Wiring.of(NAME, config)
    methods, keyring = _methods(wiring), Keyring.parse(config.keyring.get_secret_value())
    return await Resealing(methods, MethodChanges(methods, SystemClock()), keyring).reseal()


async def install(config: CredentialsConfig) -> None:
    """Apply indexes and topology. Safe to run twice."""
    wiring = Wiring.of(NAME, config)
    await _store(wiring).install()
    await _methods(wiring).install()
    await MongoOneTimeStore(wiring.database).install()
    await wiring.bus.install()
