"""Every operation of the API, tried by everybody: who gets in, and who is turned away how."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from pyotp import TOTP

from services.gateway.api.operations import Operation, Operations
from services.gateway.api.routes import Api
from services.gateway.audit import AuditTrail
from services.gateway.live import LiveSessions
from services.gateway.model import SignedIn
from services.gateway.rendering import Problems
from services.gateway.requests import Requests
from services.gateway.sealing import Sealer
from services.gateway.step_up import RecentMinutes
from shared.texts import Catalogues
from tests.contract.http.gateway import WHERE, Gateway
from tests.memory.gateway import MemoryAnswers

Role = Literal["nobody", "user", "stranger", "stale", "admin"]
"""`stranger` is an admin of another organization, `stale` one who showed no factor of late."""
ROLES: tuple[Role, ...] = get_args(Role)

# What turns somebody away, by role; None where they get in, whatever comes of it then.
Turns = dict[Role, str | None]
ANYONE: Turns = dict.fromkeys(ROLES)
SERVER: Turns = dict.fromkeys(ROLES, "client-refused")
SIGNED_IN: Turns = {**ANYONE, "nobody": "session-required"}
ADMIN: Turns = {**SIGNED_IN, "user": "not-allowed-by-policy", "stale": "step-up-required"}
ADMIN_OF_THE_USER: Turns = {**ADMIN, "stranger": "not-found"}
AT_THE_DOOR = {each for turns in (SERVER, ADMIN_OF_THE_USER) for each in turns.values() if each}

TABLE: dict[str, Turns] = {
    "POST /sign-in": ANYONE,
    "POST /sign-in/passkey/options": ANYONE,
    "POST /sign-in/passkey": ANYONE,
    "POST /sign-in/{flow}/method": ANYONE,
    "POST /sign-in/{flow}/answer": ANYONE,
    "POST /sign-in/{flow}/action": ANYONE,
    "POST /password-reset": ANYONE,
    "GET /password-reset/{flow}": ANYONE,
    "POST /password-reset/{flow}/method": ANYONE,
    "POST /password-reset/{flow}/answer": ANYONE,
    "POST /password-reset/{flow}/password": ANYONE,
    "POST /password-reset/{flow}/contact": ANYONE,
    "POST /sign-out": SIGNED_IN,
    "POST /re-authenticate": SIGNED_IN,
    "POST /re-authenticate/send": SIGNED_IN,
    "POST /re-authenticate/options": SIGNED_IN,
    "GET /me": SIGNED_IN,
    "GET /me/photo": SIGNED_IN,
    "GET /me/sessions": SIGNED_IN,
    "DELETE /me/sessions/{sid}": SIGNED_IN,
    "POST /me/sign-out-everywhere": SIGNED_IN,
    "GET /me/receipts": SIGNED_IN,
    "GET /me/receipts/{id}": SIGNED_IN,
    "GET /me/events": SIGNED_IN,
    "POST /me/password": SIGNED_IN,
    "POST /me/password/check": SIGNED_IN,
    "GET /me/methods": SIGNED_IN,
    "POST /me/methods": SIGNED_IN,
    "POST /me/methods/{id}/send": SIGNED_IN,
    "POST /me/methods/{id}/prove": SIGNED_IN,
    "PATCH /me/methods/{id}": SIGNED_IN,
    "DELETE /me/methods/{id}": SIGNED_IN,
    "PUT /me/methods/default": SIGNED_IN,
    "GET /me/security-questions": SIGNED_IN,
    "POST /me/devices/forget-trust": SIGNED_IN,
    "GET /me/sign-ins": SIGNED_IN,
    "GET /me/sign-ins/export": SIGNED_IN,
    "POST /me/sign-ins/{id}/report": SIGNED_IN,
    "GET /me/personal-data": SIGNED_IN,
    "GET /me/devices": SIGNED_IN,
    "POST /me/devices/{id}/disable": SIGNED_IN,
    "GET /me/organizations": SIGNED_IN,
    "POST /me/organizations/{id}/leave": SIGNED_IN,
    "GET /me/invitations": SIGNED_IN,
    "POST /me/invitations/{id}/accept": SIGNED_IN,
    "POST /me/invitations/{id}/decline": SIGNED_IN,
    "GET /me/terms": SIGNED_IN,
    "GET /me/terms/history": SIGNED_IN,
    "GET /me/terms/{id}": SIGNED_IN,
    "GET /me/terms/{id}/file": SIGNED_IN,
    "POST /me/terms/{id}/accept": SIGNED_IN,
    "POST /me/terms/{id}/decline": SIGNED_IN,
    "POST /app-passwords/check": SERVER,
    "GET /admin/users": ADMIN,
    "POST /admin/users": ADMIN,
    "GET /admin/users/{id}": ADMIN_OF_THE_USER,
    "PATCH /admin/users/{id}": ADMIN_OF_THE_USER,
    "DELETE /admin/users/{id}": ADMIN_OF_THE_USER,
    "POST /admin/users/{id}/temporary-password": ADMIN_OF_THE_USER,
    "POST /admin/users/{id}/sign-out": ADMIN_OF_THE_USER,
    "POST /admin/users/{id}/disable": ADMIN_OF_THE_USER,
    "POST /admin/users/{id}/enable": ADMIN_OF_THE_USER,
    "POST /admin/users/{id}/require-security-info": ADMIN_OF_THE_USER,
    "GET /admin/users/{id}/devices": ADMIN_OF_THE_USER,
    "POST /admin/devices/{id}/enable": ADMIN_OF_THE_USER,
    "GET /admin/organizations": ADMIN,
    "GET /admin/organizations/{id}": ADMIN,
    "PUT /admin/organizations/{id}": ADMIN,
    "GET /admin/organizations/{id}/invitations": ADMIN,
    "POST /admin/organizations/{id}/invitations": ADMIN,
    "DELETE /admin/organizations/{id}/invitations/{invitation}": ADMIN,
    "GET /admin/organizations/{id}/members": ADMIN,
    "GET /admin/organizations/{id}/members/{sub}": ADMIN,
    "PATCH /admin/organizations/{id}/members/{sub}": ADMIN,
    "DELETE /admin/organizations/{id}/members/{sub}": ADMIN,
    "POST /admin/organizations/{id}/members/{sub}/restore": ADMIN,
    "GET /admin/terms": ADMIN,
    "POST /admin/terms": ADMIN,
    "GET /admin/terms/{id}": ADMIN,
    "PUT /admin/terms/{id}": ADMIN,
    "PUT /admin/terms/{id}/texts/{language}/pdf": ADMIN,
    "GET /admin/terms/{id}/texts/{language}/pdf": ADMIN,
    "DELETE /admin/terms/{id}": ADMIN,
    "POST /admin/terms/{id}/publish": ADMIN,
    "GET /admin/terms/{id}/acceptances": ADMIN,
    "GET /admin/terms/{id}/acceptances/export": ADMIN,
    "GET /admin/policy/methods": ADMIN,
    "PUT /admin/policy/methods": ADMIN,
    "GET /admin/policy/sessions": ADMIN,
    "PUT /admin/policy/sessions": ADMIN,
    "POST /admin/methods/import": ADMIN,
    "GET /admin/policy/password": ADMIN,
    "GET /admin/policy/portal": ADMIN,
    "PUT /admin/policy/portal": ADMIN,
    "PUT /admin/policy/password": ADMIN,
    "GET /admin/policy/reset": ADMIN,
    "PUT /admin/policy/reset": ADMIN,
    "GET /admin/audit": ADMIN,
    "GET /admin/audit/export": ADMIN,
    "GET /admin/parked-events": ADMIN,
    "POST /admin/parked-events/{id}/replay": ADMIN,
}
# Not found is what it says only where there is somebody to be found.
FINDS = {path for path, turns in TABLE.items() if turns is ADMIN_OF_THE_USER}


@dataclass(frozen=True)
class Door:
    """The API where it listens, with a token for everybody and a user to do things to."""

    client: TestClient[web.Request, web.Application]
    tokens: dict[str, str]
    user: str
    device: str

    async def turns_away(self, operation: str, role: Role) -> str | None:
        """Return what turns somebody away from an operation; None where they get in."""
        method, path = operation.split()
        path = path.replace("/devices/{id}", f"/devices/{self.device}")
        for name in ("{id}", "{sid}", "{flow}", "{language}", "{sub}", "{invitation}"):
            path = path.replace(name, self.user)
        shown = {"Authorization": f"Bearer {self.tokens[role]}"} if role in self.tokens else {}
        body: dict[str, str] | None = {} if method in {"POST", "PUT", "PATCH"} else None
        answer = await self.client.request(method, f"/api/v1{path}", json=body, headers=shown)
        async with answer:
            if answer.status < web.HTTPBadRequest.status_code:
                return None
            problem = await answer.json(content_type=None)
        slug = str(problem["type"]).removeprefix("/problems/")
        if problem.get("needs") == "reauthentication":
            # It is asked of everybody alike who changes how they sign in.
            return None
        is_found = slug != "not-found" or operation in FINDS
        return slug if slug in AT_THE_DOOR and is_found else None


def api(gateway: Gateway) -> Api:
    return Api(
        gateway.sign_in,
        gateway.registration,
        gateway.account,
        gateway.security_info,
        gateway.administration,
        gateway.users,
        gateway.policies,
        LiveSessions(gateway.acceptance),
        gateway.devices,
        gateway.activity,
        Catalogues.load(),
        AuditTrail(gateway.services.profile),
        gateway.password_reset,
        gateway.method_import,
        gateway.terms,
        gateway.data,
        gateway.organizations,
    )


def requests_to(gateway: Gateway) -> Requests:
    return Requests(
        gateway.acceptance,
        gateway.administration,
        Sealer(b"the secret of a test, long enough"),
        Catalogues.load(),
        (),
        {"mail": SecretStr("what the mail server shows")},
        gateway.admission,
    )


def application(gateway: Gateway, table: list[Operation]) -> web.Application:
    requests = requests_to(gateway)
    answer = Problems(requests.catalogues, requests).answer

    @web.middleware
    async def refusals(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except Exception as error:
            return answer(error, request)
        return response

    operations = Operations(requests, MemoryAnswers(), answer)
    app = web.Application(middlewares=[refusals])
    app.add_routes([operations.route(each) for each in table])
    return app


async def token_of(gateway: Gateway, name: str, **more: Any) -> tuple[str, str]:
    added = await gateway.add(name, **more)
    signed_in = await gateway.begin(name)
    assert isinstance(signed_in, SignedIn)
    return added.sub, signed_in.token


async def shows_a_factor(gateway: Gateway, token: str) -> None:
    caller = await gateway.acceptance.accept(token, WHERE)
    begun = await gateway.security_info.enroll_authenticator(caller, label="Phone")
    code = TOTP(begun.secret.get_secret_value()).at(gateway.services.memory.clock.now())
    await gateway.security_info.prove(caller, begun.id, SecretStr(code))


async def admin_token(gateway: Gateway) -> str:
    """Return that of an admin who has just shown a factor."""
    _, admin = await token_of(gateway, "ada", roles=("admin",))
    await shows_a_factor(gateway, admin)
    return admin


@asynccontextmanager
async def door(gateway: Gateway) -> AsyncIterator[Door]:
    user, token = await token_of(gateway, "robin")
    device = (await gateway.acceptance.accept(token, WHERE)).session.device_id
    _, stale = await token_of(gateway, "mei", roles=("admin",))
    _, stranger = await token_of(gateway, "zoe", organization="elsewhere", roles=("admin",))
    _, admin = await token_of(gateway, "ada", roles=("admin",))
    for each in (stale, stranger, admin):
        await shows_a_factor(gateway, each)
    gateway.services.memory.clock.advance(RecentMinutes * 60 + 1)
    for each in (stranger, admin):
        caller = await gateway.acceptance.accept(each, WHERE)
        await gateway.step_ups.proved(caller, str(caller.session.factor), "otp", "administration")
    tokens = {"user": token, "stranger": stranger, "stale": stale, "admin": admin}
    app = application(gateway, api(gateway).operations())
    async with TestClient(TestServer(app), timeout=ClientTimeout(total=10)) as client:
        yield Door(client, tokens, user, device)


def test_every_operation_is_in_the_table(gateway: Gateway) -> None:
    there = {f"{each.method} {each.path}" for each in api(gateway).operations()}
    assert there == set(TABLE)


@pytest.mark.asvs("8.2.1", "8.2.2", "8.3.1")
@pytest.mark.parametrize("operation", TABLE)
async def test_who_gets_in(gateway: Gateway, operation: str) -> None:
    async with door(gateway) as tried:
        turned = {role: await tried.turns_away(operation, role) for role in ROLES}
    assert turned == TABLE[operation]


async def test_whoever_is_turned_away_changes_nothing(gateway: Gateway) -> None:
    admin = await gateway.admin()
    async with door(gateway) as tried:
        before = await gateway.users.read(admin, tried.user)
        told = dict(gateway.services.memory.people.outbox)
        for operation, turns in TABLE.items():
            for role in ROLES:
                if turns[role] is not None:
                    await tried.turns_away(operation, role)
        assert await gateway.users.read(admin, tried.user) == before
        memory = gateway.services.memory
        assert {each.name for each in memory.epochs.outbox.values()} == {"credential-change"}
        assert len(memory.epochs.outbox) == 3
        assert memory.people.outbox == told
    assert (await gateway.caller("robin")).sub == tried.user
