"""Every page that somebody gets to by the portal's own links is there."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from shared.contracts.policy import PortalPolicy
from shared.contracts.profile import Helpdesk
from tests.contract.http.gateway import Gateway
from tests.contract.http.pages import pages
from tests.contract.http.test_roles import admin_token, api, application, token_of
from tests.unit.gateway.system import problem_of

OWN = ("/", "/sessions", "/devices", "/activity", "/password", "/security", "/receipts", "/terms")
ADMINS = ("/admin", "/admin/users", "/admin/terms", "/admin/terms/new", "/admin/import")


async def test_the_pages_are_shown_to_whom_they_are_for(gateway: Gateway) -> None:
    _, token = await token_of(gateway, "kim")
    async with pages(gateway) as browser:
        kim, ada = browser.signed_in(token), browser.signed_in(await admin_token(gateway))
        answered = {path: (await kim.get(path))[0] for path in (*OWN, *ADMINS)}
        assert answered == dict.fromkeys(OWN, 200) | dict.fromkeys(ADMINS, 403)
        answered = {path: (await ada.get(path))[0] for path in (*OWN, *ADMINS)}
        assert answered == dict.fromkeys((*OWN, *ADMINS), 200)


async def test_the_first_page_says_when_the_password_was_set(gateway: Gateway) -> None:
    _, token = await token_of(gateway, "kim")
    async with pages(gateway) as browser:
        _, page, _ = await browser.signed_in(token).get("/")
    assert 'Last set on <time datetime="2026-03-01T12:00:00+00:00"' in " ".join(
        page.decode().split()
    )


AGAIN = "sign in again, change your password at once and tell"
WIEDER = "melden Sie sich bitte wieder an, ändern Sie sofort Ihr Kennwort und"


@pytest.mark.parametrize(
    ("desk", "english", "german"),
    [
        (
            Helpdesk(name="Front desk", phone="1 12", email="desk@x.example"),
            "tell Front desk at once: 1\N{NO-BREAK SPACE}12",
            "sagen Sie es bitte sofort: Front desk, 1\N{NO-BREAK SPACE}12",
        ),
        (
            Helpdesk(email="desk@x.example"),
            "tell your helpdesk at once: desk@x.example",
            "sagen Sie es bitte sofort Ihrem Helpdesk: desk@x.example",
        ),
        (
            Helpdesk(url="https://x.example/"),
            "tell your helpdesk at once: https://x.example/",
            "sagen Sie es bitte sofort Ihrem Helpdesk: https://x.example/",
        ),
        (
            Helpdesk(name="Front desk"),
            f"{AGAIN} Front desk.",
            f"{WIEDER} geben Sie Bescheid: Front desk",
        ),
        (
            Helpdesk(),
            f"{AGAIN} an admin of your organization.",
            f"{WIEDER} sagen Sie es einem Admin Ihrer Organisation.",
        ),
    ],
)
async def test_a_page_says_what_to_do_where_its_end_was_somebody_elses_doing(
    gateway: Gateway, desk: Helpdesk, english: str, german: str
) -> None:
    _, kim = await token_of(gateway, "kim", preferred_language="en")
    _, jan = await token_of(gateway, "jan", preferred_language="de")
    admin = await gateway.admin()
    await gateway.policies.put_portal(admin, PortalPolicy(helpdesk=desk), (0,))
    async with pages(gateway) as browser:
        for token, said in (
            (kim, f"If this was not you, {english}"),
            (jan, f"Wenn Sie das nicht waren, {german}"),
        ):
            _, page, _ = await browser.signed_in(token).get("/sessions")
            ended = page.decode().partition('<template id="ended">')[2].partition("</template>")[0]
            told = ended.partition('<p class="small">')[2].partition("</p>")[0]
            assert told.strip() == said


async def test_what_nothing_can_have_is_not_searched_for(gateway: Gateway) -> None:
    admin = await admin_token(gateway)
    async with pages(gateway) as browser:
        for path in ("/activity", "/admin/users"):
            status, _, _ = await browser.signed_in(admin).get(f"{path}?search=%00")
            assert status == 422
    app, shown = (
        application(gateway, api(gateway).operations()),
        {"Authorization": f"Bearer {admin}"},
    )
    async with TestClient(TestServer(app), headers=shown) as client:
        for path in ("/me/sign-ins", "/admin/users"):
            answered = await client.get(f"/api/v1{path}?search=fire%00fox")
            document = await problem_of(answered, 422, "invalid-request")
            assert document["errors"][0]["field"] == "search"
