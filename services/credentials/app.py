"""Composition root of the credentials service."""

from aiohttp import web

from services.credentials.accounts import Accounts
from services.credentials.app_passwords import AppPasswords
from services.credentials.asking import Asking
from services.credentials.authentication import Authentication
from services.credentials.blocklist import Blocklist
from services.credentials.clearing import Clearing
from services.credentials.config import CredentialsConfig
from services.credentials.hashing import Hasher
from services.credentials.keyring import Keyring
from services.credentials.kinds import MethodChanges
from services.credentials.lockout import Lockouts
from services.credentials.messengers import FileCarrier, HttpCarrier, MailCarrier
from services.credentials.mongo.accounts import MongoCredentialStore
from services.credentials.mongo.guesses import MongoGuessStore, MongoLockStore, MongoQuotaStore
from services.credentials.mongo.methods import MongoAddressNoticeStore, MongoMethodStore
from services.credentials.mongo.one_time import MongoOneTimeStore
from services.credentials.mongo.personal_data import CredentialHoldings
from services.credentials.mongo.policies import (
    MongoPasswordPolicyStore,
    MongoPolicyStore,
    MongoResetPolicyStore,
)
from services.credentials.mongo.resets import MongoResetStore
from services.credentials.notices import TEXTS, AddressNotices
from services.credentials.out_of_band import OutOfBand
from services.credentials.passkey_sign_in import PasskeySignIn
from services.credentials.passkeys import RelyingParty
from services.credentials.password import Passwords
from services.credentials.password_policy import PasswordPolicies
from services.credentials.password_reset import PasswordReset
from services.credentials.policy import MethodPolicies, ResetPolicies
from services.credentials.recovery_codes import RecoveryCodes
from services.credentials.redis import RedisGuessCounters
from services.credentials.resealing import Resealing
from services.credentials.reset_limits import ResetLimits
from services.credentials.reset_registration import ResetRegistration
from services.credentials.routes import (
    account_routes,
    personal_data_routes,
    question_routes,
    reset_routes,
    routes,
)
from services.credentials.rules import PasswordRules
from services.credentials.security_info import SecurityInformation
from services.credentials.security_questions import SecurityQuestions
from services.credentials.sending import Sending
from services.credentials.store import Carrier
from services.credentials.subscribers import subscribe
from services.credentials.throttling import Throttle
from services.credentials.totp import Authenticators
from services.credentials.webauthn import Passkeys
from shared.clock import SystemClock
from shared.contracts.methods import SentKind
from shared.contracts.personal_data import Keeper
from shared.lease import Lease
from shared.mail import domain_of
from shared.personal_data import PersonalData
from shared.service import Service, Task, application
from shared.smtp import SmtpMailer
from shared.texts import Catalogues
from shared.wiring import Wiring

NAME: Keeper = "credentials"


def _store(wiring: Wiring) -> MongoCredentialStore:
    return MongoCredentialStore(wiring.database, wiring.epochs, wiring.transactions)


def _methods(wiring: Wiring) -> MongoMethodStore:
    return MongoMethodStore(wiring.database, wiring.epochs, wiring.transactions)


def _policies(wiring: Wiring) -> MethodPolicies:
    store = MongoPolicyStore(wiring.database, wiring.transactions)
    return MethodPolicies(store, Lease(store.policy_of, SystemClock()))


def _mailing(config: CredentialsConfig) -> tuple[SmtpMailer, str] | None:
    """Return what takes mail away, and the domain of its Message-IDs; None where nothing does."""
    if config.smtp_host is None or config.mail_from is None:
        return None
    mailer = SmtpMailer(config.smtp_host, config.smtp_port, config.mail_from)
    return mailer, domain_of(config.mail_from)


def _locks(wiring: Wiring) -> MongoLockStore:
    return MongoLockStore(wiring.database, wiring.transactions)


def _data(config: CredentialsConfig, wiring: Wiring) -> PersonalData:
    """Return what is kept of people, which is erased when the bus says so."""
    kept = CredentialHoldings(
        wiring.database,
        wiring.epochs,
        Keyring.parse(config.keyring.get_secret_value()),
        config.pepper.get_secret_value().encode(),
    )
    clock, bury = SystemClock(), wiring.epochs.bury
    data = PersonalData(NAME, kept.of, wiring.transactions, clock, first=bury)
    subscribe(wiring.bus, data)
    return data


def _resets(wiring: Wiring) -> MongoResetStore:
    return MongoResetStore(wiring.database, wiring.transactions)


def _tasks(
    config: CredentialsConfig, wiring: Wiring, keyring: Keyring, catalogues: Catalogues
) -> list[Task]:
    lockouts = Lockouts(_locks(wiring), SystemClock())
    mailing = _mailing(config)
    if mailing is None:
        return [lockouts.keep_telling]
    mailer, domain = mailing
    notices = AddressNotices(
        MongoAddressNoticeStore(wiring.database),
        _store(wiring),
        keyring,
        mailer,
        catalogues,
        config.portal_url,
        domain,
    )
    return [lockouts.keep_telling, notices.keep_sending]


def _carriers(config: CredentialsConfig) -> dict[SentKind, Carrier]:
    carriers: dict[SentKind, Carrier] = {}
    if mailing := _mailing(config):
        carriers["email"] = MailCarrier(*mailing)
    if config.carrier_url is not None and config.carrier_token is not None:
        carriers["sms"] = carriers["voice"] = HttpCarrier(config.carrier_url, config.carrier_token)
    elif config.sms_file is not None:
        carriers["sms"] = carriers["voice"] = FileCarrier(config.sms_file, SystemClock())
    return carriers


def build_service(config: CredentialsConfig) -> Service:
    """Return the service, ready to run."""
    wiring = Wiring.of(NAME, config)
    store, methods, policies = _store(wiring), _methods(wiring), _policies(wiring)
    pepper = config.pepper.get_secret_value().encode()
    keyring = Keyring.parse(config.keyring.get_secret_value())
    catalogues = Catalogues.load(*TEXTS)
    hasher = Hasher(
        config.hashing,
        store,
        SystemClock(),
        threads=config.hash_threads,
        queue=config.hash_queue,
    )
    rules = PasswordRules(config.policy, Blocklist(config.breached_file))
    throttle = Throttle(MongoGuessStore(wiring.database), RedisGuessCounters(wiring.cache.redis))
    changes = MethodChanges(methods, policies, SystemClock())
    reset_policies = MongoResetPolicyStore(wiring.database, wiring.transactions)
    resetting = ResetPolicies(reset_policies, Lease(reset_policies.policy_of, SystemClock()))
    questions = SecurityQuestions(changes, keyring, hasher, SystemClock(), resetting)
    carriers = _carriers(config)
    registration = ResetRegistration(changes, resetting, questions, tuple(carriers))
    asking = Asking(methods, changes, registration)
    authentication = Authentication(store, methods, hasher, throttle, pepper, policies, asking)
    kept = MongoPasswordPolicyStore(wiring.database, wiring.transactions)
    demands = PasswordPolicies(
        kept, Lease(kept.policy_of, SystemClock()), config.policy, methods, policies
    )
    passwords = Passwords(
        store, hasher, rules, throttle, SystemClock(), pepper, policies.store, demands
    )
    passkeys = Passkeys(
        changes,
        MongoOneTimeStore(wiring.database),
        RelyingParty.at(config.portal_url),
        SystemClock(),
        pepper,
    )
    passkey_sign_in = PasskeySignIn(
        store, methods, changes, passkeys, throttle, SystemClock(), pepper, registration
    )
    security_info = SecurityInformation(
        methods,
        changes,
        throttle,
        Authenticators(changes, keyring, SystemClock()),
        RecoveryCodes(changes, SystemClock(), pepper),
        passkeys,
        OutOfBand(
            changes,
            MongoOneTimeStore(wiring.database),
            Sending(carriers, MongoQuotaStore(wiring.database), pepper),
            keyring,
            catalogues,
            SystemClock(),
            pepper,
        ),
        SystemClock(),
        pepper,
        resetting,
    )
    app_passwords = AppPasswords(store, methods, changes, throttle, SystemClock(), pepper)
    clearing = Clearing(changes)
    reset = PasswordReset(
        passwords,
        security_info,
        resetting,
        _resets(wiring),
        ResetLimits(throttle, MongoQuotaStore(wiring.database), pepper),
        questions,
    )
    app = application(NAME, config, wiring.is_outage)
    app.add_routes(
        routes(
            authentication,
            passwords,
            security_info,
            passkey_sign_in,
            app_passwords,
            clearing,
            policies,
            asking,
        )
    )
    app.add_routes(personal_data_routes(_data(config, wiring)))
    app.add_routes(question_routes(questions))
    app.add_routes(reset_routes(reset, registration))
    app.add_routes(account_routes(Accounts(store, hasher, rules, demands, SystemClock())))

    async def end_threads(_app: web.Application) -> None:
        hasher.close()
        rules.pool.close()

    app.on_cleanup.append(end_threads)
    return wiring.service(app, tasks=_tasks(config, wiring, keyring, catalogues))


async def reseal(config: CredentialsConfig) -> tuple[int, int]:
    """Seal every secret under the newest key of the ring; return how many were and cannot be."""
    wiring = Wiring.of(NAME, config)
    methods, keyring = _methods(wiring), Keyring.parse(config.keyring.get_secret_value())
    changes = MethodChanges(methods, _policies(wiring), SystemClock())
    notices = MongoAddressNoticeStore(wiring.database)
    return await Resealing(methods, notices, changes, keyring).reseal()


async def install(config: CredentialsConfig) -> None:
    """Apply indexes and topology. Safe to run twice."""
    wiring = Wiring.of(NAME, config)
    _data(config, wiring)
    await _store(wiring).install()
    await _methods(wiring).install()
    await _locks(wiring).install()
    await MongoPolicyStore(wiring.database, wiring.transactions).install()
    await MongoPasswordPolicyStore(wiring.database, wiring.transactions).install()
    await MongoOneTimeStore(wiring.database).install()
    await MongoQuotaStore(wiring.database).install()
    await MongoResetPolicyStore(wiring.database, wiring.transactions).install()
    await _resets(wiring).install()
    await wiring.bus.install()
