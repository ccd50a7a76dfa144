"""Composition root of the gateway."""

import secrets
from collections.abc import AsyncIterator

from aiohttp import web

from services.gateway.acceptance import Acceptance
from services.gateway.account import Account
from services.gateway.activity import Activity
from services.gateway.administration import Administration
from services.gateway.admission import Admission
from services.gateway.api.documents import Documents
from services.gateway.api.operations import Operations
from services.gateway.api.routes import Api
from services.gateway.attempts import Attempts
from services.gateway.audit import AuditTrail
from services.gateway.clients import peer
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.organizations import OrganizationsClient
from services.gateway.clients.peer import Peer
from services.gateway.clients.personal_data import PersonalDataClient
from services.gateway.clients.profile import ProfileClient
from services.gateway.clients.sessions import SessionsClient
from services.gateway.clients.terms import TermsClient
from services.gateway.config import GatewayConfig
from services.gateway.devices import Devices
from services.gateway.headers import Dress, dressed, guarded, identified
from services.gateway.house_rules import lease_of_rules
from services.gateway.live import LiveSessions
from services.gateway.method_import import MethodImport
from services.gateway.organizations import OrganizationFlows
from services.gateway.password_reset import PasswordReset
from services.gateway.personal_data import PersonalData
from services.gateway.policy import Policies
from services.gateway.portal.admin_pages import AdminFlows
from services.gateway.portal.pages import AccountFlows, Portal
from services.gateway.portal_access import PortalAccess
from services.gateway.redis import RedisAnswers, RedisFlows
from services.gateway.registration import Registration
from services.gateway.rendering import Problems, middleware
from services.gateway.requests import Requests
from services.gateway.required_terms import RequiredTerms
from services.gateway.sealing import Sealer
from services.gateway.security_info import SecurityInfo
from services.gateway.sign_in import SignIn
from services.gateway.step_up import StepUps
from services.gateway.subscribers import subscribe
from services.gateway.terms_at_sign_in import TermsFlows
from services.gateway.trust import DeviceTrust
from services.gateway.users import Users
from shared import cache
from shared.broker import Bus
from shared.cache import AcceptanceCache
from shared.clock import SystemClock
from shared.contracts.refusals import Refusal
from shared.parking import Parking
from shared.service import Refused, Service, measured
from shared.texts import Catalogues

NAME = "gateway"
_LARGEST_BODY = 64 * 1024


def _peers(config: GatewayConfig, outgoing: peer.Session) -> dict[str, Peer]:
    key = config.service_key.get_secret_value()
    return {
        "profile": Peer(outgoing, config.profile_url, key),
        "credentials": Peer(outgoing, config.credentials_url, key),
        "sessions": Peer(outgoing, config.sessions_url, key),
    }


def build_service(config: GatewayConfig) -> Service:
    """Return the gateway, ready to run."""
    outgoing = peer.connect()
    peers = _peers(config, outgoing)
    profile = ProfileClient(peers["profile"])
    credentials = CredentialsClient(peers["credentials"])
    sessions = SessionsClient(peers["sessions"])
    redis = cache.connect(config.redis_url.get_secret_value())
    accepted = AcceptanceCache(redis, SystemClock())
    bus = Bus(config.rabbitmq_url.get_secret_value(), NAME, lambda _: False)
    sealer = Sealer(config.secret.get_secret_value().encode())
    catalogues = Catalogues.load()

    acceptance = Acceptance(accepted, sessions)
    live = LiveSessions(acceptance)
    clock = SystemClock()
    step_ups = StepUps(credentials, sessions, clock)
    terms = TermsClient(peers["profile"])
    rules = lease_of_rules(profile, terms, clock)
    portal_access = PortalAccess.of(rules, profile)
    account = Account(profile, credentials, sessions, step_ups, portal_access)
    administration = Administration(profile, credentials, Parking(bus), step_ups)
    security_info = SecurityInfo(credentials, profile, sessions, step_ups)
    flows = RedisFlows(redis, sealer, clock)
    required = RequiredTerms(terms, profile, rules)
    sign_in = SignIn(credentials, profile, sessions, flows, clock, Attempts(sessions), required)
    registration = Registration(sign_in)
    organizations = OrganizationFlows.of(OrganizationsClient(peers["profile"]), step_ups)
    devices = Devices(sessions, credentials, profile, step_ups, DeviceTrust(sessions))
    data = PersonalData([PersonalDataClient(each) for each in peers.values()], step_ups)
    activity = Activity(credentials, sessions, step_ups)
    password_reset = PasswordReset(credentials, profile)
    requests = Requests(
        acceptance,
        administration,
        sealer,
        catalogues,
        trusted_proxies=config.trusted_proxies,
        servers=config.app_password_clients,
        admission=Admission(portal_access, required),
    )
    problems = Problems(catalogues, requests)
    admin = AdminFlows(
        Users(profile, credentials, sessions),
        Policies(credentials, profile, sessions, portal_access),
        AuditTrail(profile),
        MethodImport(credentials, profile),
        organizations.administration,
    )
    portal = Portal(
        requests,
        catalogues,
        registration,
        AccountFlows(
            account, security_info, devices, activity, password_reset, data, organizations.own
        ),
        admin,
    )
    api = Api(
        sign_in,
        registration,
        account,
        security_info,
        administration,
        admin.users,
        admin.policies,
        live,
        devices,
        activity,
        catalogues,
        admin.audit,
        password_reset,
        admin.method_import,
        TermsFlows.of(sign_in),
        data,
        organizations,
    )
    table = api.operations()
    operations = Operations(requests, RedisAnswers(redis, sealer), problems.answer)
    app = _application(config, problems, portal)
    app.add_routes([operations.route(operation) for operation in table])
    app.add_routes(Documents(table, config.public_url).routes())

    async def close_outgoing(_app: web.Application) -> AsyncIterator[None]:
        yield
        await outgoing.close()
        await redis.aclose()

    async def close_streams(_app: web.Application) -> None:
        live.close()

    app.cleanup_ctx.append(close_outgoing)
    app.on_shutdown.append(close_streams)
    subscribe(bus, live, replica=secrets.token_hex(4))
    return Service(
        NAME,
        app,
        tasks=[bus.run],
        wants={"redis": accepted.answers, **{name: each.answers for name, each in peers.items()}},
        missing=bus.missing,
        stops=[bus.stop],
        refused=_refused(problems, dressed(config.public_url)),
    )


def _application(config: GatewayConfig, problems: Problems, portal: Portal) -> web.Application:
    """Return what serves the pages, and answers every refusal."""
    app = web.Application(
        middlewares=[measured(NAME), identified, middleware(problems, portal.problem)],
        client_max_size=_LARGEST_BODY,
    )
    app.on_response_prepare.append(guarded(config.public_url))
    portal.install(app)
    return app


def _refused(problems: Problems, dress: Dress) -> Refused:
    """Return what renders refusals that the HTTP server makes before the application is asked."""

    def refused(request: web.BaseRequest, refusal: Refusal) -> web.Response:
        response = problems.json(refusal, request)
        dress(request, response)
        return response

    return refused
