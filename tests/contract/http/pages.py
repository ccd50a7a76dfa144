"""The portal's pages where they listen, over the capabilities of the contract's tests."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientTimeout, CookieJar, FormData, web
from aiohttp.test_utils import TestClient, TestServer

from services.gateway.audit import AuditTrail
from services.gateway.headers import guarded, identified
from services.gateway.portal.admin_pages import AdminFlows
from services.gateway.portal.pages import AccountFlows, Portal
from services.gateway.rendering import Problems, middleware
from services.gateway.requests import SESSION_COOKIE
from tests.contract.http.gateway import Gateway
from tests.contract.http.test_roles import requests_to


@dataclass
class Browser:
    """Somebody's browser, without scripts; `cookies` are sent along."""

    client: TestClient[web.Request, web.Application]
    gateway: Gateway
    cookies: dict[str, str] = field(default_factory=dict)

    def signed_in(self, token: str) -> "Browser":
        """Return the browser of who has this session."""
        return Browser(self.client, self.gateway, {SESSION_COOKIE: token})

    async def get(self, path: str) -> tuple[int, bytes, Mapping[str, str]]:
        """Read a page or a file."""
        return await self._ask("GET", path, None)

    async def post(self, path: str, form: FormData) -> tuple[int, bytes, Mapping[str, str]]:
        """Send a form of a page of ours."""
        shown = self.cookies.get(SESSION_COOKIE) or self.cookies["__Host-csrf"]
        form.add_field("csrf", requests_to(self.gateway).csrf_token(shown))
        return await self._ask("POST", path, form)

    async def _ask(
        self, method: str, path: str, form: FormData | None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": sent, "Accept": "text/html"}
        asked = self.client.request(method, path, data=form, headers=headers, allow_redirects=False)
        async with asked as answer:
            set_cookies = {name: each.value for name, each in answer.cookies.items()}
            self.cookies = {**self.cookies, **set_cookies}
            return answer.status, await answer.read(), answer.headers


@asynccontextmanager
async def pages(gateway: Gateway) -> AsyncIterator[Browser]:
    """Let the pages listen, to whoever comes."""
    requests = requests_to(gateway)
    own = AccountFlows(
        gateway.account,
        gateway.security_info,
        gateway.devices,
        gateway.activity,
        gateway.password_reset,
        gateway.data,
        gateway.organizations.own,
    )
    audit = AuditTrail(gateway.services.profile)
    guests = gateway.organizations.administration
    admin = AdminFlows(gateway.users, gateway.policies, audit, gateway.method_import, guests)
    portal = Portal(requests, requests.catalogues, gateway.registration, own, admin)
    problems = Problems(requests.catalogues, requests)
    app = web.Application(
        middlewares=[identified, middleware(problems, portal.problem)], client_max_size=64 * 1024
    )
    app.on_response_prepare.append(guarded("https://portal.example"))
    portal.install(app)
    jar, timeout = CookieJar(), ClientTimeout(total=20)
    async with TestClient(TestServer(app), cookie_jar=jar, timeout=timeout) as client:
        yield Browser(client, gateway)
